"""``evalharness report RUN…``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from evalharness.cli.options import baseline_option, out_option

FORMATS = ("html", "markdown", "terminal")


@click.command("report", help="Render stored runs again: HTML, Markdown or terminal.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="html", show_default=True, help="What to render.")
@click.option("--full-text", is_flag=True, help="Write all outputs to pages beside the report (HTML).")
@click.option("--together", is_flag=True, help="Latency runs side by side: one row for each run and arm, unpaired.")
@baseline_option
@out_option
def command(
    runs: tuple[str, ...], form: str, full_text: bool, together: bool, baseline: str | None, out: Path | None
) -> None:
    from evalharness.app import publish
    from evalharness.app.find import out_folder, run_folder
    from evalharness.cli.output import terminal_summary
    from evalharness.report.settings import ReportSettings

    folders = [run_folder(text, out) for text in runs]
    if baseline is not None:
        from evalharness.app.baseline import attach

        for folder in folders:
            attach(folder, baseline, out_folder(out))
    if together:
        _side_by_side(folders, form)
        return
    for folder in folders:
        if form == "html":
            published = publish.publish(folder, settings=ReportSettings(full_text=full_text))
            click.echo(str(published.paths[0]))
        elif form == "markdown":
            from evalharness.report import markdown

            found = publish.read(folder)
            click.echo(markdown.render(found.run, found.analysis))
        else:
            click.echo(terminal_summary(publish.read(folder), None), nl=False)


def _side_by_side(folders: Sequence[Path], form: str) -> None:
    """HTML: ``together.html`` beside the first run's folder, and each run's own report, to which it links. The other
    formats go to stdout."""
    import os
    import sys
    from urllib.parse import quote

    from evalharness.app import publish
    from evalharness.report import together
    from evalharness.report.settings import ReportSettings
    from evalharness.report.write import TOGETHER, write_suite_page

    suite_dir = folders[0].parent
    links = [f"{quote(os.path.relpath(folder, suite_dir))}/report.html" for folder in folders]
    found = together.together([(read.run, read.analysis) for read in map(publish.read, folders)], links)
    if form == "html":
        for folder in folders:
            publish.publish(folder, settings=ReportSettings())
        click.echo(str(write_suite_page(suite_dir, TOGETHER, together.page(found))))
    elif form == "markdown":
        click.echo(together.markdown(found), nl=False)
    else:
        is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        click.echo(together.terminal(found, width=100, unicode=is_unicode), nl=False)
