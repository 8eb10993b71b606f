"""``shape: constant``: a start every 1/rate seconds, whatever is still in flight."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.core.model import Load
from evalharness.core.ports import Stretch
from evalharness.core.units import NS_PER_S, ns_from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """``think_ns`` is the pause between the turns of a conversation."""

    rate_per_s: float
    think_ns: int = 0
    max_in_flight: None = None

    def offsets_ns(self, _stream: str) -> Iterator[int]:
        """i/rate, each rounded to the nearest nanosecond by itself: in integers, so that no error adds up. Endless."""
        numerator, denominator = self.rate_per_s.as_integer_ratio()
        for index in itertools.count():
            yield (2 * index * NS_PER_S * denominator + numerator) // (2 * numerator)


def stretches(load: Load) -> tuple[Stretch, ...]:
    assert load.rate_per_s is not None  # checked with the suite
    shape = Constant(rate_per_s=load.rate_per_s, think_ns=ns_from_ms(load.think_ms))
    return (Stretch(shape=shape, seconds=load.duration_s),)
