"""Open loops, stretches that time ends, and steps one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, pairwise

import pytest

from evalharness.core.model import Trial
from evalharness.core.ports import Stretch
from evalharness.engine.gatekeeper import LEAD_NS
from evalharness.load_shapes.closed import Closed
from tests.support.engine_bench import Bench, Writer, answer, http_error


@dataclass(frozen=True)
class Every:
    """A trial each ``gap_ns``, for ever."""

    gap_ns: int
    max_in_flight: None = None
    think_ns: int = 0

    def offsets_ns(self, stream: str) -> Iterator[int]:
        return (place * self.gap_ns for place in count())


def test_an_open_loop_counts_from_the_moment_each_trial_was_meant_for() -> None:
    bench = Bench(answer("7"), n=4)
    started_ns = bench.clock.now_ns
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=Every(5_000_000)),))
    bench.run()
    intended = [result.calls[0].intended_ns for result in bench.writer.results.values()]
    assert [later - earlier for earlier, later in pairwise(intended)] == [5_000_000] * 3
    assert LEAD_NS < intended[0] - started_ns <= LEAD_NS + 2_000_000, "the first is prepared in time too"
    assert bench.transport.moments_ns == intended, "nothing is sent before its moment"


def test_a_call_that_a_pause_of_the_service_held_back_says_how_long() -> None:
    bench = Bench(http_error(429, "rate_limit_exceeded", {"retry-after": "7"}), answer("7"), n=12)
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=Every(100_000_000)),))
    bench.run()
    refused, *_, early, late = (bench.writer.results[f"t{place}"].calls[0] for place in range(12))
    assert refused.attempts[0].wait_ms == 0
    waits_ms = [call.attempts[0].wait_ms for call in (early, late)]
    assert waits_ms[0] - waits_ms[1] == pytest.approx(100), "both until the pause was over"
    assert 5_000 < waits_ms[1] < 7_000


class SlowWriter(Writer):
    """Writing an attempt down takes 50 ms of the bench's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.written_ns: list[int] = []

    async def begin_attempt(self, trial_id: str, turn_index: int, attempt_index: int) -> None:
        await super().begin_attempt(trial_id, turn_index, attempt_index)
        self.bench.clock.now_ns += 50_000_000
        self.written_ns.append(self.bench.clock.now_ns)


@pytest.mark.parametrize("shape", [Every(100_000_000), Closed(max_in_flight=2, think_ns=0)])
def test_what_a_pause_held_back_is_written_down_before_its_end_and_sent_at_its_end(shape: Every | Closed) -> None:
    writer = SlowWriter()
    refused = http_error(429, "rate_limit_exceeded", {"retry-after": "7"})
    bench = writer.bench = Bench(refused, answer("7"), n=4, writer=writer)
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=shape),))
    bench.run()
    attempts = {
        (trial_id, attempt.index): (result.calls[0].intended_ns, attempt.wait_ms)
        for trial_id, result in writer.results.items()
        for attempt in result.calls[0].attempts
    }
    begun = [(trial_id, index) for trial_id, _, index in writer.begun]
    paused = [(*row, key) for *row, key in zip(writer.written_ns, bench.transport.moments_ns, begun, strict=True)
              if attempts[key][1] > 0]  # fmt: skip
    assert len(paused) >= 2
    for written_ns, sent_ns, (trial_id, index) in paused:
        assert sent_ns is not None and written_ns < sent_ns < written_ns + LEAD_NS
        intended_ns, wait_ms = attempts[trial_id, index]
        if index == 0:
            assert sent_ns == pytest.approx(intended_ns + wait_ms * 1e6, abs=1), "nothing is left for this client"


def test_a_closed_loop_means_the_moment_it_is_ready_to_send() -> None:
    bench = Bench(answer("7"), n=2)
    bench.run()
    call = bench.writer.results["t1"].calls[0]
    assert bench.transport.moments_ns == [None, None]
    assert call.intended_ns > bench.writer.results["t0"].calls[0].intended_ns


def test_a_list_that_is_over_before_its_time_is_repeated_and_cut_by_time() -> None:
    bench = Bench(answer("7"), n=2)

    def more(endpoint: str, step: int) -> list[Trial]:
        n = len(bench.writer.added)
        return [
            Trial(trial_id=f"m{n + i}", case_id=f"c{i}", arm_id="arm", repeat_index=1 + n // 2, step=step)
            for i in range(2)
        ]

    # Ten moments in 0.05 s: two of the list, eight of further passes.
    stretch = Stretch(shape=Every(5_000_000), seconds=0.05)
    bench.conduct = replace(bench.conduct, stretches=(stretch,), more=more)
    bench.run()
    assert len(bench.writer.results) == 10
    assert [trial.trial_id for trial in bench.writer.added][:8] == list(bench.writer.results)[2:]
    assert bench.stop.reason is None, "a run that time ends is complete"


def test_a_closed_stretch_ends_at_its_time() -> None:
    bench = Bench(answer("7"), n=500)
    bench.conduct = replace(bench.conduct, stretches=(replace(bench.conduct.stretches[0], seconds=0.2),))
    bench.run()
    # Each look at the clock is a millisecond later, and each trial looks several times.
    assert 5 < len(bench.writer.results) < 200


def test_steps_come_one_after_the_other_with_their_own_trials() -> None:
    bench = Bench(answer("7"), n=4)
    bench.trials = [replace(trial, step=i % 2) for i, trial in enumerate(bench.trials)]
    closed = bench.conduct.stretches[0]
    bench.conduct = replace(bench.conduct, stretches=(closed, replace(closed, step=1)))
    bench.run()
    assert list(bench.writer.results) == ["t0", "t2", "t1", "t3"]


def test_what_an_earlier_session_measured_of_a_stretch_is_not_measured_again() -> None:
    bench = Bench(answer("7"), n=50)
    stretch = Stretch(shape=Every(10_000_000), seconds=0.1)
    bench.conduct = replace(bench.conduct, stretches=(stretch,), measured_ns={0: 70_000_000})
    bench.run()
    # Of the ten moments in 0.1 s those at 70, 80 and 90 ms are left.
    assert len(bench.writer.results) == 3


def test_an_open_loop_without_room_is_late_and_says_so_by_its_intended_start() -> None:
    bench = Bench(answer("7"), n=3)
    bench.conduct = replace(bench.conduct, stretches=(Stretch(shape=Every(1)),), max_in_flight=1)
    bench.run()
    results = list(bench.writer.results.values())
    assert len(results) == 3
    assert results[2].calls[0].intended_ns - results[0].calls[0].intended_ns == 2
