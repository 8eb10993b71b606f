"""``shape: closed``: a fixed number of trials in flight; each one that ends makes room for the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.core.model import Load
from evalharness.core.ports import Stretch
from evalharness.core.units import ns_from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """``think_ns`` is the pause of a slot between the end of one trial and the start of its next, and between the turns
    of a conversation."""

    max_in_flight: int
    think_ns: int

    def offsets_ns(self, _stream: str) -> Iterator[int]:
        """Nothing: the end of a trial starts the next one, no clock does."""
        return iter(())


def stretches(load: Load) -> tuple[Stretch, ...]:
    shape = Closed(max_in_flight=load.concurrency, think_ns=ns_from_ms(load.think_ms))
    return (Stretch(shape=shape, seconds=load.duration_s),)
