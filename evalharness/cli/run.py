"""``evalharness run SUITE``."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalharness.cli.main import say_nothing_more
from evalharness.cli.options import (
    ALLOWED,
    allow_options,
    baseline_option,
    env_file_option,
    out_option,
    plan_flags,
    plan_options,
    suite_argument,
)

if TYPE_CHECKING:
    from evalharness.app.publish import Published
    from evalharness.app.run import RunOutcome, RunRequest
    from evalharness.app.settings import RunSettings
    from evalharness.core.ports import Sink

_SETTINGS = (
    "out",
    "max_cost_usd",
    "workers",
    "env_file",
    *ALLOWED,
    "no_report",
    "full_text",
    "external_css",
    "junit",
    "quiet",
    "open",
)


@click.command("run", help="Run or resume a suite, write the report, print the decision.")
@suite_argument
@plan_options
@out_option
@click.option("--fresh", is_flag=True, help="Start a new run although the newest one is unfinished.")
@click.option("--retry-errors", is_flag=True, help="Ask the newest run's errors again (all but timeouts).")
@click.option("--offline", is_flag=True, help="Refuse endpoints that are not on this machine.")
@click.option("--max-cost", "max_cost_usd", type=float, metavar="USD", help="Send nothing more once this is spent.")
@click.option("--workers", metavar="N|auto", help="Read sockets in N more processes; auto: when this one is late.")
@baseline_option
@env_file_option
@allow_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the summary.")
@click.option("--quiet", is_flag=True, default=None, help="No progress, no summary; only the report's path.")
@click.option("--open", is_flag=True, default=None, help="Open the report in the browser.")
@click.option("--no-report", is_flag=True, default=None, help="Store the run, write no report.")
@click.option("--full-text", is_flag=True, default=None, help="Write all outputs to pages beside the report.")
@click.option("--external-css", is_flag=True, default=None, help="Write the page's style to report.css (Jenkins).")
@click.option("--junit", is_flag=True, default=None, help="Write junit.xml beside the report.")
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE", help="Add what happens, as JSON lines.")
@click.option("--explain-settings", is_flag=True, help="Print where each setting comes from, and do nothing.")
@click.pass_context
def command(ctx: click.Context, /, suite: Path, as_json: bool, explain_settings: bool, **options: Any) -> None:
    from evalharness.app.run import RunRequest, run_to_end
    from evalharness.app.settings import resolve, with_env_file

    resolved = resolve({name: options[name] for name in _SETTINGS}, environ=os.environ)
    request = RunRequest(
        suite_path=suite,
        flags=plan_flags(options),
        resolved=resolved,
        environ=with_env_file(os.environ, resolved.settings.env_file),
        fresh=options["fresh"],
        retry_errors=options["retry_errors"],
        offline=options["offline"],
        baseline=options["baseline"],
    )
    if explain_settings:
        _explain(request)
        return
    from evalharness.app.progress import progress

    with ExitStack() as resources:
        sinks: list[Sink] = []
        if options["log"] is not None:
            from evalharness.app.event_log import EventLog

            log = EventLog(options["log"], environ=request.environ)
            resources.callback(log.close)
            sinks.append(log)
        shown = progress(sys.stderr, quiet=resolved.settings.quiet)
        resources.callback(shown.close)
        outcome = run_to_end(request, [*sinks, shown])
    published = _published(outcome, resolved.settings, as_json=as_json)
    try:
        _print(published, outcome.folder, resolved.settings, as_json=as_json)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads the summary; how the run ended is still the exit code.
        say_nothing_more()
    if outcome.n_missing:
        again = f"{outcome.n_missing:,} failed calls are missing data: --retry-errors asks them again"
        click.echo(again, err=True)
    ctx.exit(_exit_code(outcome, published))


def _explain(request: RunRequest) -> None:
    from evalharness.app.run import load_and_plan
    from evalharness.app.settings import explain, with_suite

    _, plan = load_and_plan(request)
    click.echo(explain(with_suite(request.resolved, max_cost_usd=plan.suite.budget.max_cost_usd)))


def _published(outcome: RunOutcome, settings: RunSettings, *, as_json: bool) -> Published | None:
    """None where nobody asks what the run means: no report, no summary, no gate."""
    if settings.no_report and settings.quiet and not as_json and not outcome.has_gates:
        return None
    from evalharness.app import publish
    from evalharness.report.settings import ReportSettings

    if settings.no_report:
        return publish.read(outcome.folder)
    report_settings = ReportSettings(full_text=settings.full_text, external_css=settings.external_css)
    return publish.publish(outcome.folder, settings=report_settings, junit=settings.junit)


def _exit_code(outcome: RunOutcome, published: Published | None) -> int:
    """How the run ended and what its gates came to; says where an open gate changes nothing."""
    if published is None:
        return outcome.exit_code
    from evalharness.app.exit_code import settle, warning

    told = warning(published.run, published.analysis)
    if told:
        click.echo(told, err=True)
    return settle(outcome.folder, published.run, published.analysis)


def _print(published: Published | None, folder: Path, settings: RunSettings, *, as_json: bool) -> None:
    if published is None:
        click.echo(str(folder))
        return
    from evalharness.cli.output import print_run

    print_run(published, folder, as_json=as_json, quiet=settings.quiet)
    if settings.open and published.paths:
        click.launch(published.paths[0].resolve().as_uri())
