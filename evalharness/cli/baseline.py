"""``evalharness baseline write|accept RUN FILE``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import out_option


@click.group("baseline", help="Keep a run as a small file in git, to compare later runs with.")
def command() -> None:
    """Group of the two commands below."""


@command.command("write", help="Write a run's sums to a new file.")
@click.argument("run", metavar="RUN")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@out_option
def write(run: str, file: Path, out: Path | None) -> None:
    from evalharness.app import baseline
    from evalharness.app.find import run_folder

    click.echo(str(baseline.write(run_folder(run, out), file)))


@command.command("accept", help="Show what a run changes in the file, and put the run in its place.")
@click.argument("run", metavar="RUN")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@out_option
def accept(run: str, file: Path, out: Path | None) -> None:
    from evalharness.app import baseline
    from evalharness.app.find import out_folder, run_folder

    folder = run_folder(run, out)
    if file.exists():
        from evalharness.app.compare import compare
        from evalharness.cli.output import writer
        from evalharness.report import comparison_terminal

        found = compare(str(file), str(folder), out_folder(out))
        click.echo(comparison_terminal.render(found.run, found.analysis, writer()), nl=False)
    click.echo(str(baseline.accept(folder, file)))
