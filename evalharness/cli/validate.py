"""``evalharness validate SUITE…``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalharness.cli.options import allow_outside_option
from evalharness.core.errors import EvalharnessError, ExitCode


@click.command("validate", help="Report every problem of a suite; nothing is called.")
@click.argument("suites", metavar="SUITE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--endpoint", metavar="NAME", help="Check it as if this endpoint were used.")
@allow_outside_option
@click.pass_context
def command(ctx: click.Context, suites: tuple[Path, ...], endpoint: str | None, allow_outside: bool | None) -> None:
    from evalharness.app.lanes import check_requests
    from evalharness.plan.expand import PlanFlags, make_plan
    from evalharness.suite.files import ReadSettings, read_suite

    settings = ReadSettings(endpoint=endpoint, allow_outside=bool(allow_outside), environ=os.environ)
    failed = False
    for path in suites:
        try:
            loaded = read_suite(path, settings=settings)
            plan = make_plan(loaded.suite, PlanFlags(endpoint=endpoint))
            check_requests(plan)
        except EvalharnessError as problem:
            failed = True
            click.echo(f"{path}: {problem.message}" + (f"\nhint: {problem.hint}" if problem.hint else ""), err=True)
            continue
        for warning in loaded.warnings:
            click.echo(f"{path}: {warning}", err=True)
        n_cases, n_arms = len(plan.suite.cases), len(plan.arms)
        click.echo(f"{path}: valid; {n_cases:,} cases, {n_arms} arms, {plan.suite.repeats} repeats")
    if failed:
        ctx.exit(ExitCode.USAGE)
