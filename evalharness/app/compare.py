"""A stored run against a baseline: another stored run, or a baseline file. Neither is changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evalharness.app.baseline import read_baseline, refuse_missing_trials, run_beside
from evalharness.app.exit_code import exit_code_of
from evalharness.core.errors import ExitCode, UsageError
from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.store import load
from evalharness.store.runs import find
from evalharness.verdict.compare import analyse


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """``folder``: the candidate's. ``beside``: the baseline run, where it is at hand."""

    run: RunRecord
    analysis: Analysis
    folder: Path
    beside: RunRecord | None

    @property
    def exit_code(self) -> ExitCode:
        return exit_code_of(self.run, self.analysis)


def compare(baseline: str, candidate: str, out: Path) -> Compared:
    """Both as a person names them.

    Raises ``UsageError`` where either is not there, where both are one run, and where a gate needs more than the
    baseline holds. Runs that cannot be compared are a result (``BaselineSource.invalid``), not an error.
    """
    kept = read_baseline(baseline, out)
    folder = find(out, candidate)
    record = load.load(folder)
    if kept.has_trials and kept.facts.run_id == record.manifest.run_id:
        raise UsageError(f"both are run {record.manifest.run_id}", hint="name two runs: `evalharness list`")
    refuse_missing_trials(record.plan, kept)
    analysis = analyse(record, baseline=kept)
    return Compared(run=record, analysis=analysis, folder=folder, beside=run_beside(analysis, out, baseline))


def write_page(found: Compared, path: Path | None = None) -> Path:
    """The report of the candidate with its baseline, as one page. Without ``path`` beside the candidate's own report,
    which stays as it is: ``vs-BASELINE_ID.html``.

    Raises ``StoreError`` where it cannot be written.
    """
    from evalharness.report.page import render_page
    from evalharness.report.settings import ReportSettings
    from evalharness.report.write import write_text

    source = found.analysis.baseline_run
    assert source is not None  # it was compared with one
    page = render_page(found.run, found.analysis, ReportSettings(), beside=found.beside)
    return write_text(path or found.folder / f"vs-{quote(source.run_id, safe='')}.html", page)
