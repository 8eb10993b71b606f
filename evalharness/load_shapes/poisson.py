"""``shape: poisson``: independent starts at a mean rate, as many users who know nothing of each other make them."""

from __future__ import annotations

import hashlib
import itertools
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.core.model import Load
from evalharness.core.ports import Stretch
from evalharness.core.units import NS_PER_S, ns_from_ms

_DRAWS_PER_BLOCK = 512
_BLOCK = struct.Struct(f"<{_DRAWS_PER_BLOCK}Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """``step`` gives each level of ``shape: steps`` starts of its own; ``think_ns`` is the pause between the turns of a
    conversation."""

    rate_per_s: float
    seed: int
    step: int = 0
    think_ns: int = 0
    max_in_flight: None = None

    def offsets_ns(self, stream: str) -> Iterator[int]:
        """Sums of exponential gaps with the mean 1/rate; the first start is one gap after the beginning. Endless.

        Each gap is rounded to a nanosecond before it is added: the sum is exact, and never falls.
        """
        at_ns = 0
        mean_gap_ns = NS_PER_S / self.rate_per_s
        for uniform in _uniforms(f"{self.seed}\0{stream}\0{self.step}"):
            at_ns += round(-math.log(uniform) * mean_gap_ns)
            yield at_ns


def _uniforms(key: str) -> Iterator[float]:
    """Uniform draws from the open interval (0, 1): the blocks of a counter, hashed with ``key``.

    A generator of the standard library would do, but its sequence is a promise of its library; SHAKE's is a standard.
    """
    for block in itertools.count():
        hashed = hashlib.shake_256(f"{key}\0{block}".encode("utf-8", "surrogatepass"))
        for word in _BLOCK.unpack(hashed.digest(_BLOCK.size)):
            yield ((word >> 12) + 0.5) * 2.0**-52  # of 53 bits and a half the largest would round up to 1


def stretches(load: Load) -> tuple[Stretch, ...]:
    assert load.rate_per_s is not None  # checked with the suite
    shape = Poisson(rate_per_s=load.rate_per_s, seed=load.seed, think_ns=ns_from_ms(load.think_ms))
    return (Stretch(shape=shape, seconds=load.duration_s),)
