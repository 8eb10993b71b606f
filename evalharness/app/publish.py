"""From a run folder to everything a person reads: analysis, report files, the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.app.baseline import run_beside
from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report.settings import ReportSettings
from evalharness.store import load
from evalharness.store.baseline_rows import load_baseline
from evalharness.verdict.compare import analyse


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """``paths`` are the files that were written, the report first; empty without a report."""

    run: RunRecord
    analysis: Analysis
    paths: Sequence[Path] = ()


def read(folder: Path) -> Published:
    """Load and analyse, beside the baseline that the run was compared with; nothing is written."""
    record = load.load(folder)
    return Published(run=record, analysis=analyse(record, baseline=load_baseline(folder)))


def export(folder: Path, form: str) -> bytes:
    """A stored run in a format. JUnit holds verdicts: for it the gates are judged as for the report."""
    from evalharness.store import export as exports
    from evalharness.store.export import junit

    record = load.load(folder)
    if form == "junit" and record.plan.suite.gates:
        return junit.export(record, read(folder).analysis)
    return exports.load(form).export(record)


def charts(folder: Path, into: Path) -> list[Path]:
    """The charts of a run's page as SVG files in ``into/RUN_ID/``; nothing else is written.

    Raises ``StoreError`` where a file cannot be written.
    """
    from evalharness.report.page import render_page
    from evalharness.report.pictures import pictures
    from evalharness.report.write import write_text

    found = read(folder)
    page = render_page(found.run, found.analysis, ReportSettings())
    return [write_text(into / found.run.manifest.run_id / name, picture) for name, picture in pictures(page)]


def publish(folder: Path, *, settings: ReportSettings, junit: bool = False) -> Published:
    """Write the report, its summaries, the page of the suite's runs and the index of the reports folder two levels up;
    with ``junit``, or gates, ``junit.xml`` too.

    Raises ``StoreError`` where a file cannot be written; the run itself is not touched.
    """
    from evalharness.app.trend import refresh_page
    from evalharness.report.write import write_bytes, write_index, write_report
    from evalharness.store.export import junit as junit_export

    found = read(folder)
    beside = run_beside(found.analysis, folder.parent.parent)
    paths = list(write_report(found.run, found.analysis, folder, settings=settings, beside=beside))
    if junit or found.analysis.gates:
        paths.append(write_bytes(folder / "junit.xml", junit_export.export(found.run, found.analysis)))
    refresh_page(folder.parent)
    write_index(folder.parent.parent)
    return Published(run=found.run, analysis=found.analysis, paths=paths)
