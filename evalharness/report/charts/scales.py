"""From values to coordinates, and round values to write along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def told(value: float) -> float:
    """``value`` as a description tells it: three digits, so that it is no more exact than what the table says."""
    return float(f"{value:.3g}")


@dataclass(frozen=True, slots=True)
class Scale:
    """``low`` and ``high`` are the values at the coordinates ``start`` and ``end``. Logarithmic: both above 0."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The coordinate of ``value``, held inside the axis."""
        share = self._share(value)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def _share(self, value: float) -> float:
        if not self.logarithmic:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return 0.0
        return math.log(value / self.low) / math.log(self.high / self.low)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values inside the axis, about ``wanted`` of them."""
        if self.logarithmic:
            return log_ticks(self.low, self.high, wanted)
        return linear_ticks(self.low, self.high, wanted)


def nice_step(span: float, wanted: int) -> float:
    """The 1, 2 or 5 times a power of ten that divides ``span`` into about ``wanted`` parts."""
    rough = span / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def linear_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    step = nice_step(high - low, wanted)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """1-2-5 ticks, thinned to powers of ten where those alone are plenty; linear ones within less than a factor 3."""
    if high / low < 3:
        return linear_ticks(low, high, wanted)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        inside = [round(tick, 12) for tick in ticks if low * 0.9999 <= tick <= high * 1.0001]
        if len(inside) <= wanted + 1:
            break
    if len(inside) > wanted + 1:
        inside = inside[:: math.ceil(len(inside) / wanted)]
    return inside if len(inside) > 1 else linear_ticks(low, high, wanted)


def padded(low: float, high: float, share: float = 0.1) -> tuple[float, float]:
    """``low`` and ``high`` moved apart by ``share`` of their distance; never empty."""
    span = high - low or max(abs(high), 1e-6) * 0.2
    return low - span * share, high + span * share


def positive_scale(values: list[float], start: float, end: float, *, always_log: bool = False) -> Scale:
    """Logarithmic where the positive ``values`` span a factor of 3 or more, else linear; with room at both ends."""
    low, high = min(values), max(values)
    if low > 0 and (always_log or high / low >= 3):
        room = max((high / low) ** 0.08, 1.08)
        return Scale(low / room, high * room, start, end, logarithmic=True)
    low, high = padded(low, high, 0.15)
    return Scale(max(0.0, low), high, start, end)


#: Width of a character of 12 units in the widest font that ``system-ui`` is on common systems.
LETTER = 7.8
_BETWEEN = 7.0


def apart(labels: Sequence[tuple[float, str]], low: float, high: float) -> list[tuple[float, str]]:
    """The centred labels that can be read: moved inside ``low`` to ``high``, without those that touch the one before.

    Rising coordinates. What is dropped keeps its gridline.
    """
    kept: list[tuple[float, str]] = []
    free = -math.inf
    for x, label in labels:
        half = len(label) * LETTER / 2
        middle = min(max(x, low + half), high - half)
        if middle - half >= free:
            kept.append((middle, label))
            free = middle + half + _BETWEEN
    return kept
