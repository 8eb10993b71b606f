"""The gates of a stored run judged anew, against a baseline where one is named. Nothing is written."""

from __future__ import annotations

from pathlib import Path

from evalharness.app.baseline import read_baseline, refuse_missing_trials
from evalharness.app.publish import Published
from evalharness.core.errors import UsageError
from evalharness.store import load
from evalharness.store.baseline_rows import load_baseline
from evalharness.store.runs import find
from evalharness.verdict.compare import analyse


def gate(run: str, baseline: str | None, out: Path) -> Published:
    """``baseline`` None: the one that the run was compared with last, if any.

    Raises ``UsageError`` where there is no such run or baseline, or no gate to judge.
    """
    folder = find(out, run)
    record = load.load(folder)
    if not record.plan.suite.gates:
        raise UsageError(
            f"the suite of run {record.manifest.run_id} has no gates",
            hint="write what has to hold under `gates:` and run it; `evalharness compare` compares without gates",
        )
    kept = load_baseline(folder) if baseline is None else read_baseline(baseline, out)
    if kept is not None:
        refuse_missing_trials(record.plan, kept)
    return Published(run=record, analysis=analyse(record, baseline=kept))
