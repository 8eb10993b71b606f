"""Quantiles over any number of times in bounded memory: counts in buckets whose width grows with the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

#: Each doubling of the time is cut into so many buckets, so that a quantile is at most 1.6% too high.
_BITS = 6
_QUANTILES = (0.5, 0.9, 0.99)


class Lateness:
    """How late events were sent: sent minus planned, of all events so far."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.n = 0
        self.max_ns = 0

    def add(self, late_ns: Sequence[int]) -> None:
        """Times of 0 or more."""
        self._counts.update(map(_bucket, late_ns))
        self.n += len(late_ns)
        self.max_ns = max(self.max_ns, max(late_ns, default=0))

    def quantile_ns(self, q: float) -> int:
        """The smallest bucket's upper end that a share ``q`` of all times does not exceed. Needs one time."""
        left = q * self.n
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return min(_upper_end(bucket), self.max_ns)
        return self.max_ns

    def as_ms(self) -> dict[str, float] | None:
        """Quantiles and the maximum by name, in milliseconds; None before the first event."""
        if not self.n:
            return None
        return {str(q): self.quantile_ns(q) / 1e6 for q in _QUANTILES} | {"max": self.max_ns / 1e6}


def _bucket(time_ns: int) -> int:
    """Grows with the time; times that share their first ``_BITS + 1`` binary digits share a bucket."""
    shift = time_ns.bit_length() - _BITS - 1
    return (shift << _BITS) + (time_ns >> shift) if shift > 0 else time_ns


def _upper_end(bucket: int) -> int:
    """The longest time in a bucket."""
    shift = max(0, (bucket >> _BITS) - 1)
    return ((bucket - (shift << _BITS) + 1) << shift) - 1
