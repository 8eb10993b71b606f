"""A stored run against a baseline: another stored run, or a baseline file. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalharness.app.baseline import read_baseline, refuse_missing_trials
from evalharness.app.exit_code import exit_code_of
from evalharness.core.errors import ExitCode, UsageError
from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.store import load
from evalharness.store.runs import find
from evalharness.verdict.baseline_trials import Kept
from evalharness.verdict.compare import analyse


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    run: RunRecord
    analysis: Analysis

    @property
    def exit_code(self) -> ExitCode:
        return exit_code_of(self.run, self.analysis)


def compare(baseline: str, candidate: str, out: Path) -> Compared:
    """Both as a person names them.

    Raises ``UsageError`` where either is not there, where both are one run, and where a gate needs more than the
    baseline holds. Runs that cannot be compared are a result (``BaselineSource.invalid``), not an error.
    """
    kept = read_baseline(baseline, out)
    record = load.load(find(out, candidate))
    if kept.has_trials and kept.facts.run_id == record.manifest.run_id:
        raise UsageError(f"both are run {record.manifest.run_id}", hint="name two runs: `evalharness list`")
    return compared(record, kept)


def compared(record: RunRecord, kept: Kept) -> Compared:
    """Raises ``UsageError`` where a gate needs more than the baseline holds."""
    refuse_missing_trials(record.plan, kept)
    return Compared(run=record, analysis=analyse(record, baseline=kept))
