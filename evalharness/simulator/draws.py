"""Seeded chance: every draw is a pure function of its key, so order and concurrency change nothing."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from random import Random

_SEPARATOR = "\x1f"


def digest(*key: object) -> bytes:
    """16 bytes that depend on every part of ``key``."""
    return hashlib.blake2b(_SEPARATOR.join(map(str, key)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def uniform(*key: object) -> float:
    """One number in [0, 1)."""
    return (int.from_bytes(digest(*key)[:8], "big") >> 11) / 2**53


def stream(*key: object) -> Random:
    """A generator of its own for a draw that needs many numbers."""
    return Random(digest(*key))


def normal(*key: object) -> float:
    """One standard normal number."""
    return stream(*key).gauss(0.0, 1.0)


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """``median`` and ``sigma``, the standard deviation of the logarithm. A median of 0 is the constant 0."""

    median: float
    sigma: float = 0.0

    def at(self, z: float) -> float:
        """The value at ``z`` standard deviations."""
        return self.median * math.exp(self.sigma * z)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)

    def cdf(self, x: float) -> float:
        if x <= 0:
            return 1.0 if self.median == 0 and x == 0 else 0.0
        if self.median == 0 or self.sigma == 0:
            return 1.0 if x >= self.median else 0.0
        return normal_cdf(math.log(x / self.median) / self.sigma)
