"""``shape: closed``: a fixed number of trials in flight; each one that ends makes room for the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.core.model import Load
from evalharness.core.units import ns_from_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """``think_ns`` is the pause of a slot between the end of one trial and the start of its next."""

    max_in_flight: int | None
    think_ns: int

    def offsets_ns(self) -> Iterator[int]:
        """Nothing: the end of a trial starts the next one, no clock does."""
        return iter(())


def shape(load: Load) -> Closed:
    return Closed(max_in_flight=load.concurrency, think_ns=ns_from_ms(load.think_ms))
