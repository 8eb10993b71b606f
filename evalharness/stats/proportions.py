"""Limits of shares and of differences of shares, for counts that need not be whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

Interval = tuple[float, float]


def normal_quantile(level: float) -> float:
    """z of a two-sided interval: 1.96 for 0.95."""
    return float(special.ndtri((1 + level) / 2))


def t_quantile(level: float, df: float) -> float:
    """t of a two-sided interval with ``df`` > 0 degrees of freedom."""
    return float(special.stdtrit(df, (1 + level) / 2))


def wilson(share: float, n: float, z: float) -> Interval:
    """Score limits of a share seen in ``n`` > 0 independent trials. Never zero-width, always in [0, 1].

    Source: Wilson 1927; Brown, Cai and DasGupta 2001.
    """
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z * z / n
    lower = 0.0 if share == 0 else max(0.0, (centre - half) / scale)
    upper = 1.0 if share == 1 else min(1.0, (centre + half) / scale)
    return lower, upper


def clopper_pearson(share: float, n: float, level: float) -> Interval:
    """Exact limits; with a real ``n`` those of Korn and Graubard 1998. Source: Clopper and Pearson 1934."""
    tail, successes = (1 - level) / 2, share * n
    lower = 0.0 if share == 0 else float(special.betaincinv(successes, n - successes + 1, tail))
    upper = 1.0 if share == 1 else float(special.betainccinv(successes + 1, n - successes, tail))
    return lower, upper


def tango(gained: float, lost: float, n: float, z: float) -> Interval:
    """Score limits of the difference of two paired shares, (gained - lost)/n. Never zero-width, inside [-1, 1].

    Source: Tango 1998, Statistics in Medicine 17:891. Real counts are allowed: ``paired`` scales them.
    """
    point = (gained - lost) / n

    def excess(delta: float) -> float:
        linear = (2 * n - gained + lost) * delta - gained - lost
        root = math.sqrt(max(0.0, linear * linear + 8 * n * lost * delta * (1 - delta)))
        variance = n * (2 * (root - linear) / (4 * n) + delta * (1 - delta))
        return abs(gained - lost - n * delta) - z * math.sqrt(max(0.0, variance))

    return _outermost(excess, point, -1.0), _outermost(excess, point, 1.0)


def _outermost(excess: Callable[[float], float], inside: float, outside: float) -> float:
    """Where ``excess`` turns from negative to positive between a point inside the interval and the edge."""
    for _ in range(100):
        middle = (inside + outside) / 2
        if excess(middle) < 0:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2


def difference_limits(point_b: float, b: Interval, point_a: float, a: Interval) -> Interval:
    """Limits of B - A from the separate limits of two independent arms; inside [-1, 1] where those are in [0, 1].

    Source: Newcombe 1998, Statistics in Medicine 17:873, method 10 (square-and-add of Wilson limits).
    """
    point = point_b - point_a
    lower = point - math.hypot(point_b - b[0], a[1] - point_a)
    upper = point + math.hypot(b[1] - point_b, point_a - a[0])
    return lower, upper
