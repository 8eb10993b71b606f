"""``evalharness plan SUITE``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalharness.cli.options import (
    ALLOWED,
    allow_options,
    env_file_option,
    out_option,
    plan_flags,
    plan_options,
    suite_argument,
)

if TYPE_CHECKING:
    from evalharness.app.plan import Preview
    from evalharness.app.sizing import Sizing


@click.command("plan", help="Show arms, requests, calls, cost and time before money is spent.")
@suite_argument
@plan_options
@env_file_option
@allow_options
@click.option(
    "--detect",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="D",
    help="How many cases and repeats find a difference of D in the primary score: 0.03 is 3 points.",
)
@click.option(
    "--power",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.8,
    show_default=True,
    metavar="P",
    help="How often a difference of that size is to be found.",
)
@click.option("--pilot", metavar="RUN", help="Plan with the variances of this run: its folder, its id, or latest.")
@out_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(suite: Path, as_json: bool, **options: Any) -> None:
    from evalharness.app.find import run_folder
    from evalharness.app.plan import preview
    from evalharness.app.run import RunRequest
    from evalharness.app.settings import resolve, with_env_file
    from evalharness.app.sizing import SizeRequest

    names = ("env_file", *ALLOWED)
    resolved = resolve({name: options[name] for name in names}, environ=os.environ)
    environ = with_env_file(os.environ, resolved.settings.env_file)
    pilot = None if options["pilot"] is None else run_folder(options["pilot"], options["out"])
    size = SizeRequest(difference=options["detect"], power=options["power"], pilot=pilot)
    request = RunRequest(suite_path=suite, flags=plan_flags(options), resolved=resolved, environ=environ)
    found = preview(request, size)
    if as_json:
        click.echo(json.dumps(_as_json(found)))
        return
    from evalharness.report.visible import visible

    click.echo(visible("\n".join(_lines(found))))


def _as_json(found: Preview) -> dict[str, Any]:
    forecast = found.forecast
    arms = [
        {
            "key": dict(each.arm.key),
            "endpoint": each.arm.endpoint,
            "model": each.arm.model,
            "calls": each.n_calls,
            "expected_usd": each.expected_usd,
            "worst_usd": each.worst_usd,
            "request": found.requests[each.arm.arm_id],
        }
        for each in forecast.arms
    ]
    return {
        "suite": found.plan.suite.name,
        "plan_hash": found.plan.plan_hash,
        "cases": len(found.plan.suite.cases),
        "repeats": found.plan.suite.repeats,
        "calls": forecast.n_calls,
        "calls_are_counted": forecast.is_counted,
        "expected_usd": forecast.expected_usd,
        "worst_usd": forecast.worst_usd,
        "wall_s": forecast.wall_s,
        **_sizes_as_json(found.sizing),
        "assumptions": list(forecast.assumptions),
        "arms": arms,
    }


def _sizes_as_json(sizing: Sizing) -> dict[str, Any]:
    spread, pilot, target = sizing.spread, sizing.pilot, sizing.target
    return {
        "smallest_difference": sizing.smallest_difference,
        "power": sizing.odds.power,
        "comparisons": sizing.odds.comparisons,
        "variance": {"between_cases": spread.between, "single_answers": spread.within, "inflation": spread.inflation},
        "pilot": None if pilot is None else asdict(pilot),
        "detect": None if target is None else asdict(target),
        "quantile_needs": [asdict(need) for need in sizing.quantiles],
        "peeking": [asdict(gate) for gate in sizing.peeking],
    }


def _lines(found: Preview) -> list[str]:
    from evalharness.app.sizing_words import sizing_lines
    from evalharness.plan.pace import load_words

    suite, forecast = found.plan.suite, found.forecast
    lines = [
        _size_line(found),
        "",
        f"{'arm':28} {'endpoint':12} {'calls':>7} {'cost, expected':>15} {'at most':>10}",
    ]
    for each in forecast.arms:
        lines.append(
            f"{each.arm.label[:28]:28} {each.arm.endpoint[:12]:12} {each.n_calls:7,}"
            f" {_usd(each.expected_usd):>15} {_usd(each.worst_usd):>10}"
        )
    lines.append(
        f"{'all':28} {'':12} {forecast.n_calls:7,} {_usd(forecast.expected_usd):>15} {_usd(forecast.worst_usd):>10}"
    )
    lines += ["", f"Wall time about {_duration(forecast.wall_s)} {load_words(suite.load)}."]
    lines += sizing_lines(found.sizing, found.plan)
    lines += [f"Assumed: {assumption}" for assumption in forecast.assumptions]
    for each in forecast.arms:
        body = json.dumps(found.requests[each.arm.arm_id], ensure_ascii=False)
        lines += ["", f"{each.arm.label}, case {suite.cases[0].case_id}:", f"  {_shortened(body)}"]
    return lines


def _size_line(found: Preview) -> str:
    suite, forecast = found.plan.suite, found.forecast
    factors = [f"{len(forecast.arms)} arms", f"{len(suite.cases):,} cases", f"{suite.repeats} repeats"]
    if suite.load.levels:
        factors.append(f"{len(suite.load.levels)} steps")
    calls = f"{forecast.n_calls:,} calls" + (" with warm-up" if suite.load.warmup else "")
    # A timed run cuts or repeats the list, and a conversation is several calls: the product is no number of calls.
    is_product = forecast.is_counted and not any(prompt.more_turns for prompt in suite.prompts)
    about = "" if forecast.is_counted else "about "
    return f"{suite.name}: {' × '.join(factors)}{' =' if is_product else ':'} {about}{calls}"


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:,.4f}" if amount < 1 else f"${amount:,.2f}"


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


def _shortened(body: str, most: int = 2_000) -> str:
    return body if len(body) <= most else f"{body[:most]}… ({len(body):,} characters; --json has all)"
