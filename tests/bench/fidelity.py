"""How far each client's times are from what the server really did, at 1 to 2,000 open streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.bench.contestants import CONTESTANTS, OURS, OURS_SEND
from tests.bench.fidelity_targets import targets_of
from tests.bench.observed_errors import Nanoseconds, errors_of, stated_of
from tests.bench.race import Heat, Load
from tests.bench.rivalry import Entry, compete
from tests.bench.servers.answers import Answer, lone_deltas
from tests.bench.servers.simulator import latency_answer
from tests.bench.size import Size
from tests.bench.tables import STRAIN, Cell, Column, Table
from tests.bench.units import NS_PER_MS, NS_PER_S, NS_PER_US

_TTFT_MS = 200
_SLOW = ("httpx", "openai")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One load. ``slow_rounds`` 0: the slow clients are left out, as they would take minutes. Against the simulator,
    whose answers differ in length from call to call, only the client that tells deltas apart can be judged: ours."""

    streams: int
    rounds: int
    repetitions: int
    gap_ms: int = 10
    n_deltas: int = 50
    slow_rounds: int = 1
    is_cold: bool = False
    is_simulated: bool = False
    has_send: bool = False

    @property
    def title(self) -> str:
        rest = ", cold" * self.is_cold + ", the built-in simulator" * self.is_simulated
        return f"fidelity, {self.streams:,} {'stream' if self.streams == 1 else 'streams'}{rest}"

    @property
    def clients(self) -> list[str]:
        return [OURS] if self.is_simulated else list(CONTESTANTS)

    @property
    def answer(self) -> Answer:
        if self.is_simulated:
            return latency_answer()
        return lone_deltas(n_deltas=self.n_deltas, ttft_ns=_TTFT_MS * NS_PER_MS, gap_ns=self.gap_ms * NS_PER_MS)

    def load(self, name: str) -> Load | str:
        rounds = self.slow_rounds if name in _SLOW else self.rounds
        if not rounds:
            return "left out: too slow for this load (--full runs it)"
        if name == OURS_SEND and not self.has_send:
            return "left out: run at 64 streams alone (--full runs it everywhere)"
        return Load(
            answer=self.answer, streams=self.streams, rounds=rounds, is_cold=self.is_cold,
            patience_s=150 if name in _SLOW else 60, is_simulated=self.is_simulated,
        )  # fmt: skip


def scenes(size: Size) -> list[Scene]:
    many, once = size.pick(1, 2, 3), size.pick(1, 1, 2)
    full = 1 if size is Size.FULL else 0
    found = [
        Scene(streams=16, rounds=size.pick(2, 3, 4), repetitions=many),
        Scene(streams=64, rounds=size.pick(1, 3, 3), repetitions=many, has_send=True),
        Scene(streams=256, rounds=size.pick(1, 2, 2), repetitions=size.pick(1, 3, 3), slow_rounds=full),
    ]
    if size is not Size.QUICK:
        found.insert(0, Scene(streams=1, rounds=size.pick(2, 4, 10), repetitions=once, slow_rounds=2))
        found.append(
            Scene(streams=2000, rounds=1, repetitions=once, gap_ms=250, n_deltas=size.pick(4, 8, 20), slow_rounds=0)
        )
        found.append(Scene(streams=64, rounds=1, repetitions=many, is_cold=True))
        found.append(Scene(streams=64, rounds=2, repetitions=many, is_simulated=True))
    return [replace(scene, has_send=True) for scene in found] if size is Size.FULL else found


def tables(size: Size, folder: Path) -> Iterator[Table]:
    for scene in scenes(size):
        loads = {name: scene.load(name) for name in scene.clients}
        repetitions = {name: 1 if name in _SLOW else scene.repetitions for name in scene.clients}
        yield _table(scene, compete(loads, _figures, repetitions=repetitions, folder=folder))


def _table(scene: Scene, entries: Mapping[str, Entry]) -> Table:
    start = "all at once, without a connection" if scene.is_cold else "warm connections, staggered starts"
    return Table(
        title=scene.title,
        load=f"TTFT {_TTFT_MS} ms, then {scene.n_deltas} deltas {scene.gap_ms} ms apart; {start}. Errors in ms, client"
        " minus server's log, without sign; medians over runs. Arrival: stamp of a delta minus its write; TTFT: the"
        " client's minus (write minus receipt), the request's way to the server in it and beside it.",
        columns=_COLUMNS,
        rows=[_row(entry, entries[OURS], scene) for entry in entries.values()],
        notes=_notes(entries),
        targets=() if scene.is_cold or scene.is_simulated else targets_of(scene.streams, entries),
    )


_COLUMNS = (
    Column("client", "client", digits=None),
    Column("ttft_p50", "TTFT p50"),
    Column("ttft_p99", "p99"),
    Column("delivery_p50", "of it the request's way p50"),
    Column("delivery_p99", "p99"),
    Column("arrival_p50", "arrival p50"),
    Column("arrival_p99", "p99"),
    Column("end_p99", "end to end p99"),
    Column("gap_p99", "one gap p99"),
    Column("mean_gap_p99", "mean gap p99"),
    Column("cpu_us", "CPU µs per delta"),
    Column("times_p50", "TTFT p50, times ours"),
    Column("times_p99", "p99, times ours"),
    Column("calls", "calls", digits=None),
    Column("n_cold", "on new connections", digits=None),
    *STRAIN,
)


def _row(entry: Entry, ours: Entry, scene: Scene) -> dict[str, Cell]:
    if not entry.figures:
        return {"client": f"{entry.name} ({entry.absent})"}
    row: dict[str, Cell] = {column.key: entry.median(column.key) for column in _COLUMNS[1 : -4 - len(STRAIN)]}
    n_calls = sum(heat.summary["n_calls"] for heat in entry.heats)
    row |= {
        "client": entry.name + (f" ({entry.absent})" if entry.absent else ""),
        "calls": f"{n_calls} in {len(entry.heats)}" + (f", {entry.n_failed} failed" if entry.n_failed else ""),
        "n_cold": sum(heat.truth.n_cold for heat in entry.heats if heat.truth),
        **entry.strain,
    }
    for level in ("p50", "p99"):
        mine, theirs = ours.median(f"ttft_{level}"), entry.median(f"ttft_{level}")
        row[f"times_{level}"] = theirs / mine if mine and theirs else None
    return row


def _figures(heat: Heat, load: Load) -> dict[str, float]:
    """In milliseconds, shares and microseconds, for one run."""
    errors = errors_of(heat, load.answer)
    found = {"cpu_us": heat.summary["cpu_s"] * NS_PER_S / NS_PER_US / (load.n_calls * load.answer.n_deltas)}
    for name in (
        "ttft",
        "delivery",
        "arrival",
        "sure",
        "end",
        "gap",
        "mean_gap",
        "sure_mean_gap",
        "lateness",
        "write_took",
    ):
        found |= _quantiles_ms(name, getattr(errors, name))
    found |= _quantiles_ms("first", errors.arrival[:, 0])
    stated = stated_of(heat, load.answer)
    if stated is None:
        return found
    found |= _quantiles_ms("bound", stated.bound) | _quantiles_ms("ttft_bound", stated.ttft_bound)
    return found | {
        "within_share": float(np.mean(stated.missed <= stated.bound)),
        "ttft_within_share": float(np.mean(stated.ttft_missed <= stated.ttft_bound)),
        "coalesced_share": stated.n_coalesced / max(1, stated.n_gaps),
        "max_lag_ms": stated.max_lag_ns / NS_PER_MS,
    }


def _quantiles_ms(name: str, errors: Nanoseconds) -> dict[str, float]:
    if not errors.size:
        return {}
    p50, p99 = np.quantile(np.abs(errors), (0.5, 0.99)) / NS_PER_MS
    return {f"{name}_p50": float(p50), f"{name}_p99": float(p99)}


def _notes(entries: Mapping[str, Entry]) -> list[str]:
    ran = [figures for entry in entries.values() for figures in entry.figures]
    if not ran:
        return []
    late = [max(figures[key] for figures in ran) for key in ("lateness_p50", "lateness_p99", "write_took_p99")]
    notes = [
        f"The server itself was late by {late[0]:.3f} ms p50, {late[1]:.3f} ms p99 in its worst run, and its writes"
        f" took up to {late[2]:.3f} ms p99: so uncertain is the truth itself."
    ]
    ours = entries[OURS]
    if ours.median("within_share") is not None:
        bound = [f"±{ours.median(key):.3f}" for key in ("bound_p50", "bound_p99", "ttft_bound_p50", "ttft_bound_p99")]
        notes += [
            f"Stated by ours: first delta {bound[0]} ms p50, {bound[1]} p99, true for"
            f" {ours.median('within_share'):.2%} of calls; TTFT {bound[2]} p50, {bound[3]} p99, true for"
            f" {ours.median('ttft_within_share'):.2%}; {ours.median('coalesced_share'):.3%} of gaps flagged as"
            f" coalesced; longest wait of arrived bytes {ours.median('max_lag_ms'):.3g} ms."
        ]
    return notes
