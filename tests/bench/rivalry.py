"""Several clients under one load, taking turns, so that what the machine does meanwhile falls on all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.contestants import CONTESTANTS
from tests.bench.machine import Strain, worst
from tests.bench.race import Heat, Load, run_heat

Figures = Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class Entry:
    """A client's part: its figures of every heat it finished, and why there are none where there are none."""

    name: str
    heats: list[Heat] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)
    strains: list[Mapping[str, float | None]] = field(default_factory=list)
    absent: str | None = None

    def median(self, key: str) -> float | None:
        """Over heats. None where no heat was finished."""
        values = [figures[key] for figures in self.figures if key in figures]
        return statistics.median(values) if values else None

    @property
    def strain(self) -> Mapping[str, float | None]:
        """The worst of its heats."""
        return worst(self.strains)

    @property
    def n_failed(self) -> int:
        return sum(heat.summary["n_failed"] for heat in self.heats)


def compete(
    loads: Mapping[str, Load | str],
    judge: Callable[[Heat, Load], Figures],
    *,
    repetitions: Mapping[str, int],
    folder: Path,
) -> dict[str, Entry]:
    """``loads`` by client; a sentence instead of a load says why that client is left out. Each repetition begins with
    another client."""
    entries = {name: Entry(name=name, absent=_why_absent(name, load)) for name, load in loads.items()}
    names = [name for name, entry in entries.items() if entry.absent is None]
    for turn in range(max(repetitions.values())):
        for name in _rotated(names, turn):
            load = loads[name]
            if turn < repetitions[name] and entries[name].absent is None and isinstance(load, Load):
                _enter(entries[name], load, judge, folder)
    return entries


def _enter(entry: Entry, load: Load, judge: Callable[[Heat, Load], Figures], folder: Path) -> None:
    strain = Strain()
    heat = run_heat(CONTESTANTS[entry.name], load, folder)
    entry.strains.append(strain.cells())
    if heat.gave_up is not None:
        entry.absent = heat.gave_up
        return
    entry.heats.append(heat)
    entry.figures.append(judge(heat, load))


def _why_absent(name: str, load: Load | str) -> str | None:
    if isinstance(load, str):
        return load
    missing = CONTESTANTS[name].why_missing()
    return f"missing: {missing}" if missing else None


def _rotated(names: Sequence[str], by: int) -> list[str]:
    by %= max(1, len(names))
    return [*names[by:], *names[:by]]
