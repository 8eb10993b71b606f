"""``evalharness report RUN…``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from evalharness.cli.options import baseline_option, check_markdown, markdown_options, out_option
from evalharness.core.errors import UsageError

FORMATS = ("html", "markdown", "terminal")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What to render of each run, as given."""

    form: str
    full_text: bool
    external_css: bool
    svg: Path | None
    comment: bool
    link: str


@click.command("report", help="Render stored runs again: HTML, Markdown or terminal.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="html", show_default=True, help="What to render.")
@click.option("--full-text", is_flag=True, help="Write all outputs to pages beside the report (HTML).")
@click.option("--external-css", is_flag=True, help="Write the page's style to report.css beside it (Jenkins).")
@click.option(
    "--svg", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write the charts as files instead."
)
@markdown_options
@click.option("--together", is_flag=True, help="Latency runs side by side: one row for each run and arm, unpaired.")
@baseline_option
@out_option
def command(
    runs: tuple[str, ...],
    form: str,
    full_text: bool,
    external_css: bool,
    svg: Path | None,
    comment: bool,
    link: str,
    together: bool,
    baseline: str | None,
    out: Path | None,
) -> None:
    from evalharness.app.find import out_folder, run_folder

    check_markdown(form, comment, link)
    if svg is not None and (form != "html" or together):
        raise UsageError("--svg writes the charts of a run's page", hint="give it without --format and --together")
    folders = [run_folder(text, out) for text in runs]
    if baseline is not None:
        from evalharness.app.baseline import attach

        for folder in folders:
            attach(folder, baseline, out_folder(out))
    if together:
        _side_by_side(folders, form)
        return
    wanted = _Wanted(form=form, full_text=full_text, external_css=external_css, svg=svg, comment=comment, link=link)
    for folder in folders:
        _render(folder, wanted)


def _render(folder: Path, wanted: _Wanted) -> None:
    from evalharness.app import publish
    from evalharness.cli.output import terminal_summary
    from evalharness.report.settings import ReportSettings

    if wanted.svg is not None:
        for path in publish.charts(folder, wanted.svg):
            click.echo(str(path))
    elif wanted.form == "html":
        settings = ReportSettings(full_text=wanted.full_text, external_css=wanted.external_css)
        click.echo(str(publish.publish(folder, settings=settings).paths[0]))
    elif wanted.form == "markdown":
        from evalharness.report import markdown
        from evalharness.report.markdown_text import COMMENT_BYTES, SUMMARY_BYTES

        found, most = publish.read(folder), COMMENT_BYTES if wanted.comment else SUMMARY_BYTES
        click.echo(markdown.render(found.run, found.analysis, max_bytes=most, link=wanted.link))
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
