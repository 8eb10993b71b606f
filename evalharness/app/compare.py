"""A stored run against a baseline: another stored run, or a baseline file. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evalharness.app.baseline import read_baseline, refuse_missing_trials
from evalharness.app.exit_code import exit_code_of
from evalharness.core.errors import ExitCode, UsageError
from evalharness.core.findings import Analysis, CaseFlip
from evalharness.core.record import RunRecord
from evalharness.store import load
from evalharness.store.runs import find
from evalharness.verdict.baseline_against import flips_against
from evalharness.verdict.baseline_levels import Level, levels
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.baseline_trials import Kept
from evalharness.verdict.compare import analyse
from evalharness.verdict.view import view


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """``levels``: metric -> arm id -> both sides' figures; ``flips``: arm id -> cases whose primary score moved."""

    run: RunRecord
    analysis: Analysis
    levels: Mapping[str, Mapping[str, Level]] = field(default_factory=dict)
    flips: Mapping[str, tuple[CaseFlip, ...]] = field(default_factory=dict)

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
    paired = PairedBaseline(view(record), kept)
    return Compared(
        run=record,
        analysis=analyse(record, baseline=kept),
        levels=levels(paired),
        flips=flips_against(paired),
    )
