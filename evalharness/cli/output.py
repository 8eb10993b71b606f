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


def print_run(published: Published, folder: Path, *, as_json: bool, quiet: bool = False) -> None:
    """The summary with the report's path as its last line; with ``quiet`` the path alone; or one JSON object."""
    report = next((path for path in published.paths if path.name == "report.html"), None)
    if as_json:
        from evalharness.report.brief import brief

        found = brief(published.run, published.analysis)
        click.echo(json.dumps({**found, "folder": str(folder), "report": report and str(report)}, ensure_ascii=False))
    elif quiet:
        click.echo(str(report or folder))
    else:
        click.echo(terminal_summary(published))
        click.echo(f"\n{'Report' if report else 'Run'}: {report or folder}")


def terminal_summary(published: Published) -> str:
    """The report's terminal form, as wide and as plain as stdout wants it."""
    from evalharness.report import terminal

    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((100, 24)).columns if is_terminal else 100
    return terminal.render(
        published.run,
        published.analysis,
        width=min(width, 100),
        color=is_terminal and "NO_COLOR" not in os.environ,
        strips=is_terminal and width >= 100,
    )
