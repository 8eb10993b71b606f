"""Pace and pauses of one endpoint, with a clock that moves only while somebody waits."""

from __future__ import annotations

import asyncio

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Endpoint, EndpointKind, Limits, PendingReason, Status
from evalharness.core.record import Attempt, AttemptStatus, Call, Purpose, Stamps
from evalharness.engine.gatekeeper import LEAD_NS, LOOK_AGAIN_S, Gatekeeper, RetryPurse
from evalharness.engine.stop import StopSignal
from evalharness.transport.breaker import MAX_IN_A_ROW, PROBE_AFTER_NS

S = 1_000_000_000


class Waiting(StopSignal):
    """Sleeping moves the clock to the earliest moment anybody waits for, as real time would."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.now_ns

    async def sleep(self, seconds: float) -> bool:
        until_ns = self.now_ns + round(seconds * 1e9)
        await asyncio.sleep(seconds / 1e6)
        self.now_ns = max(self.now_ns, until_ns)
        return not self.is_set


def gatekeeper(stop: Waiting, **limits: float) -> Gatekeeper:
    endpoint = Endpoint(name="e", kind=EndpointKind.HTTP, target="http://127.0.0.1:1/v1", limits=Limits(**limits))
    return Gatekeeper(endpoint, purse=RetryPurse(), clock=stop, stop=stop)


def failed(kind: FailureKind, retry_after_ms: float | None = None) -> Failure:
    return Failure(kind=kind, message="HTTP 429", retry_after_ms=retry_after_ms)


def ended(failure: Failure | None) -> Call:
    stamps = Stamps(sent_ns=0, done_ns=S)
    return Call(
        purpose=Purpose.SUBJECT, turn_index=0, request={}, status=Status.ERROR if failure else Status.OK,
        intended_ns=0, intended_utc_ns=0, failure=failure,
        attempts=(Attempt(index=0, status=AttemptStatus.OK, stamps=stamps),),
    )  # fmt: skip


def test_calls_are_spaced_by_the_rate_and_served_in_the_order_they_came() -> None:
    async def starts() -> list[tuple[int, float, bool]]:
        stop, found = Waiting(), []
        gate = gatekeeper(stop, requests_per_minute=60)

        async def one(number: int) -> None:
            admitted = await gate.admit()
            assert admitted and admitted.held_ms == 0
            found.append((number, admitted.at_ns / S, admitted.at_ns - stop.now_ns <= LEAD_NS))

        await asyncio.gather(*(one(number) for number in range(4)))
        return found

    assert asyncio.run(starts()) == [(0, 0.0, True), (1, 1.0, True), (2, 2.0, True), (3, 3.0, True)]


def test_a_wait_the_service_names_pauses_every_call_of_the_endpoint_to_the_moment() -> None:
    async def found() -> list[float]:
        stop = Waiting()
        gate = gatekeeper(stop)
        wait_ms = gate.after_failure([failed(FailureKind.RATE_LIMIT, 5_000)], call_id="c").wait_ms
        admitted = await gate.admit()
        assert wait_ms is not None and wait_ms >= 5_000 and admitted
        return [admitted.at_ns / 1e6 - wait_ms, admitted.held_ms - wait_ms, stop.now_ns - (admitted.at_ns - LEAD_NS)]

    # Told a quarter of a second before, so that it is prepared by then.
    assert asyncio.run(found()) == pytest.approx([0, 0, 0], abs=1e-3)


def test_a_pause_that_is_prolonged_while_it_is_waited_for_holds_to_its_new_end() -> None:
    async def found() -> list[float]:
        stop = Waiting()
        gate = gatekeeper(stop)
        gate.after_failure([failed(FailureKind.RATE_LIMIT, 5_000)], call_id="c")
        held = asyncio.create_task(gate.admit())
        await asyncio.sleep(0)
        longer_ms = gate.after_failure([failed(FailureKind.RATE_LIMIT, 9_000)], call_id="d").wait_ms
        admitted = await held
        assert longer_ms and admitted
        return [admitted.at_ns / 1e6 - longer_ms]

    assert asyncio.run(found()) == pytest.approx([0], abs=1e-3)


def test_only_what_a_pause_added_to_the_own_pace_was_asked_for_by_the_service() -> None:
    async def held_ms() -> list[float]:
        stop = Waiting()
        gate = gatekeeper(stop, requests_per_minute=30)
        free = await gate.admit()
        wait_ms = gate.after_failure([failed(FailureKind.RATE_LIMIT, 5_000)], call_id="c").wait_ms
        held, behind, late = [await gate.admit(not_before_ns=after_s * S) for after_s in (0, 0, 9)]
        assert free and wait_ms and held and behind and late
        return [free.held_ms, wait_ms - held.held_ms, behind.held_ms, late.held_ms - (wait_ms - 5_000)]

    # The second could go after 2 s by the rate. The third asks a lead before the pause is over; it would not have to
    # wait for the second if that had gone when it could. The fourth is meant for a moment at which the third still
    # takes up the rate.
    assert asyncio.run(held_ms()) == pytest.approx([0, 2_000, 2_250, 0], abs=1e-3)


def test_a_call_is_not_held_before_the_moment_it_is_meant_for() -> None:
    async def found() -> tuple[int, float]:
        stop = Waiting()
        gate = gatekeeper(stop)
        gate.after_failure([failed(FailureKind.RATE_LIMIT, 5_000)], call_id="c")
        admitted = await gate.admit(not_before_ns=10 * S)
        assert admitted
        return admitted.at_ns, admitted.held_ms

    assert asyncio.run(found()) == (10 * S, 0)


def test_what_an_endpoint_that_is_down_is_left_alone_for_is_the_services_doing() -> None:
    async def found() -> list[object]:
        stop = Waiting()
        gate = gatekeeper(stop)
        gate.call_ended(ended(None), probe=False)
        for _ in range(MAX_IN_A_ROW):
            gate.call_ended(ended(failed(FailureKind.SERVER)), probe=False)
        retry = await gate.admit(is_retry=True)
        assert retry
        probe = asyncio.create_task(gate.admit())
        behind = asyncio.create_task(gate.admit())
        probed = await probe
        assert probed and not behind.done()
        stop.now_ns += 5 * S
        gate.call_ended(ended(None), probe=True)
        after = await behind
        free = await gate.admit()
        assert after and free
        # Looked for once more, and then sent with a lead.
        late_ms = after.held_ms - (PROBE_AFTER_NS + 5 * S - LEAD_NS) / 1e6
        return [
            retry.held_ms, probed.is_probe, probed.held_ms, probed.at_ns, after.is_probe,
            0 <= late_ms <= (LOOK_AGAIN_S * S + LEAD_NS) / 1e6 + 1, free.held_ms,
        ]  # fmt: skip

    half_minute_ms = PROBE_AFTER_NS / 1e6
    assert asyncio.run(found()) == [0, True, half_minute_ms, PROBE_AFTER_NS, False, True, 0]


def test_nobody_is_admitted_once_the_run_stops() -> None:
    async def admitted() -> tuple[object, object]:
        stop = Waiting()
        stop.stop(PendingReason.BUDGET, "enough")
        gate = gatekeeper(stop)
        return await gate.admit(), await gate.admit(is_retry=True)

    assert asyncio.run(admitted()) == (None, None)
