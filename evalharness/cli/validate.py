"""``evalharness validate SUITE…``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalharness.cli.options import ALLOWED, allow_options, env_file_option
from evalharness.core.errors import EvalharnessError, ExitCode


@click.command("validate", help="Report every problem of a suite; nothing is called.")
@click.argument("suites", metavar="SUITE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--endpoint", metavar="NAME", help="Check it as if this endpoint were used.")
@env_file_option
@allow_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    suites: tuple[Path, ...],
    endpoint: str | None,
    env_file: Path | None,
    **allowed: bool | None,
) -> None:
    from evalharness.app.lanes import check_requests
    from evalharness.app.settings import resolve, with_env_file
    from evalharness.plan.expand import PlanFlags, make_plan
    from evalharness.report.visible import visible
    from evalharness.suite.files import ReadSettings, read_suite

    chosen = resolve({"env_file": env_file, **allowed}, environ=os.environ).settings
    environ = with_env_file(os.environ, chosen.env_file)
    settings = ReadSettings(endpoint=endpoint, environ=environ, **{name: getattr(chosen, name) for name in ALLOWED})
    failed = False
    for path in suites:
        try:
            loaded = read_suite(path, settings=settings)
            plan = make_plan(loaded.suite, PlanFlags(endpoint=endpoint))
            check_requests(plan)
        except EvalharnessError as problem:
            failed = True
            hint = f"\nhint: {problem.hint}" if problem.hint else ""
            click.echo(visible(f"{path}: {problem.message}{hint}"), err=True)
            continue
        for warning in loaded.warnings:
            click.echo(visible(f"warning: {warning}"), err=True)
        n_cases, n_arms = len(plan.suite.cases), len(plan.arms)
        click.echo(f"{path}: valid; {n_cases:,} cases, {n_arms} arms, {plan.suite.repeats} repeats")
    if failed:
        ctx.exit(ExitCode.USAGE)
