"""``evalharness verify RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import out_option
from evalharness.core.errors import ExitCode


@click.command("verify", help="Check a run folder's integrity and hashes.")
@click.argument("run")
@out_option
@click.pass_context
def command(ctx: click.Context, run: str, out: Path | None) -> None:
    from evalharness.app.find import run_folder
    from evalharness.report.trouble import lost_sentence
    from evalharness.store.runs import read_run
    from evalharness.store.verify import verify

    folder = run_folder(run, out)
    problems = verify(folder)
    for problem in problems:
        click.echo(problem)
    if problems:
        ctx.exit(ExitCode.STORE)
    click.echo(f"{folder}: everything is as it was written")
    stored = read_run(folder)
    if stored and (lost := lost_sentence(stored.n_lost)):
        click.echo(lost)
