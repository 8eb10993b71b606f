"""What a delta costs the client: CPU seconds per million, in one write with others and alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench import saturation
from tests.bench.contestants import CONTESTANTS, OURS, C
from tests.bench.machine import worst
from tests.bench.race import Heat, Load
from tests.bench.rivalry import Entry, compete
from tests.bench.servers.answers import lone_deltas
from tests.bench.size import Size
from tests.bench.tables import STRAIN, Cell, Column, Table, Target, at_most
from tests.bench.units import NS_PER_MS

_STREAMS = 128
_SLOW = ("httpx", "openai")


def tables(size: Size, folder: Path) -> Iterator[Table]:
    repetitions = {name: 1 if name in _SLOW else size.pick(1, 2, 3) for name in CONTESTANTS}
    together = compete(saturation.loads(0.4), saturation.figures, repetitions=repetitions, folder=folder)
    alone = compete(_alone(size), _cpu, repetitions=repetitions, folder=folder)
    yield Table(
        title="CPU per delta",
        load="CPU seconds of the client process per 1M deltas. Together: 64 deltas in a write, 64 calls in flight, as"
        f" in the table on saturation. Alone: {_STREAMS} streams, a delta every 10 ms in each, 50 in a call. Decoding"
        " included but for C.",
        columns=_COLUMNS,
        rows=[_row(name, together[name], alone[name], alone[C]) for name in CONTESTANTS],
        targets=_targets(together, alone),
    )


def _alone(size: Size) -> Mapping[str, Load | str]:
    answer = lone_deltas(n_deltas=50, ttft_ns=20 * NS_PER_MS, gap_ns=10 * NS_PER_MS)
    load = Load(answer=answer, streams=_STREAMS, rounds=size.pick(2, 3, 5), is_recorded=False)
    too_slow = "left out: it does not keep up with this load, so its deltas would not come alone"
    return {name: too_slow if name in _SLOW else load for name in CONTESTANTS}


def _cpu(heat: Heat, load: Load) -> dict[str, float]:
    return {"cpu_s": heat.summary["cpu_s"] / (load.n_calls * load.answer.n_deltas) * 1e6}


_COLUMNS = (
    Column("client", "client", digits=None),
    Column("together", "together"),
    Column("alone", "alone"),
    Column("times_c", "alone, times C"),
    *STRAIN,
)


def _row(name: str, together: Entry, alone: Entry, limit: Entry) -> dict[str, Cell]:
    reason = together.absent or alone.absent
    own, least = alone.median("cpu_s"), limit.median("cpu_s")
    return {
        "client": name + (f" ({reason})" if reason else ""),
        "together": together.median("cpu_s"),
        "alone": own,
        "times_c": own / least if own and least else None,
        **worst([together.strain, alone.strain]),
    }


def _targets(together: Mapping[str, Entry], alone: Mapping[str, Entry]) -> list[Target]:
    own, least = alone[OURS].median("cpu_s"), alone[C].median("cpu_s")
    return [
        at_most("ours, deltas together", together[OURS].median("cpu_s"), 4, " s"),
        at_most("ours, deltas alone", own, 28, " s"),
        at_most("ours, deltas alone, times the C client", own / least if own and least else None, 3),
    ]
