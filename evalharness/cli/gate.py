"""``evalharness gate RUN --baseline FILE|RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import baseline_option, out_option


@click.command("gate", help="Judge a run's gates against a baseline: verdicts only.")
@click.argument("run", metavar="RUN")
@baseline_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@out_option
@click.pass_context
def command(ctx: click.Context, /, run: str, baseline: str | None, as_json: bool, out: Path | None) -> None:
    from evalharness.app.exit_code import exit_code_of, warning
    from evalharness.app.find import out_folder
    from evalharness.app.gate import gate
    from evalharness.cli.output import writer

    found = gate(run, baseline, out_folder(out))
    exit_code = exit_code_of(found.run, found.analysis)
    if as_json:
        from evalharness.report.comparison_json import verdicts_json

        click.echo(verdicts_json(found.run, found.analysis, exit_code))
    else:
        from evalharness.report import comparison_terminal

        click.echo(comparison_terminal.verdicts(found.run, found.analysis, writer()), nl=False)
    if told := warning(found.run, found.analysis):
        click.echo(told, err=True)
    ctx.exit(exit_code)
