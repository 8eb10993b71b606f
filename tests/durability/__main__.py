"""``python -m tests.durability disk|kill|machine``: a campaign and its figures; ends with 1 where anything was wrong.

``--record`` puts the figures on the page of durability, which ``python -m tests.durability.page`` prints.
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.durability import kills, sweep
from tests.durability.bench import served
from tests.durability.faulty_disk import DiskFault
from tests.durability.machine import Folder
from tests.durability.page import FIGURES
from tests.durability.stable import stable

Figures = Mapping[str, object]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.durability")
    parser.add_argument("--record", action="store_true", help="Keep the figures for the page.")
    campaigns = parser.add_subparsers(dest="campaign", required=True)
    disk = campaigns.add_parser("disk", help="Each call that writes fails in turn.")
    disk.add_argument("--each", type=int, default=1, metavar="N", help="Only every N-th call.")
    kill = campaigns.add_parser("kill", help="kill -9 at random moments.")
    kill.add_argument("--kills", type=int, default=1000, metavar="N")
    kill.add_argument("--seed", type=int, default=6)
    machine = campaigns.add_parser("machine", help="What can be done to a run's folder, in any order.")
    machine.add_argument("--steps", type=int, default=50_000, metavar="N")
    options = parser.parse_args()
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="evalharness-durability-") as name:
        wrong, figures = {"disk": _disk, "kill": _kill, "machine": _machine}[options.campaign](Path(name), options)
    print("\n".join(wrong) or "nothing was wrong")
    told = {**figures, "n_wrong": len(wrong), "took_s": round(time.monotonic() - started_s), **_circumstances()}
    print(json.dumps(told))
    if options.record:
        known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
        FIGURES.write_text(json.dumps(known | {options.campaign: told}, indent=1) + "\n", encoding="utf-8")
    return bool(wrong)


def _circumstances() -> Figures:
    return {
        "on": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.system(),
    }


def _disk(folder: Path, options: argparse.Namespace) -> tuple[Sequence[str], Figures]:
    with served(folder, time_scale=sweep.TIME_SCALE) as server, stable(folder) as commands:
        found = sweep.Sweep(folder, server, commands)
        n_calls = {error: found.n_calls(error) for error in sorted({error for error, _ in sweep.KINDS})}
        for error, lasting in sweep.KINDS:
            for at in range(1, n_calls[error] + 1, options.each):
                found.meet(DiskFault(error=error, at=at, lasting=lasting))
            print(f"{len(found.cases):,} faults met", file=sys.stderr, flush=True)
    return list(sweep.judged(found.cases, server.seen())), {"kinds": sweep.table(found.cases)}


def _kill(folder: Path, options: argparse.Namespace) -> tuple[Sequence[str], Figures]:
    with served(folder, time_scale=kills.TIME_SCALE) as server, stable(folder) as commands:
        killing = kills.Killing(folder, server, commands, seed=options.seed)
        killing.run(options.kills)
    made = killing.kills
    figures = {"n_kills": made.n, "n_runs": made.n_runs, "n_idle": made.n_idle, "n_unknown": made.n_unknown}
    return list(killing.judged(server.seen())), {**figures, "n_trials": 4 * kills.N_CASES * made.n_runs}


class _Counted(Folder):
    n_orders = 0
    n_steps = 0

    def __init__(self) -> None:
        super().__init__()
        _Counted.n_orders += 1

    @invariant()
    def is_counted(self) -> None:
        _Counted.n_steps += 1


def _machine(_: Path, options: argparse.Namespace) -> tuple[Sequence[str], Figures]:
    many = settings(max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
    wrong = []
    while _Counted.n_steps < options.steps and not wrong:
        try:
            run_state_machine_as_test(_Counted, settings=many)
        except Exception as problem:
            wrong.append("".join(traceback.format_exception(problem)))
    return wrong, {"n_steps": _Counted.n_steps, "n_orders": _Counted.n_orders}


if __name__ == "__main__":
    sys.exit(main())
