"""What commands print of a run: results to stdout, nothing else."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from evalharness.app.publish import Published
    from evalharness.report.terminal_table import Writer


def print_run(published: Published, folder: Path, *, as_json: bool, quiet: bool = False) -> None:
    """The summary with the report's path as its last line; with ``quiet`` the path alone; or one JSON object."""
    report = next((path for path in published.paths if path.name == "report.html"), None)
    if as_json:
        from evalharness.app.exit_code import exit_code_of
        from evalharness.report.summary import report_json

        found = json.loads(report_json(published.run, published.analysis))
        found |= {
            "folder": str(folder),
            "report": None if report is None else str(report),
            "exit_code": exit_code_of(published.run, published.analysis),
        }
        click.echo(json.dumps(found, ensure_ascii=False))
    elif quiet:
        click.echo(str(report or folder))
    else:
        click.echo(terminal_summary(published, report), nl=False)
        if report is None:
            click.echo(f"Run: {folder}")


def terminal_summary(published: Published, report: Path | None) -> str:
    """The report's terminal form, as wide and as plain as stdout wants it."""
    from evalharness.report import terminal

    is_terminal = sys.stdout.isatty()
    return terminal.render(
        published.run,
        published.analysis,
        width=shutil.get_terminal_size((100, 24)).columns if is_terminal else 100,
        color=is_terminal and "NO_COLOR" not in os.environ,
        strips=is_terminal,
        unicode=(sys.stdout.encoding or "").lower().startswith("utf"),
        report_path=None if report is None else str(report),
    )


def writer() -> Writer:
    """For lines that are as wide and as plain as stdout wants them."""
    from evalharness.report.terminal_table import Writer

    is_terminal = sys.stdout.isatty()
    return Writer(
        width=min(shutil.get_terminal_size((100, 24)).columns, 100) if is_terminal else 100,
        color=is_terminal and "NO_COLOR" not in os.environ,
        unicode=(sys.stdout.encoding or "").lower().startswith("utf"),
        strips=False,
    )
