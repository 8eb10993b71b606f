"""``evalharness report RUN…``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import out_option

FORMATS = ("html", "markdown", "terminal")


@click.command("report", help="Render stored runs again: HTML, Markdown or terminal.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="html", show_default=True, help="What to render.")
@click.option("--full-text", is_flag=True, help="Write all outputs to pages beside the report (HTML).")
@out_option
def command(runs: tuple[str, ...], form: str, full_text: bool, out: Path | None) -> None:
    from evalharness.app import publish
    from evalharness.app.find import run_folder
    from evalharness.cli.output import terminal_summary
    from evalharness.report.settings import ReportSettings

    for text in runs:
        folder = run_folder(text, out)
        if form == "html":
            published = publish.publish(folder, settings=ReportSettings(full_text=full_text))
            click.echo(str(published.paths[0]))
        elif form == "markdown":
            from evalharness.report import markdown

            found = publish.read(folder)
            click.echo(markdown.render(found.run, found.analysis))
        else:
            click.echo(terminal_summary(publish.read(folder), None), nl=False)
