"""``shape: steps``: one level of load after the other, to see where a service stops keeping up.

A level is a number of trials in flight (closed), or a rate with Poisson starts. Not constant ones: evenly spaced starts
never meet until the service is full, so that its queue, which users feel long before, would stay out of sight.
"""

from __future__ import annotations

from evalharness.core.model import LevelUnit, Load
from evalharness.core.ports import LoadShape, Stretch
from evalharness.core.units import ns_from_ms
from evalharness.load_shapes.closed import Closed
from evalharness.load_shapes.poisson import Poisson


def stretches(load: Load) -> tuple[Stretch, ...]:
    """One per level; without ``each_s`` each lasts until its list of trials was sent once."""
    return tuple(
        Stretch(shape=_level(load, step, level), step=step, seconds=load.each_s)
        for step, level in enumerate(load.levels)
    )


def _level(load: Load, step: int, level: float) -> LoadShape:
    think_ns = ns_from_ms(load.think_ms)
    if load.level_unit is LevelUnit.CONCURRENCY:
        return Closed(max_in_flight=int(level), think_ns=think_ns)
    return Poisson(rate_per_s=level, seed=load.seed, step=step, think_ns=think_ns)
