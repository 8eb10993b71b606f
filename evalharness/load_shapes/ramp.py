"""``shape: ramp``: a rate that rises, or falls, in a straight line, and ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.core.model import Load
from evalharness.core.ports import Stretch
from evalharness.core.units import NS_PER_S, ns_from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """``think_ns`` is the pause between the turns of a conversation."""

    from_per_s: float
    to_per_s: float
    over_s: float
    think_ns: int = 0
    max_in_flight: None = None

    def offsets_ns(self, _stream: str) -> Iterator[int]:
        """Where the integral of the rate, N(t) = from t + (to - from) t^2 / (2 over), is 0, 1, 2, ...: for ``over_s``.

        With equal rates the same starts as those of ``constant``, but for rounding.
        """
        slope = (self.to_per_s - self.from_per_s) / self.over_s
        planned = (self.from_per_s + self.to_per_s) / 2 * self.over_s
        yield 0
        for index in itertools.takewhile(lambda index: index < planned, itertools.count(1)):
            # The root in the form that does not subtract nearly equal numbers where the slope is small.
            root = math.sqrt(max(0.0, self.from_per_s**2 + 2 * slope * index))
            yield round(2 * index / (self.from_per_s + root) * NS_PER_S)


def stretches(load: Load) -> tuple[Stretch, ...]:
    assert load.from_per_s is not None and load.to_per_s is not None and load.over_s is not None  # checked before
    shape = Ramp(
        from_per_s=load.from_per_s,
        to_per_s=load.to_per_s,
        over_s=load.over_s,
        think_ns=ns_from_ms(load.think_ms),
    )
    return (Stretch(shape=shape),)
