"""Loads and their levels in words."""

from __future__ import annotations

from evalharness.core.model import LevelUnit, Load
from evalharness.report import numbers


def level_text(level: float, unit: LevelUnit | None) -> str:
    """``20/s`` or ``8 in flight``: as a table and a chart write it."""
    return f"{level:g} in flight" if unit is LevelUnit.CONCURRENCY else f"{level:g}/s"


def level_spoken(level: float, unit: LevelUnit | None) -> str:
    """``20 calls a second`` or ``8 calls in flight``: as a sentence says it."""
    calls = f"{level:g} {'call' if level == 1 else 'calls'}"
    return f"{calls} in flight" if unit is LevelUnit.CONCURRENCY else f"{calls} a second"


def levels_spoken(load: Load) -> str:
    """``20, 40 and then 60 calls a second``."""
    return f"{_levels(load)} calls {'in flight' if load.level_unit is LevelUnit.CONCURRENCY else 'a second'}"


def per_second(value: float) -> str:
    """A throughput: three digits."""
    return numbers.significant(value)


def load_sentence(load: Load) -> str:
    """How callers came, and what that does to the times."""
    if load.is_open:
        return (
            f"Open loop: {_starts(load)}, whether or not earlier calls have ended. Total time counts from the moment "
            "each call was meant to start."
        )
    begins = f"{numbers.duration(load.think_ms)} after one has ended" if load.think_ms else "when one ends"
    return (
        f"Closed loop: {_in_flight(load)}, the next one starts {begins}. Such a load hides what callers who do "
        "not wait for each other would see."
    )


def _in_flight(load: Load) -> str:
    if load.levels:
        return levels_spoken(load)
    return f"{numbers.plural(load.concurrency, 'call')} in flight"


def _starts(load: Load) -> str:
    rate = f"{load.rate_per_s:g} calls a second" if load.rate_per_s is not None else "calls"
    match load.shape:
        case "constant":
            return f"{rate} at equal distances"
        case "poisson":
            return f"{rate} at random times (Poisson)"
        case "ramp":
            return f"from {load.from_per_s:g} to {load.to_per_s:g} calls a second over {load.over_s:g} s"
        case "burst":
            return f"bursts of {load.size} calls every {load.every_s:g} s"
        case "steps":
            return f"{levels_spoken(load)} at random times (Poisson)"
        case "trace":
            speed = "" if load.speed == 1 else f" at {load.speed:g} times its speed"
            return f"starts replayed from {load.file}{speed}"
    return f"load shape {load.shape}"


def _levels(load: Load) -> str:
    levels = [f"{level:g}" for level in load.levels]
    return f"{', '.join(levels[:-1])} and then {levels[-1]}" if len(levels) > 1 else levels[0]


def load_facts(load: Load) -> str:
    """The load as the methods list it."""
    parts = [load.shape]
    if load.levels:
        parts.append("levels " + ", ".join(level_text(level, load.level_unit) for level in load.levels))
    elif load.is_open:
        parts.append(_starts(load))
    else:
        parts.append(f"concurrency {load.concurrency}")
    if load.each_s is not None:
        parts.append(f"{load.each_s:g} s each")
    if load.duration_s is not None:
        parts.append(f"ended after {load.duration_s:g} s")
    if load.think_ms:
        parts.append(f"{numbers.duration(load.think_ms)} of thinking between calls")
    parts += [f"{load.order} order", f"seed {load.seed}"]
    if load.warmup is not None:
        amount = numbers.plural(load.warmup.calls, "call") if load.warmup.calls else f"{load.warmup.seconds:g} s"
        parts.append(f"warm-up of {amount}, in no statistic")
    return ", ".join(parts)
