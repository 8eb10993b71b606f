"""``evalharness show RUN CASE|TRIAL``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import arm_values, out_option


@click.command("show", help="One case of a run, or one trial: every attempt, timeline, output, scores.")
@click.argument("run")
@click.argument("case", metavar="CASE|TRIAL")
@click.option("--arm", "arms", multiple=True, metavar="KEY=VALUE", help="Only arms with this value on an axis.")
@click.option("--repeat", type=click.IntRange(min=1), metavar="N", help="Only this repeat, counted from 1.")
@click.option("--raw", is_flag=True, help="With the first bytes that failed attempts received (2 KiB, without keys).")
@out_option
def command(run: str, case: str, arms: tuple[str, ...], repeat: int | None, raw: bool, out: Path | None) -> None:
    from evalharness.app.find import run_folder
    from evalharness.app.show import show
    from evalharness.plan.select import chosen_arms
    from evalharness.store import load

    folder = run_folder(run, out)
    record = load.load(folder)
    chosen = chosen_arms(record.plan.arms, arm_values(arms))
    earlier = load.earlier_results(folder)
    click.echo(show(record, case, arms=chosen, repeat=repeat, earlier=earlier, raw=raw))
