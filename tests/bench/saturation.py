"""How many calls a second one process brings in when the service is no limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.contestants import AIOHTTP, CONTESTANTS, OURS, OURS_SEND
from tests.bench.race import Heat, Load
from tests.bench.rivalry import Entry, compete
from tests.bench.servers.answers import bundled
from tests.bench.size import Size
from tests.bench.tables import STRAIN, Cell, Column, Table, Target, at_least

_IN_FLIGHT = 64
_N_DELTAS = 64
#: Calls of a heat: some seconds for each client, whatever it can do.
_CALLS = {"C, epoll": 24_000, OURS: 9_600, OURS_SEND: 6_400, AIOHTTP: 4_800, "httpx": 320, "openai": 128}


def loads(share: float) -> dict[str, Load | str]:
    answer = bundled(n_deltas=_N_DELTAS)
    rounds = {name: max(1, round(n_calls * share / _IN_FLIGHT)) for name, n_calls in _CALLS.items()}
    return {
        name: Load(answer=answer, streams=_IN_FLIGHT, rounds=rounds[name], is_recorded=False) for name in CONTESTANTS
    }


def figures(heat: Heat, load: Load) -> dict[str, float]:
    n_deltas = load.n_calls * load.answer.n_deltas
    return {
        "calls_per_s": heat.summary["n_calls"] / heat.summary["wall_s"],
        "cpu_s": heat.summary["cpu_s"] / n_deltas * 1e6,
        "cores": heat.summary["cpu_s"] / heat.summary["wall_s"],
    }


def tables(size: Size, folder: Path) -> Iterator[Table]:
    repetitions = dict.fromkeys(CONTESTANTS, size.pick(1, 2, 5))
    entries = compete(loads(size.pick(0.3, 1.0, 2.0)), figures, repetitions=repetitions, folder=folder)
    yield Table(
        title="saturation",
        load=f"{_IN_FLIGHT} calls in flight, each {_N_DELTAS} deltas written at once, one chunk per event; all clients"
        " but C and openai decode with the same decoder after each call. Medians over runs.",
        columns=_COLUMNS,
        rows=[_row(entry, entries[OURS]) for entry in entries.values()],
        targets=_targets(entries),
    )


_COLUMNS = (
    Column("client", "client", digits=None),
    Column("calls_per_s", "calls/s"),
    Column("ours_times", "ours, times its calls/s"),
    Column("cpu_s", "CPU s per 1M deltas"),
    Column("cores", "cores used", digits=2),
    Column("runs", "runs", digits=None),
    *STRAIN,
)


def _row(entry: Entry, ours: Entry) -> dict[str, Cell]:
    if not entry.figures:
        return {"client": f"{entry.name} ({entry.absent})"}
    own, theirs = ours.median("calls_per_s"), entry.median("calls_per_s")
    return {
        "client": entry.name,
        "calls_per_s": theirs,
        "ours_times": own / theirs if own and theirs else None,
        "cpu_s": entry.median("cpu_s"),
        "cores": entry.median("cores"),
        "runs": f"{len(entry.heats)}" + (f", {entry.n_failed} calls failed" if entry.n_failed else ""),
        **entry.strain,
    }


def _targets(entries: Mapping[str, Entry]) -> list[Target]:
    found = []
    for name, per_s, times in ((OURS, 5000, 4), (OURS_SEND, 3000, 2)):
        own, others = entries[name].median("calls_per_s"), entries[AIOHTTP].median("calls_per_s")
        found.append(at_least(f"{name}: calls/s (on a quiet machine)", own, per_s))
        found.append(at_least(f"{name}: times aiohttp", own / others if own and others else None, times))
    return found
