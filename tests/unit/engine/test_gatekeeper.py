"""Pace and pauses of one endpoint, with a clock that moves only while somebody waits."""

from __future__ import annotations

import asyncio

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Endpoint, EndpointKind, Limits, PendingReason
from evalharness.engine.gatekeeper import Gatekeeper, RetryPurse
from evalharness.engine.stop import StopSignal


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


def test_calls_are_spaced_by_the_rate_and_served_in_the_order_they_came() -> None:
    async def starts() -> list[tuple[int, float]]:
        stop, found = Waiting(), []
        gate = gatekeeper(stop, requests_per_minute=60)

        async def one(number: int) -> None:
            assert await gate.admit_attempt()
            found.append((number, stop.now_ns / 1e9))

        await asyncio.gather(*(one(number) for number in range(4)))
        return found

    assert asyncio.run(starts()) == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_wait_the_service_names_pauses_every_call_of_the_endpoint() -> None:
    async def start() -> float:
        stop = Waiting()
        gate = gatekeeper(stop)
        failure = Failure(kind=FailureKind.RATE_LIMIT, message="HTTP 429", retry_after_ms=5_000)
        wait_ms = gate.wait_before_retry_ms([failure], call_id="c")
        assert wait_ms is not None and wait_ms >= 5_000
        assert await gate.admit_attempt()
        return stop.now_ns / 1e6 - wait_ms

    assert abs(asyncio.run(start())) < 1e-3


def test_only_what_a_pause_added_to_the_own_pace_was_asked_for_by_the_service() -> None:
    async def held_ms() -> list[float]:
        stop = Waiting()
        gate = gatekeeper(stop, requests_per_minute=30)
        failure = Failure(kind=FailureKind.RATE_LIMIT, message="HTTP 429", retry_after_ms=5_000)
        free = await gate.admit_attempt()
        wait_ms = gate.wait_before_retry_ms([failure], call_id="c")
        held, behind = [await gate.admit_attempt() for _ in range(2)]
        assert free and wait_ms and held and behind
        return [
            free.paused_ms(0), wait_ms - held.paused_ms(0), wait_ms - held.paused_ms(4_000_000_000),
            held.paused_ms(10**12), behind.paused_ms(0),
        ]  # fmt: skip

    # The second could go after 2 s by the rate. The third asks when the pause is over, and would not have to wait for
    # the second if that had gone when it could.
    assert asyncio.run(held_ms()) == pytest.approx([0, 2000, 4000, 0, 2000])


def test_nobody_is_admitted_once_the_run_stops() -> None:
    async def admitted() -> tuple[bool, bool | None]:
        stop = Waiting()
        stop.stop(PendingReason.BUDGET, "enough")
        gate = gatekeeper(stop)
        return await gate.admit_attempt(), await gate.admit_call()

    assert asyncio.run(admitted()) == (None, None)
