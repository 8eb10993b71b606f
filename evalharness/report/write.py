"""The report as files. Each is written whole or not at all: a reader never meets half a page."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from evalharness.core.errors import StoreError
from evalharness.core.findings import Analysis
from evalharness.core.model import Json
from evalharness.core.record import RunRecord
from evalharness.report import index, markdown
from evalharness.report.document import STYLE_FILE, stylesheet
from evalharness.report.page import render_page
from evalharness.report.run_lines import Pages
from evalharness.report.settings import ReportSettings
from evalharness.report.side_pages import render_side_pages
from evalharness.report.summary import MAX_BYTES, report_json

#: The page of latency runs side by side, in the folder of the first run's suite.
TOGETHER = "together.html"
#: The page of a suite's runs over time, in its folder.
HISTORY = "trend.html"


def write_report(
    run: RunRecord,
    analysis: Analysis,
    folder: Path,
    *,
    settings: ReportSettings | None = None,
    beside: RunRecord | None = None,
) -> list[Path]:
    """Writes ``report.html``, ``report.json`` and ``summary.md`` into the run's folder, with ``full_text`` the pages
    ``trials/pNNNN.html``, and with ``external_css`` ``report.css``. ``beside``: the run compared with, where it is at
    hand, for its answers. Returns what was written, the report first.

    Raises ``StoreError`` where a file cannot be written; files written before it stay.
    """
    settings = settings or ReportSettings()
    return [write_text(folder / name, text) for name, text in _files(run, analysis, settings, beside)]


def _files(
    run: RunRecord, analysis: Analysis, settings: ReportSettings, beside: RunRecord | None
) -> Iterator[tuple[str, str]]:
    yield "report.html", render_page(run, analysis, settings, beside=beside)
    if settings.external_css:
        yield STYLE_FILE, stylesheet(run.manifest.run_id)
    yield "report.json", report_json(run, analysis)
    yield "summary.md", markdown.render(run, analysis, settings)
    if settings.full_text:
        for name, text in render_side_pages(run, analysis, settings):
            yield f"trials/{name}", text


def write_index(reports_dir: Path) -> Path:
    """Rebuilds ``index.html`` from every ``SUITE/RUN/report.json`` below ``reports_dir``; no run is opened for it."""
    paths = sorted(reports_dir.glob("*/*/report.json"))
    reports = [report for path in paths if (report := read_summary(path)) is not None]
    text = index.render(reports, unreadable=len(paths) - len(reports), pages=_pages(reports_dir))
    return write_text(reports_dir / "index.html", text)


def _pages(reports_dir: Path) -> Pages:
    """Pages beside the reports: those of whole suites, and those of runs against a baseline."""
    against: dict[str, tuple[str, ...]] = {}
    for path in sorted(reports_dir.glob("*/*/vs-*.html")):
        run = f"{quote(path.parent.parent.name, safe='')}/{quote(path.parent.name, safe='')}"
        against[run] = (*against.get(run, ()), unquote(path.stem.removeprefix("vs-")))
    together, history = (
        tuple(quote(path.parent.name, safe="") for path in sorted(reports_dir.glob(f"*/{name}")))
        for name in (TOGETHER, HISTORY)
    )
    return Pages(together=together, history=history, against=against)


def write_suite_page(suite_dir: Path, name: str, page: str) -> Path:
    """A page on several runs (``TOGETHER``, ``HISTORY``) into the folder of their suite, and the index anew, which
    links to it."""
    path = write_text(suite_dir / name, page)
    write_index(suite_dir.parent)
    return path


def read_summary(path: Path) -> Mapping[str, Json] | None:
    """One ``report.json``; None where it is none. A file over the size limit is none: it was not written here."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def write_text(path: Path, text: str) -> Path:
    """``write_bytes`` of UTF-8."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> Path:
    """Writes ``data`` beside ``path``, syncs it, then renames it into place."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(
            f"cannot write {path}: {'it is a folder' if path.is_dir() else error.strerror or error}",
            hint="the stored run is safe: make room, or name another place; `evalharness report` writes a report again",
        ) from error
    return path
