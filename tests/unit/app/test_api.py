"""The Python face over a stored run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import evalharness
from evalharness.app.api import Run
from evalharness.core.errors import UsageError
from tests.support.runs import make_run
from tests.support.stored import store_run

RECORD = make_run(arms=3, cases=30, repeats=2, seed=5)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(store_run(tmp_path, RECORD))


def test_any_two_arms_can_be_compared_by_their_labels(run: Run) -> None:
    grader = run.analysis.primary
    forth = run.comparisons[grader]["medium", "none"]
    back = run.comparisons[grader]["none", "medium"]
    assert forth.estimate.point == pytest.approx(-back.estimate.point)
    assert forth.estimate.lower == pytest.approx(-back.estimate.upper)
    assert len(list(run.comparisons[grader])) == len(run.comparisons[grader]) == 6


def test_an_unknown_arm_names_those_there_are(run: Run) -> None:
    with pytest.raises(UsageError) as problem:
        run.comparisons[run.analysis.primary]["huge", "none"]
    assert "none, low, medium" in (problem.value.hint or "")


def test_the_frame_has_a_row_per_trial_and_numbers_as_numbers(run: Run) -> None:
    frame = run.to_frame()
    assert len(frame) == 180
    latencies = [result.calls[-1].last_attempt.stamps for result in RECORD.results.values() if result.status == "ok"]
    first = min((stamps.done_ns - stamps.sent_ns) / 1e6 for stamps in latencies)
    column = next(name for name in frame.columns if name.endswith("latency_ms"))
    assert frame.loc[frame["status"] == "ok", column].min() == pytest.approx(first)
    assert set(frame["status"]) <= {"ok", "error", "incomplete", "refused"}


def test_two_stored_runs_are_compared_arm_by_arm(tmp_path: Path) -> None:
    old, new = (make_run(arms=2, cases=12, seed=seed) for seed in (1, 2))
    new = replace(new, manifest=replace(new.manifest, run_id="20261102T120000Z-beef"))
    folders = [store_run(tmp_path / name, run) for name, run in (("old", old), ("new", new))]
    found = evalharness.compare(folders[0], Run(folders[1]))
    assert found.baseline_run is not None
    assert (found.baseline_run.run_id, found.baseline_run.n_paired) == (old.manifest.run_id, 12)
    assert [each.candidate for each in found.against_run["answer"]] == [arm.arm_id for arm in new.plan.arms]
