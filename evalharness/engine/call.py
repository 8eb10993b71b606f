"""One logical call: attempts, the waits between them, and the answer of the one that succeeded."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from evalharness.core.errors import StoreError
from evalharness.core.events import AttemptFailed
from evalharness.core.model import Endpoint, Json, PendingReason, Status, Trial
from evalharness.core.ports import Clock, Exchange, Exchanger, HttpRequest, WireProtocol, WireRequest
from evalharness.core.record import Attempt, AttemptStatus, Call, Purpose
from evalharness.core.units import NS_PER_S, ns_from_ms
from evalharness.engine.budget import Ledger
from evalharness.engine.gatekeeper import LEAD_NS, Gatekeeper
from evalharness.engine.response_ids import ResponseIds
from evalharness.engine.stop import StopSignal
from evalharness.metrics.pricing import cost_usd
from evalharness.wire.anomalies import Anomaly
from evalharness.wire.redact import redact

#: A service may put anything into a header; no id is longer.
MAX_REQUEST_ID_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a call asks, in the words of the Responses API. ``client_request_id`` is the same for all its attempts."""

    trial: Trial
    client_request_id: str
    model: str
    input: Json
    request: Mapping[str, Json]
    purpose: Purpose
    turn_index: int


class CutOffError(Exception):
    """A stop came before the call had ended; ``call`` holds the attempts so far, None if there was none."""

    def __init__(self, reason: PendingReason, call: Call | None) -> None:
        super().__init__(f"cut off: {reason}")
        self.reason = reason
        self.call = call


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One endpoint's way out: its codec for requests, who exchanges them for answers, and who keeps its gate.

    ``begin_attempt`` is told of every attempt before it is sent. Where it cannot be written down (``StoreError``) it is
    not sent, and the run stops: calls in flight were paid for, and may still find room.
    ``attempt_failed`` hears of every failure and what follows. ``response_ids`` are those of
    the whole run.
    """

    endpoint: Endpoint
    codec: WireProtocol
    exchanger: Exchanger
    gatekeeper: Gatekeeper
    ledger: Ledger
    clock: Clock
    stop: StopSignal
    secrets: tuple[str, ...]
    begin_attempt: Callable[[str, int, int], Awaitable[None]]
    attempt_failed: Callable[[AttemptFailed], None]
    response_ids: ResponseIds = field(default_factory=ResponseIds)

    @property
    def typical_ns(self) -> int | None:
        """How long a call of this endpoint took lately; None before the first answer."""
        return self.gatekeeper.typical_ns

    async def ask(self, question: Question, *, intended_ns: int | None) -> Call:
        """Try until there is an answer or a final failure.

        ``intended_ns`` None: whenever this client is ready to send, the closed loop's own pace and preparation done.
        Waits that are the service's doing come after that moment and count.

        Raises:
            CutOffError: the run is stopping and no further attempt may be sent.
        """
        wire = self.codec.encode(model=question.model, input=question.input, request=question.request)
        outgoing = _http_request(wire, question)
        call = _unanswered(question, wire, self.clock.monotonic_ns(), self.clock)
        is_probe, not_before_ns, retry_ms = False, intended_ns or 0, 0.0
        while True:
            index = len(call.attempts)
            admitted = await self.gatekeeper.admit(not_before_ns=not_before_ns, is_retry=index > 0)
            if admitted is None or not self._within_budget():
                raise self._cut_off(call)
            try:
                await self.begin_attempt(question.trial.trial_id, question.turn_index, index)
            except StoreError:
                self.stop.stop(PendingReason.ABORTED, "the run folder cannot be written")
                raise self._cut_off(call) from None
            ready_ns = self.clock.monotonic_ns()
            if index == 0:
                is_probe = admitted.is_probe
                own_ns = admitted.own_ns if admitted.held_ms else max(admitted.own_ns, ready_ns)
                call = _intended(call, own_ns if intended_ns is None else intended_ns, self.clock)
            at_ns = admitted.at_ns if admitted.at_ns > ready_ns else None
            exchange = await self.exchanger.exchange(outgoing, stream=wire.stream, at_ns=at_ns)
            call = self._with_attempt(call, exchange, retry_ms + admitted.held_ms)
            if call.failure is None:
                break
            failures = [attempt.failure for attempt in call.attempts if attempt.failure is not None]
            decision = self.gatekeeper.after_failure(failures, call_id=question.client_request_id)
            wait_ms = decision.wait_ms
            self.attempt_failed(
                AttemptFailed(
                    trial=question.trial,
                    attempt_index=index,
                    failure=call.failure,
                    wait_ms=wait_ms,
                    reason=decision.reason,
                )
            )
            if wait_ms is None:
                break
            retry_ms, not_before_ns = wait_ms, self.clock.monotonic_ns() + ns_from_ms(wait_ms)
            await self.stop.sleep((ns_from_ms(wait_ms) - LEAD_NS) / NS_PER_S)
        self.gatekeeper.call_ended(call, probe=is_probe)
        return call

    def _within_budget(self) -> bool:
        """Count one more attempt, or stop the run. Nothing is awaited in between, so a limit on calls is exact."""
        spent = self.ledger.exhausted(self.clock.monotonic_ns())
        if spent is not None:
            self.stop.stop(PendingReason.BUDGET, spent)
            return False
        self.ledger.count_attempt()
        return True

    def _with_attempt(self, call: Call, exchange: Exchange, wait_ms: float) -> Call:
        """The call after one more attempt. Its cost is the sum over attempts that reported usage."""
        decoded = exchange.decoded
        attempt_usd = cost_usd(decoded.usage, self.endpoint.prices)
        if self.endpoint.prices is not None and (decoded.failure is None or decoded.usage is not None):
            self.ledger.count_cost(attempt_usd)
        known = [usd for usd in (call.cost_usd, attempt_usd) if usd is not None]
        attempt = _attempt(len(call.attempts), exchange, wait_ms)
        if attempt.request_id is not None:
            request_id = redact(attempt.request_id, self.secrets)[:MAX_REQUEST_ID_CHARACTERS]
            attempt = replace(attempt, request_id=request_id)
        return replace(
            call,
            status=decoded.status,
            attempts=(*call.attempts, attempt),
            answer=decoded.answer,
            usage=decoded.usage,
            failure=decoded.failure,
            anomalies=(*decoded.anomalies, *self._oddities(call, exchange)),
            cost_usd=sum(known) if known else None,
        )

    def _oddities(self, before: Call, exchange: Exchange) -> Iterator[Anomaly]:
        """What no decoder can know, who sees one answer alone."""
        if exchange.tape.resent or Anomaly.RESENT in before.anomalies:
            yield Anomaly.RESENT
        response_id = exchange.decoded.answer.response_id
        if exchange.decoded.failure is None and response_id and self.response_ids.seen_before(response_id):
            yield Anomaly.REPEATED_ID

    def _cut_off(self, call: Call) -> CutOffError:
        reason = self.stop.reason or PendingReason.INTERRUPTED
        return CutOffError(reason, call if call.attempts else None)


def _unanswered(question: Question, wire: WireRequest, now_ns: int, clock: Clock) -> Call:
    return Call(
        purpose=question.purpose,
        turn_index=question.turn_index,
        request=wire.body,
        status=Status.ERROR,
        intended_ns=now_ns,
        intended_utc_ns=clock.utc_ns(),
        attempts=(),
    )


def _intended(call: Call, intended_ns: int, clock: Clock) -> Call:
    """Dated on both clocks; a moment that is still to come has its date too."""
    intended_utc_ns = clock.utc_ns() - (clock.monotonic_ns() - intended_ns)
    return replace(call, intended_ns=intended_ns, intended_utc_ns=intended_utc_ns)


def _http_request(wire: WireRequest, question: Question) -> HttpRequest:
    return HttpRequest(
        path=wire.path,
        headers={
            "content-type": "application/json",
            "accept": "text/event-stream" if wire.stream else "application/json",
            "x-client-request-id": question.client_request_id,
        },
        # Escaped to ASCII, so that any text a case may hold, lone surrogates included, can be sent.
        body=json.dumps(wire.body, separators=(",", ":"), allow_nan=False).encode("ascii"),
    )


def _attempt(index: int, exchange: Exchange, wait_ms: float) -> Attempt:
    tape, decoded = exchange.tape, exchange.decoded
    stamps = replace(
        decoded.stamps,
        sent_ns=tape.sent_ns,
        headers_ns=tape.headers_ns,
        connect_ns=tape.connect_ns,
        closed_ns=tape.closed_ns,
    )
    return Attempt(
        index=index,
        status=AttemptStatus.OK if decoded.failure is None else AttemptStatus.ERROR,
        stamps=stamps,
        wait_ms=wait_ms,
        http_status=None if tape.head is None else tape.head.status,
        failure=decoded.failure,
        connection_reused=tape.connection_reused,
        n_events=decoded.n_events,
        n_deltas=decoded.n_deltas,
        n_reads=decoded.n_reads,
        unknown_events=decoded.unknown_events,
        request_id=None if tape.head is None else tape.head.headers.get("x-request-id"),
        partial_text=decoded.partial_text,
        observed=exchange.observed,
    )
