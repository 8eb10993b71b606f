"""``shape: burst``: many starts at the same moment, again and again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.core.model import Load
from evalharness.core.ports import Stretch
from evalharness.core.units import NS_PER_S, ns_from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """``think_ns`` is the pause between the turns of a conversation."""

    size: int
    every_s: float
    think_ns: int = 0
    max_in_flight: None = None

    def offsets_ns(self, _stream: str) -> Iterator[int]:
        """``size`` times 0, ``size`` times ``every_s``, and so on. Endless."""
        for index in itertools.count():
            yield from itertools.repeat(round(index * self.every_s * NS_PER_S), self.size)


def stretches(load: Load) -> tuple[Stretch, ...]:
    assert load.size is not None and load.every_s is not None  # checked with the suite
    shape = Burst(size=load.size, every_s=load.every_s, think_ns=ns_from_ms(load.think_ms))
    return (Stretch(shape=shape, seconds=load.duration_s),)
