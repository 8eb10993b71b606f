"""Who may send to one endpoint, and when: pace, pauses, retries, breaker and key, kept together for all its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ids import content_id
from evalharness.core.model import Endpoint, PendingReason
from evalharness.core.ports import Clock
from evalharness.core.record import Call, Stamps
from evalharness.core.units import NS_PER_MS, NS_PER_S, ns_from_ms
from evalharness.engine.stop import StopSignal
from evalharness.transport.breaker import Breaker, Gate, KeyWatch
from evalharness.transport.limits import Pace
from evalharness.transport.retry import RetryBudget, RetryDecision, decide

#: How long before its moment an attempt is prepared: rendered, encoded, connected, written down as begun, which may
#: have to wait for results that are being synced to a slow disk.
LEAD_NS = 250_000_000
#: How often a call that waits for another call's probe looks again.
LOOK_AGAIN_S = 0.25
#: Calls that failed before any was answered: then it is the address, the model or the request, not the case.
MAX_FAILED_AT_START = 20
#: The weight of the newest call in what a call typically takes.
_LEARNING_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """One attempt that may go at ``at_ns``, which may be past or up to ``LEAD_NS`` to come.

    ``own_ns``: when it could have gone by this client's own pace. What lies between the two is the service's doing: a
    pause that it asked for, of this call or of those before it, or that it was down and left alone.
    ``is_probe``: the call finds out whether it still is.
    """

    own_ns: int
    at_ns: int
    is_probe: bool = False

    @property
    def held_ms(self) -> float:
        return max(0, self.at_ns - self.own_ns) / NS_PER_MS


class RetryPurse:
    """The run-wide retry budget, shared by the gatekeepers of all endpoints."""

    def __init__(self) -> None:
        self.budget = RetryBudget()


class Gatekeeper:
    """Holds the state that the pure machines of ``transport`` give back. One per endpoint and run."""

    def __init__(self, endpoint: Endpoint, *, purse: RetryPurse, clock: Clock, stop: StopSignal) -> None:
        self._endpoint = endpoint
        self._purse = purse
        self._clock = clock
        self._stop = stop
        self._pace = Pace.of(endpoint.limits)
        # As if no pause had ever been asked for: what lies between the two is the service's doing. The pace alone
        # cannot tell, for whoever is held back by a pause holds back those behind it.
        self._own_pace = self._pace
        self._breaker = Breaker()
        self._key = KeyWatch()
        self._anybody_there = False
        self._n_failed_at_start: int | None = 0
        #: How long a call took lately, from sending to its end; None before the first answer.
        self.typical_ns: int | None = None

    async def admit(self, *, not_before_ns: int = 0, is_retry: bool = False) -> Admitted | None:
        """Wait for the endpoint's breaker (retries: not for that), pace and pauses; None: the run is stopping.

        Returns ``LEAD_NS`` before the attempt's moment, so that it can be prepared and sent in time. A pause that is
        asked for after that no longer holds it.
        """
        from_ns = max(not_before_ns, self._clock.monotonic_ns())
        own_ns = self._own_pace.earliest_ns(from_ns)
        self._own_pace = self._own_pace.started(own_ns)
        gate = Gate.GO
        if not is_retry and self._breaker.permission(from_ns).gate is not Gate.GO:
            gate = await self._let_through()
            from_ns = max(from_ns, self._clock.monotonic_ns() + LEAD_NS)
        # The place in the queue is taken before waiting: who asked first goes first.
        start_ns = self._pace.earliest_ns(from_ns)
        self._pace = self._pace.started(start_ns)
        while not self._stop.is_set:
            at_ns = max(start_ns, self._pace.paused_until_ns)
            wait_ns = at_ns - LEAD_NS - self._clock.monotonic_ns()
            if wait_ns <= 0:
                return Admitted(own_ns=own_ns, at_ns=at_ns, is_probe=gate is Gate.PROBE)
            await self._stop.sleep(wait_ns / NS_PER_S)
        return None

    async def _let_through(self) -> Gate:
        """Wait as long as the breaker is open: until it is closed, or this call is its probe, or the run stops."""
        while not self._stop.is_set:
            # Whoever is let through is sent a lead later.
            soon_ns = self._clock.monotonic_ns() + LEAD_NS
            permission = self._breaker.permission(soon_ns)
            if permission.gate is Gate.GO:
                break
            if permission.gate is Gate.PROBE:
                self._breaker = self._breaker.probe_sent()
                return Gate.PROBE
            if permission.gate is Gate.ABORT:
                self._abort("is down: it failed 20 calls in a row or half of the last 100, and three probes")
            elif permission.wait_until_ns is None:
                await self._stop.sleep(LOOK_AGAIN_S)
            else:
                await self._stop.sleep((permission.wait_until_ns - soon_ns) / NS_PER_S)
        return Gate.GO

    def after_failure(self, failures: Sequence[Failure], *, call_id: str) -> RetryDecision:
        """What follows the last failure of a call. A wait the service named pauses all its calls."""
        share = self._endpoint.retry.budget_share
        decision = decide(
            failures,
            policy=self._endpoint.retry,
            # From the call's identity, so that a repeated run waits alike and no random state is kept.
            jitter=int(content_id([call_id, len(failures)], digits=8), 16) / 16**8,
            budget=self._purse.budget,
        )
        if decision.wait_ms is not None:
            self._purse.budget = self._purse.budget.after_retry(share)
            if decision.hinted:
                self._pace = self._pace.paused(self._clock.monotonic_ns() + ns_from_ms(decision.wait_ms))
        return decision

    def call_ended(self, call: Call, *, probe: bool) -> None:
        """Learn from a call's end; stops the run where going on makes no sense."""
        failure, usage = call.failure, call.usage
        kind = None if failure is None else failure.kind
        self._breaker = self._breaker.call_ended(kind, now_ns=self._clock.monotonic_ns(), probe=probe)
        self._key = self._key.call_ended(kind)
        if failure is None:
            self._purse.budget = self._purse.budget.after_success()
            self._learn_length(call.last_attempt.stamps)
        if usage is not None:
            used = (usage.input_tokens or 0) + (usage.output_tokens or 0)
            self._pace = self._pace.settled(expected_tokens=0, used_tokens=used)
            self._own_pace = self._own_pace.settled(expected_tokens=0, used_tokens=used)
        if failure is None:
            self._n_failed_at_start = None
        elif self._n_failed_at_start is not None:
            self._n_failed_at_start += 1
        if failure is None or not _nobody_there(failure):
            self._anybody_there = True
        if failure is not None and self._key.abort_reason is not None:
            self._abort(f"{self._key.abort_reason} ({failure.message})")
        elif failure is not None and not self._anybody_there:
            # Every later call would fail alike: say so after one, not after twenty and three probes.
            self._abort(f"cannot be reached: {failure.message}")
        elif failure is not None and self._n_failed_at_start == MAX_FAILED_AT_START:
            self._abort(f"answered none of the first {MAX_FAILED_AT_START} calls; the last: {failure.message}")

    def _learn_length(self, stamps: Stamps) -> None:
        if stamps.sent_ns is None or stamps.done_ns is None:
            return
        took_ns = stamps.done_ns - stamps.sent_ns
        before_ns = took_ns if self.typical_ns is None else self.typical_ns
        self.typical_ns = round(before_ns + _LEARNING_SHARE * (took_ns - before_ns))

    def _abort(self, why: str) -> None:
        self._stop.stop(PendingReason.ABORTED, f"endpoint '{self._endpoint.name}': {why}")


def _nobody_there(failure: Failure) -> bool:
    """No connection came about: refused, unresolved, or never completed."""
    return failure.kind is FailureKind.CONNECTION or failure.clock is TimeoutClock.CONNECT
