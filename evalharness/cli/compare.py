"""``evalharness compare BASELINE CANDIDATE``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import check_markdown, markdown_options, out_option
from evalharness.core.errors import UsageError

FORMATS = ("terminal", "html", "markdown")


@click.command("compare", help="A run against an earlier one or a baseline file, case by case.")
@click.argument("baseline", metavar="BASELINE")
@click.argument("candidate", metavar="CANDIDATE")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="terminal",
    show_default=True,
    help="What to print; html writes a page and prints its path.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the page (html) [vs-BASELINE.html in the candidate's folder].",
)
@markdown_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@out_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    baseline: str,
    candidate: str,
    form: str,
    output: Path | None,
    comment: bool,
    link: str,
    as_json: bool,
    out: Path | None,
) -> None:
    from evalharness.app.compare import compare, write_page
    from evalharness.app.find import out_folder
    from evalharness.cli.output import writer

    if output is not None and form != "html":
        raise UsageError("-o names the page that `--format html` writes", hint="redirect what the other formats print")
    check_markdown(form, comment, link)
    found = compare(baseline, candidate, out_folder(out))
    if as_json:
        from evalharness.report.comparison_json import comparison_json

        click.echo(comparison_json(found.run, found.analysis, found.exit_code))
    elif form == "html":
        click.echo(str(write_page(found, output)))
    elif form == "markdown":
        from evalharness.report import comparison_markdown
        from evalharness.report.markdown_text import COMMENT_BYTES, SUMMARY_BYTES

        most = COMMENT_BYTES if comment else SUMMARY_BYTES
        click.echo(comparison_markdown.render(found.run, found.analysis, max_bytes=most, link=link), nl=False)
    else:
        from evalharness.report import comparison_terminal

        click.echo(comparison_terminal.render(found.run, found.analysis, writer()), nl=False)
    ctx.exit(found.exit_code)
