"""What follows from a diagnosis, in whole sentences. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evalharness.app.diagnosis import LevelSeen, Machine
from evalharness.core.record import StampSource

#: A time is good to a hundredth where this client's error is no more.
_GOOD_SHARE = 0.01
#: Of so many calls the stated error has to hold for.
_HELD_SHARE = 0.99
#: The 99th percentile of fewer is their largest.
_ENOUGH_FOR_P99 = 100


def advice(machine: Machine, levels: Sequence[LevelSeen]) -> tuple[str, ...]:
    """Whole sentences: what can be trusted first, then what could be better."""
    return (*map(_trust, levels), *_about_errors(levels), *_about_load(machine, levels))


def _trust(seen: LevelSeen) -> str:
    if seen.ttfo_error_ms is None or seen.latency_error_ms is None:
        return f"At {seen.label}: nothing is known, for none of {seen.n_calls:,} calls can be compared with the log."
    off_ms = max(seen.ttfo_error_ms.p99, seen.latency_error_ms.p99)
    whom = "for 99% of calls" if seen.n_compared >= _ENOUGH_FOR_P99 else f"in all {seen.n_compared} calls"
    off_by = f"At {seen.label} this client was off by {_duration(off_ms)} at most {whom}"
    if seen.stated_ms is None:
        return f"{off_by}. So times of {_duration(off_ms / _GOOD_SHARE)} and longer are right to 1%."
    # The larger one: what a run states is all that its reader can know.
    trusted_ms = max(off_ms, seen.stated_ms.p99) / _GOOD_SHARE
    stated = f"stated {_duration(seen.stated_ms.p99)}"
    return f"{off_by}, and {stated}. So times of {_duration(trusted_ms)} and longer are right to 1%."


def _duration(ms: float) -> str:
    return f"{ms:.2g} ms" if ms < 10 else f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:,.1f} s"


def _about_errors(levels: Sequence[LevelSeen]) -> list[str]:
    """What a run can say of its own error here."""
    said = [*_about_stamps(sum((Counter(level.sources) for level in levels), Counter[StampSource]()))]
    compared = [level for level in levels if level.n_compared]
    if compared and all(level.stated_ms is None for level in compared):
        said.append("A run on this machine cannot state its own error: the figures above are all there is to go by.")
    elif compared:
        said.append("Every run states its own error, and marks the times it is too large for.")
    said += [
        f"At {level.label} the error was larger than stated for {1 - level.held_share:.1%} of calls: run it again, and "
        "if this stays, trust the measured error and not the stated one."
        for level in levels
        if level.held_share is not None and level.held_share < _HELD_SHARE
    ]
    return said


def _about_stamps(sources: Counter[StampSource]) -> list[str]:
    n_user, n = sources[StampSource.USER], sources.total()
    if n_user == 0:
        return []
    which = "arrivals" if n_user == n else f"all arrivals of {n_user / n:.0%} of the calls"
    return [f"The kernel did not date {which}, this program did when it read them: their error grows with the load."]


def _about_load(machine: Machine, levels: Sequence[LevelSeen]) -> list[str]:
    said = []
    worst = max(levels, key=lambda level: level.coalesced_share or 0.0)
    if worst.coalesced_share is not None and worst.coalesced_share > _GOOD_SHARE:
        remedy = "with fewer streams" if machine.n_workers else "with --workers auto, or with fewer streams"
        said.append(
            f"At {worst.label} {worst.coalesced_share:.1%} of the gaps between deltas may be 0 only because this "
            f"client read late: run {remedy}."
        )
    if machine.load_average > machine.cores:
        said.append(
            f"This machine is busy (load {machine.load_average:.1f}, {machine.cores} cores): try again when it is idle."
        )
    return said
