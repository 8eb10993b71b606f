"""What a user waits for before and after the calls: whole commands."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.bench.commands import Ran, run_command
from tests.bench.compiling import why_no_c
from tests.bench.machine import worst
from tests.bench.servers.answers import bundled
from tests.bench.servers.clocked import ClockedServer
from tests.bench.size import Size
from tests.bench.suites import write_suite
from tests.bench.tables import STRAIN, Cell, Column, Table, Target, at_most

_RUN = ("--fresh", "--quiet")


def tables(size: Size, folder: Path) -> Iterator[Table]:
    times = size.pick(3, 5, 9)
    help_ = [run_command("--help", cwd=folder) for _ in range(times)]
    one = _one_call(folder, times)
    suite = write_suite(folder, cases=20, repeats=10)
    whole = [run_command("run", suite, *_RUN, cwd=folder) for _ in range(times)]
    yield Table(
        title="start-up",
        load="Whole commands, median of several.",
        columns=(
            Column("what", "command", digits=None),
            Column("wall_s", "wall s"),
            Column("peak_mib", "peak MiB"),
            Column("runs", "runs", digits=None),
            *STRAIN,
        ),
        rows=[
            _row("--help", help_),
            _row(f"run, one call, no report ({_server()})", one),
            _row("run, 200 trials, zero latency, with store, grading, report (the simulator's start in it)", whole),
        ],
        targets=_targets(help_, one, whole),
    )


def _one_call(folder: Path, times: int) -> list[Ran]:
    """Against a server that is there already, where there can be one: its start is not the command's."""
    flags = (*_RUN, "--no-report")
    if why_no_c() is not None:
        suite = write_suite(folder, cases=1, repeats=1)
        return [run_command("run", suite, *flags, cwd=folder) for _ in range(times)]
    answer = bundled(n_deltas=16)
    with ClockedServer(answer, answer, folder) as server:
        suite = write_suite(folder, cases=1, repeats=1, endpoint=f"base_url: 'http://127.0.0.1:{server.port}/v1'")
        return [run_command("run", suite, *flags, cwd=folder) for _ in range(times)]


def _server() -> str:
    return "server of its own, answers at once" if why_no_c() is None else "the simulator's start in it"


def _row(what: str, runs: list[Ran]) -> dict[str, Cell]:
    return {"what": what, "wall_s": _wall_s(runs), "peak_mib": _peak_mib(runs), "runs": len(runs),
            **worst([run.strain for run in runs])}  # fmt: skip


def _wall_s(runs: list[Ran]) -> float:
    return statistics.median(run.wall_s for run in runs)


def _peak_mib(runs: list[Ran]) -> float | None:
    return max((run.peak_mib for run in runs if run.peak_mib is not None), default=None)


def _targets(help_: list[Ran], one: list[Ran], whole: list[Ran]) -> list[Target]:
    return [
        at_most("--help", _wall_s(help_), 0.3, " s"),
        at_most("one call, whole command, no report, over the server's time", _wall_s(one), 0.7, " s"),
        at_most("one call, memory", _peak_mib(one), 100, " MiB"),
        at_most("200 trials with store, grading, report", _wall_s(whole), 2, " s"),
    ]
