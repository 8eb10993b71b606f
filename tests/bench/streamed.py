"""Results as a streamed endpoint gives them, with stamps of realistic entropy: what a store is filled with."""

from __future__ import annotations

from array import array
from dataclasses import replace

import numpy as np

from evalharness.core.clock import SystemClock
from evalharness.core.model import Status
from evalharness.core.record import (
    Answer,
    Attempt,
    AttemptStatus,
    Call,
    Observed,
    Purpose,
    RunRecord,
    RunState,
    Score,
    Stamps,
    StampSource,
    TrialResult,
    Usage,
)
from tests.support.runs import make_run

N_DELTAS = 50


def planned(n_cases: int, n_repeats: int) -> RunRecord:
    """A run of one arm, complete but without results."""
    run = make_run(arms=1, cases=n_cases, repeats=n_repeats, pending=1.0)
    return replace(run, manifest=replace(run.manifest, state=RunState.COMPLETE, stop_reason=None), results={})


class Stream:
    """Trial results one after the other, 5 ms apart; the same for the same seed but for where the clocks stand."""

    def __init__(self, seed: int) -> None:
        self._draws = np.random.default_rng(seed)
        self._intended_ns = SystemClock().monotonic_ns()
        self._utc_off_ns = SystemClock().utc_ns() - self._intended_ns

    def result(self, trial_id: str) -> TrialResult:
        self._intended_ns += 5_000_000
        usage = Usage(
            input_tokens=self._count(40, 900),
            cached_tokens=0,
            output_tokens=self._count(50, 400),
            reasoning_tokens=self._count(0, 50),
        )
        cost_usd = ((usage.input_tokens or 0) * 0.75 + (usage.output_tokens or 0) * 4.5) / 1e6
        call = Call(
            purpose=Purpose.SUBJECT,
            turn_index=0,
            request={"model": "sim-mini", "input": "What is six times seven?"},
            status=Status.OK,
            intended_ns=self._intended_ns,
            # Two clocks, read one after the other.
            intended_utc_ns=self._intended_ns + self._utc_off_ns + self._ns(400, 0.8),
            attempts=(self._attempt(),),
            answer=Answer(text="The answer is 42.", stop_reason="completed", model_reported="sim-mini"),
            usage=usage,
            cost_usd=cost_usd,
        )
        right = float(self._draws.random() < 0.7)
        scores = {"answer": Score(grader="numeric", value=right, passed=right >= 1)}
        return TrialResult(trial_id=trial_id, status=Status.OK, calls=(call,), scores=scores, cost_usd=cost_usd)

    def _attempt(self) -> Attempt:
        return Attempt(
            index=0,
            status=AttemptStatus.OK,
            stamps=self._stamps(),
            http_status=200,
            connection_reused=True,
            n_events=N_DELTAS + 5,
            n_deltas=N_DELTAS,
            n_reads=N_DELTAS,
            observed=Observed(
                source=StampSource.KERNEL,
                send_ns=self._ns(40_000, 0.3),
                max_lag_ns=self._ns(300_000, 0.8),
                first_output_error_ns=self._ns(20_000, 0.5),
                done_error_ns=self._ns(20_000, 0.5),
            ),
        )

    def _stamps(self) -> Stamps:
        sent_ns = self._intended_ns + self._ns(100_000, 0.8)
        headers_ns = sent_ns + self._ns(3_000_000, 0.3)
        first_ns = sent_ns + self._ns(200_000_000, 0.3)
        gaps_ns = self._draws.lognormal(np.log(10e6), 0.5, N_DELTAS - 1)
        deltas_ns = first_ns + np.concatenate([[0], np.cumsum(gaps_ns)]).astype(np.int64)
        last_ns = int(deltas_ns[-1])
        done_ns = last_ns + self._ns(1_000_000, 1.0)
        return Stamps(
            sent_ns=sent_ns,
            headers_ns=headers_ns,
            first_event_ns=headers_ns + self._ns(50_000, 1.0),
            first_output_ns=first_ns,
            last_output_ns=last_ns,
            done_ns=done_ns,
            closed_ns=done_ns + self._ns(100_000, 0.8),
            deltas_ns=array("q", deltas_ns.tolist()),
        )

    def _ns(self, median: float, sigma: float) -> int:
        return int(self._draws.lognormal(np.log(median), sigma))

    def _count(self, least: int, most: int) -> int:
        return int(self._draws.integers(least, most))
