"""``shape: trace``: the starts of a file, as they were recorded, or faster or slower."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.core.model import Load
from evalharness.core.ports import Stretch
from evalharness.core.units import NS_PER_S, ns_from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """``offsets_s`` rise from 0; twice the ``speed`` is half the time. ``think_ns`` is the pause between the turns of a
    conversation."""

    offsets_s: tuple[float, ...]
    speed: float = 1.0
    think_ns: int = 0
    max_in_flight: None = None

    def offsets_ns(self, _stream: str) -> Iterator[int]:
        """The same for every stream: what was recorded is replayed at each endpoint. Ends with the file."""
        return (round(offset_s / self.speed * NS_PER_S) for offset_s in self.offsets_s)


def stretches(load: Load) -> tuple[Stretch, ...]:
    shape = Trace(offsets_s=load.offsets_s, speed=load.speed, think_ns=ns_from_ms(load.think_ms))
    return (Stretch(shape=shape),)
