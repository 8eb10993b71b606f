"""The runs of a suite over time, from the ``report.json`` of each: no run is opened for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evalharness.core.errors import UsageError
from evalharness.core.history import History
from evalharness.core.run_summary import RunSummary, summary_of
from evalharness.report.write import HISTORY, read_summary, write_suite_page, write_text
from evalharness.store.runs import suite_folder
from evalharness.verdict.history import history

#: Below this a history is one run.
_FEWEST = 2


def suite_folders(named: str | None, out: Path) -> list[Path]:
    """The folders of runs that a person means: those of a suite by its name, its file or its folder, or of all suites
    of a folder; without a name those of ``out``.

    Raises ``UsageError`` where there is no run with a report.
    """
    path = None if named is None else Path(named)
    if path is None:
        found = _below(out)
    elif path.is_dir():
        found = [path] if _reports(path) else _below(path)
    else:
        folder = suite_folder(out, _suite_name(path) if path.is_file() else str(named))
        found = [folder] if _reports(folder) else []
    if not found:
        what = f"of {named}" if path is not None and not path.is_dir() else f"under {path or out}"
        raise UsageError(
            f"no run with a report {what}",
            hint=f"`evalharness run SUITE` makes one, and looks under {out}; --out names another folder",
        )
    return found


def _below(folder: Path) -> list[Path]:
    """Those of which a report can be read: the index counts the others."""
    return sorted(suite for suite in folder.glob("*/") if _summaries(suite))


def _reports(suite_dir: Path) -> list[Path]:
    return sorted(suite_dir.glob("*/report.json"))


def _suite_name(path: Path) -> str:
    from evalharness.suite.files import ReadSettings, read_suite

    return read_suite(path, settings=ReadSettings(environ=os.environ)).suite.name


def read_history(suite_dir: Path) -> History:
    """Files that are no report are left out; the index counts them.

    Raises ``UsageError`` where all are.
    """
    runs = _summaries(suite_dir)
    if not runs:
        raise UsageError(f"no report.json in {suite_dir} can be read", hint="`evalharness report RUN` writes it again")
    return history(runs)


def _summaries(suite_dir: Path) -> list[RunSummary]:
    return [summary_of(report) for path in _reports(suite_dir) if (report := read_summary(path)) is not None]


def write_pages(suite_dirs: Sequence[Path]) -> list[Path]:
    """``trend.html`` in each folder, and the index anew, which links to it.

    Raises ``StoreError`` where a file cannot be written.
    """
    from evalharness.report.trend_page import history_page

    return [write_suite_page(folder, HISTORY, history_page(read_history(folder))) for folder in suite_dirs]


def refresh_page(suite_dir: Path) -> None:
    """The page of a suite that has two runs or more; the index is not touched."""
    from evalharness.report.trend_page import history_page

    runs = _summaries(suite_dir)
    if len(runs) >= _FEWEST:
        write_text(suite_dir / HISTORY, history_page(history(runs)))
