"""``evalharness show RUN CASE``."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli.options import arm_values, out_option


@click.command("show", help="One case of a run: request, timeline, output, scores.")
@click.argument("run")
@click.argument("case")
@click.option("--arm", "arms", multiple=True, metavar="KEY=VALUE", help="Only arms with this value on an axis.")
@click.option("--repeat", type=click.IntRange(min=1), metavar="N", help="Only this repeat, counted from 1.")
@out_option
def command(run: str, case: str, arms: tuple[str, ...], repeat: int | None, out: Path | None) -> None:
    from evalharness.app.find import run_folder
    from evalharness.app.show import show
    from evalharness.plan.select import chosen_arms
    from evalharness.store import load

    record = load.load(run_folder(run, out))
    chosen = chosen_arms(record.plan.arms, arm_values(arms))
    click.echo(show(record, case, arms=chosen, repeat=repeat))
