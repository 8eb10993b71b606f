"""Where did the level of a history of runs change, with a stated rate of false alarms over the whole history?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.proportions import t_quantile
from evalharness.stats.sample import Floats

#: Runs that a stretch needs: fewer say nothing of how much runs scatter by themselves.
FEWEST_RUNS = 4
_DRAWS = 9_999
_CHUNK = 1_000_000
#: Below this share of the values' own size a scatter is what rounding left.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """``at``: index of the first run of the new level. ``estimate``: that level minus the one before, in the unit of
    the values, each over the runs between its neighbouring changes. ``p_value``: over all places it could have been."""

    at: int
    p_value: float
    estimate: Estimate


def change_points(values: Floats, errors: Floats, *, alarm: float, level: float = 0.95) -> tuple[ChangePoint, ...]:
    """Changes in the level of ``values`` (N runs, oldest first, finite), whose standard errors are ``errors`` (N, > 0).

    The place is where the two-sample t is largest. It counts if that t is larger than chance makes the largest of all
    places, by two yardsticks, and the larger p decides: the scatter of the runs around the two levels, which holds
    whatever else moves between runs, and the errors that the runs' own intervals state, so that runs which happen to
    agree do not make a change of what no interval supports. Both distributions depend on N alone and are drawn, with a
    fixed seed. Either part is then searched at half the rate, so that all its parts together keep to it: of histories
    in which nothing changed at most the share ``alarm`` are marked anywhere.

    Assumes runs that scatter independently of each other and nearly normally, of about the same size. Errors that the
    runs share (the same cases) make it cautious, never wrong. A change that was looked for is overstated by its own
    figure. Nothing below 4 runs in a part; what leaves zero in its interval is not returned.

    Source: Hawkins 1977, JASA 72:180, and Worsley 1979, JASA 74:365 (largest t over all places, variance unknown);
    Vostrikova 1981, Soviet Mathematics Doklady 24:55 (binary segmentation).
    """
    error = math.sqrt(float(np.square(errors).mean())) if len(errors) else 0.0
    found = sorted(_split(values, error, 0, len(values), alarm))
    if not found:
        return ()
    levels = np.split(values, [at for at, _ in found])
    df = len(values) - len(levels)
    scatter = sum(float(np.square(each - each.mean()).sum()) for each in levels) / df
    spread, t = max(scatter, error**2), t_quantile(level, df)
    told = (
        ChangePoint(at=at, p_value=p, estimate=_shift(before, after, spread, t, level))
        for (at, p), before, after in zip(found, levels[:-1], levels[1:], strict=True)
    )
    return tuple(each for each in told if _leaves_out_zero(each.estimate))


def _shift(before: Floats, after: Floats, spread: float, t: float, level: float) -> Estimate:
    """Mean after minus mean before; ``spread`` is the variance of a run around its level."""
    point = float(after.mean() - before.mean())
    half = t * math.sqrt(spread * (1 / len(before) + 1 / len(after)))
    return Estimate(
        point=point,
        lower=point - half,
        upper=point + half,
        method="t between runs, at the place where it is largest",
        n=len(before) + len(after),
        unit="",
        level=level,
    )


def _leaves_out_zero(estimate: Estimate) -> bool:
    assert estimate.lower is not None and estimate.upper is not None  # made above
    return estimate.lower > 0 or estimate.upper < 0


def _split(values: Floats, error: float, start: int, end: int, alarm: float) -> Iterator[tuple[int, float]]:
    """(place, p) of every change between two indices."""
    if end - start < FEWEST_RUNS:
        return
    part = values[start:end]
    between, total = _largest(part[None, :])
    if total[0] <= np.square(_NOISE * np.abs(part).max()):
        return
    by_error, by_scatter = _chance(end - start)
    p = max(
        _p_value(by_error, float(between.max()) / error**2),
        _p_value(by_scatter, float(between.max() / total[0])),
    )
    if p > alarm:
        return
    at = start + 1 + int(between[0].argmax())
    yield at, p
    yield from _split(values, error, start, at, alarm / 2)
    yield from _split(values, error, at, end, alarm / 2)


def _largest(rows: Floats) -> tuple[Floats, Floats]:
    """Of histories (M, N): the squares between both sides of each of N - 1 places (M, N - 1), and in all (M)."""
    n = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    before = np.arange(1, n)
    sums = np.cumsum(centred, axis=1)[:, :-1]
    return np.square(sums) * n / (before * (n - before)), np.square(centred).sum(axis=1)


@lru_cache(maxsize=64)
def _chance(n: int) -> tuple[Floats, Floats]:
    """Sorted draws of the largest square between the sides of a place, over the error's square and over all squares,
    where nothing changed in ``n`` runs."""
    rng = np.random.default_rng(n)
    rows = max(1, _CHUNK // n)
    by_error, by_scatter = [], []
    for start in range(0, _DRAWS, rows):
        between, total = _largest(rng.standard_normal((min(rows, _DRAWS - start), n)))
        by_error.append(between.max(axis=1))
        by_scatter.append(between.max(axis=1) / total)
    return np.sort(np.concatenate(by_error)), np.sort(np.concatenate(by_scatter))


def _p_value(draws: Floats, seen: float) -> float:
    return (len(draws) - int(np.searchsorted(draws, seen * (1 - 1e-12))) + 1) / (len(draws) + 1)
