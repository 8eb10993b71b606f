"""``evalharness doctor [SUITE]``."""

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
)

if TYPE_CHECKING:
    from evalharness.app.diagnosis import Diagnosis, LevelSeen, Spread


@click.command("doctor", help="Measure this client: what its times can be trusted for.")
@click.argument("suite", type=click.Path(path_type=Path), required=False)
@plan_options
@click.option("--workers", metavar="N|auto", help="Read sockets in N more processes, as `run` would.")
@out_option
@env_file_option
@allow_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(suite: Path | None, as_json: bool, **options: Any) -> None:
    """At the suite's load, or from 1 to 256 calls in flight, against the built-in server. Nothing is paid for."""
    from evalharness.app.doctor import examine
    from evalharness.app.run import RunRequest, load_and_plan
    from evalharness.app.settings import resolve, with_env_file

    names = ("out", "workers", "env_file", *ALLOWED)
    resolved = resolve({name: options[name] for name in names}, environ=os.environ)
    plan = None
    if suite is not None:
        environ = with_env_file(os.environ, resolved.settings.env_file)
        request = RunRequest(suite_path=suite, flags=plan_flags(options), resolved=resolved, environ=environ)
        _, plan = load_and_plan(request)
    settings = resolved.settings
    found = examine(plan, workers=settings.workers, out=settings.out, environ=os.environ)
    click.echo(json.dumps(asdict(found)) if as_json else "\n".join(_lines(found)))


def _lines(found: Diagnosis) -> list[str]:
    from evalharness.report.visible import visible

    machine = found.machine
    timers = "" if machine.timer_late_ms is None else f", a wait ends {machine.timer_late_ms.p50:.2f} ms late"
    width = max(len(level.label) for level in found.levels)
    head = "".join(f"{title:>18}" for title in ("first output", "final event", "stated error"))
    return [
        f"This machine: {machine.cores} cores, load {machine.load_average:.1f}{timers}, "
        f"at most {machine.in_flight_at_most:,} calls in flight. Arrivals are dated {_dated(found)}.",
        "Asked: the built-in server, whose own log says when it wrote each event "
        "(200 ms to the first output, then 50 deltas 10 ms apart).",
        "",
        "This client's times less the server's, in ms: half of the calls within / 99% within",
        f"{'':{width}}{head}{'kept':>8}{'read late':>18}",
        *(_row(level, width) for level in found.levels),
        "",
        "stated error: how far off a run would say these times may be; kept: for how many calls they were no further.",
        "read late: how long bytes waited in the socket for this program.",
        "",
        *found.advice,
        "",
        *(f"{'ok' if check.is_fine else '!':>3} {check.name:14}{visible(check.told)}" for check in found.checks),
    ]


def _dated(found: Diagnosis) -> str:
    sources = sorted({source.value for level in found.levels for source, n in level.sources.items() if n})
    by = {"kernel": "by the kernel when they come in", "user": "by this program when it reads them"}
    return ", or ".join(by[source] for source in sources) or "by nobody: no call was answered"


def _row(seen: LevelSeen, width: int) -> str:
    kept = "-" if seen.held_share is None else f"{seen.held_share:.1%}"
    cells = "".join(f"{_pair(each):>18}" for each in (seen.ttfo_error_ms, seen.latency_error_ms, seen.stated_ms))
    dispatch = "" if seen.dispatch_ms is None else f"   sent {_pair(seen.dispatch_ms)} after its time"
    failed = f"   {seen.n_failed} of {seen.n_calls} calls failed" if seen.n_failed else ""
    n_lost = seen.n_calls - seen.n_failed - seen.n_compared
    lost = f"   {n_lost} not in the server's log" if n_lost else ""
    return f"{seen.label:{width}}{cells}{kept:>8}{_pair(seen.read_lag_ms):>18}{dispatch}{failed}{lost}"


def _pair(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.p50:.3f} / {spread.p99:.3f}"
