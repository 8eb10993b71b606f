"""What a person sees while a run goes on."""

from __future__ import annotations

import io

from evalharness.app.progress import LiveProgress, NoProgress, PlainProgress
from evalharness.app.tally import ArmTally
from evalharness.core.events import AttemptFailed, RunStarted, RunStopping, TrialFinished
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.record import RunRecord
from tests.support.runs import make_run


class Clock:
    """Three seconds pass between two looks."""

    def __init__(self) -> None:
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        self.now_ns += 3_000_000_000
        return self.now_ns


def told(progress: PlainProgress, run: RunRecord, *, found: int = 0) -> None:
    trials = [trial for trial in run.plan.trials if trial.phase == "measured"]
    arms = {arm.arm_id: arm for arm in run.plan.arms}
    finished = {trial.trial_id: run.results[trial.trial_id] for trial in trials[:found]}
    progress.receive(RunStarted(plan=run.plan, run_id="r1", finished=finished))
    for trial in trials[found:]:
        result = run.results[trial.trial_id]
        progress.receive(TrialFinished(trial=trial, arm=arms[trial.arm_id], result=result))
    progress.close()


RUN = make_run(arms=2, cases=10, repeats=1, seed=3)


def failed_attempt(failure: Failure, wait_ms: float | None) -> AttemptFailed:
    return AttemptFailed(trial=RUN.plan.trials[0], attempt_index=0, failure=failure, wait_ms=wait_ms, reason="")


def test_plain_lines_come_every_ten_seconds_with_a_line_per_arm() -> None:
    stream = io.StringIO()
    told(PlainProgress(stream, Clock()), RUN)
    blocks = stream.getvalue().count(" of 20 trials")
    assert blocks == 5, "twenty looks three seconds apart are sixty seconds, a line every four looks"
    assert "  none: 2/10, quality " in stream.getvalue()


def test_a_resumed_run_counts_what_it_found() -> None:
    stream = io.StringIO()
    told(PlainProgress(stream, Clock()), RUN, found=12)
    assert "resuming r1: 12 trials are finished and kept" in stream.getvalue()
    assert "16 of 20 trials" in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_table_shows_every_arm() -> None:
    stream = Terminal()
    progress = LiveProgress(stream, Clock())
    told(progress, RUN)
    assert "first output p50" in stream.getvalue()
    assert "none" in stream.getvalue()


def test_quiet_says_only_that_a_run_stops() -> None:
    stream = io.StringIO()
    progress = NoProgress(stream, Clock())
    told(progress, RUN)
    failure = Failure(kind=FailureKind.SERVER, message="HTTP 500")
    progress.receive(failed_attempt(failure, None))
    assert stream.getvalue() == ""
    progress.receive(RunStopping(reason="interrupted", n_in_flight=2, grace_s=10.0))
    assert stream.getvalue() == "stopping: interrupted; no new call, 2 calls in flight, given 10 s\n"


def test_only_a_final_failure_is_said() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, Clock())
    failure = Failure(kind=FailureKind.SERVER, message="HTTP 500")
    for wait_ms in (500.0, None):
        progress.receive(failed_attempt(failure, wait_ms))
    assert stream.getvalue().count("server: HTTP 500") == 1


def test_the_running_interval_is_wilsons_over_cases() -> None:
    # 8 of 10: Wilson 95% is 49.0% to 94.3%. Source: Newcombe 1998 formula, computed by statsmodels proportion_confint.
    tally = ArmTally(label="a", score_by_case={str(i): [float(i < 8)] for i in range(10)})
    mean, low, high = tally.quality or (0, 0, 0)
    assert (round(mean, 3), round(low, 3), round(high, 3)) == (0.8, 0.490, 0.943)
