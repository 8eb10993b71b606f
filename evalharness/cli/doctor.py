"""``evalharness doctor [SUITE]``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalharness.cli.options import allow_outside_option, env_file_option, plan_flags, plan_options

if TYPE_CHECKING:
    from evalharness.app.doctor import Diagnosis, LevelSeen, Spread


@click.command("doctor", help="Measure this client: what its times can be trusted for.")
@click.argument("suite", type=click.Path(path_type=Path), required=False)
@plan_options
@click.option("--workers", metavar="N|auto", help="Read sockets in N more processes, as `run` would.")
@env_file_option
@allow_outside_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(suite: Path | None, as_json: bool, **options: Any) -> None:
    """At the suite's load, or from 1 to 256 calls in flight, against the built-in server. Nothing is paid for."""
    from evalharness.app.doctor import examine
    from evalharness.app.run import RunRequest, load_and_plan
    from evalharness.app.settings import resolve, with_env_file

    names = ("workers", "env_file", "allow_outside")
    resolved = resolve({name: options[name] for name in names}, environ=os.environ)
    plan = None
    if suite is not None:
        environ = with_env_file(os.environ, resolved.settings.env_file)
        request = RunRequest(suite_path=suite, flags=plan_flags(options), resolved=resolved, environ=environ)
        _, plan = load_and_plan(request)
    found = examine(plan, workers=resolved.settings.workers)
    click.echo(json.dumps(asdict(found)) if as_json else "\n".join(_lines(found)))


def _lines(found: Diagnosis) -> list[str]:
    machine = found.machine
    return [
        f"{machine.cores} cores, load {machine.load_average:.1f}; arrivals dated by the {_dated_by(found)}; "
        f"waits end {machine.timer_late_ms.p50:.2f} ms late (99%: {machine.timer_late_ms.p99:.2f}); "
        f"{machine.in_flight_at_most:,} calls in flight at most",
        "",
        "milliseconds, 50% / 99%       first output        end     stated error  within it   read late",
        *(_row(level) for level in found.levels),
        "",
        *found.advice,
    ]


def _dated_by(found: Diagnosis) -> str:
    return "kernel" if found.machine.stamps == "kernel" else "program"


def _row(seen: LevelSeen) -> str:
    dispatch = "" if seen.dispatch_ms is None else f"   sent late {_pair(seen.dispatch_ms)}"
    failed = f"   {seen.n_failed} of {seen.n_calls} calls failed" if seen.n_failed else ""
    return (
        f"{seen.level.label:24} {_pair(seen.ttfo_error_ms):>15} {_pair(seen.end_error_ms):>15} "
        f"{_pair(seen.stated_ms):>15} {seen.held_share:>9.1%} {_pair(seen.read_lag_ms):>13}{dispatch}{failed}"
    )


def _pair(spread: Spread) -> str:
    return f"{spread.p50:.3f} / {spread.p99:.3f}"
