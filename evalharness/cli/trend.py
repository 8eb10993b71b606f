"""``evalharness trend [SUITE]``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import out_option

FORMATS = ("terminal", "html", "markdown")


@click.command("trend", help="A suite's runs over time: what changed from run to run, and by how much.")
@click.argument("suite", metavar="[SUITE|DIR]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="terminal",
    show_default=True,
    help="What to print; html writes trend.html beside the runs and prints its path.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@out_option
def command(suite: str | None, form: str, as_json: bool, out: Path | None) -> None:
    from evalharness.app.find import out_folder
    from evalharness.app.trend import read_history, suite_folders, write_pages
    from evalharness.cli.output import writer
    from evalharness.report import trend

    folders = suite_folders(suite, out_folder(out))
    if form == "html" and not as_json:
        for path in write_pages(folders):
            click.echo(str(path))
        return
    histories = [read_history(folder) for folder in folders]
    if as_json:
        click.echo(trend.histories_json(histories))
    elif form == "markdown":
        click.echo("\n".join(trend.markdown(history) for history in histories), nl=False)
    else:
        click.echo("\n".join(trend.terminal(history, writer()) for history in histories), nl=False)
