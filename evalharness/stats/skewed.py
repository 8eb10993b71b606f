"""How far may the mean of skewed positive values lie from its estimate, where few cases have shown little of the tail?

A sample whose mean is too low also shows too little spread and skewness, and no resampling of it can tell: bounds from
draws alone are too low in 7 to 16% of runs where 5% is meant (decision 0015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from evalharness.stats.bootstrap import Studentised
from evalharness.stats.evidence import FEWEST_CLUSTERS
from evalharness.stats.proportions import Interval
from evalharness.stats.sample import Floats, Mask, Settings

#: Samples that limits are read from, and the most values in each. Beyond these the excess over normal limits shrinks
#: as 1 / sqrt(n), as that of any skewness does.
SAMPLES = 1_999
MOST_VALUES = 100
#: Below this coefficient of variation skewness plays no part, and rounding would.
LEAST_VARIATION = 1e-3
#: A limit so many times the estimate (or a part of it so small) is none.
MOST_TIMES = 100
ROUNDS = 30
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Widened:
    """A mean of values of which none is negative, or the log ratio of two such: the bootstrap-t interval, made no
    narrower than it would be were the values lognormal.

    ``low`` and ``high`` (``SAMPLES`` each, rising): standard errors from the estimate to the truth in lognormal
    samples, -inf and inf where these cannot tell. Empty below ``FEWEST_CLUSTERS``, where no gate decides and a
    lognormal's limits can be anything: then it is bootstrap-t alone.
    """

    fit: Studentised
    low: Floats
    high: Floats

    def interval(self, level: float) -> Interval:
        """-inf and inf on a side without a limit."""
        lower, upper = self.fit.interval(level)
        if not len(self.high):
            return lower, upper
        place = math.ceil((1 + level) / 2 * (SAMPLES + 1)) - 1
        if place >= SAMPLES:
            return -math.inf, math.inf
        point, error = self.fit.point, self.fit.standard_error
        return (
            min(lower, point + float(self.low[SAMPLES - 1 - place]) * error),
            max(upper, point + float(self.high[place]) * error),
        )

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided p of ``point == null``, from the same draws and samples as the interval."""
        if not len(self.high):
            return self.fit.p_value(null)
        draws, t = self.fit.draws, (self.fit.point - null) / self.fit.standard_error
        above = max(_share(draws >= t), _share(self.low <= -t))
        below = max(_share(draws <= t), _share(self.high >= -t))
        return min(1.0, 2 * min(above, below))


def _share(hits: Mask) -> float:
    return (int(hits.sum()) + 1) / (len(hits) + 1)


def positive_mean(fit: Studentised, settings: Settings) -> Widened:
    """For a mean above 0 of values of which none is negative."""
    n = min(fit.n_clusters, MOST_VALUES)
    if n < FEWEST_CLUSTERS:
        return _bare(fit)
    error = fit.standard_error * math.sqrt(fit.n_clusters / n)  # that of n values
    excess = _excess(n, settings.seed, error * math.sqrt(n) / fit.point)
    return _widened(fit, np.expm1(np.where(excess > math.log(MOST_TIMES), np.inf, excess)) * fit.point / error)


def positive_log_ratio(
    fit: Studentised, variations: tuple[float, float], correlation: float, settings: Settings
) -> Widened:
    """For log(mean / other mean) of values of which none is negative, in pairs.

    ``variations``: coefficients of variation of the values, ``correlation`` of both; that of the logs of a pair is
    log(1 + correlation c c') / (sigma sigma').
    """
    n = min(fit.n_clusters, MOST_VALUES)
    if n < FEWEST_CLUSTERS:
        return _bare(fit)
    error = fit.standard_error * math.sqrt(fit.n_clusters / n)
    upper, lower = (max(each, LEAST_VARIATION) for each in variations)
    logs = math.log1p(max(-0.999, correlation * upper * lower))
    of_logs = min(1.0, max(-1.0, logs / math.sqrt(math.log1p(upper**2) * math.log1p(lower**2))))
    with np.errstate(invalid="ignore"):  # neither can tell: inf - inf
        excess = _excess(n, settings.seed, variations[0]) - _excess(n, settings.seed, variations[1], of_logs)
    far = np.abs(excess) > math.log(MOST_TIMES)
    return _widened(fit, np.where(far, np.copysign(np.inf, excess), excess) / error)


def _bare(fit: Studentised) -> Widened:
    return Widened(fit=fit, low=np.empty(0), high=np.empty(0))


def _widened(fit: Studentised, distances: Floats) -> Widened:
    """``distances`` (``SAMPLES``) for ``MOST_VALUES`` at most: inf and -inf too far to tell, NaN on both sides."""
    unknown = np.isnan(distances)
    low, high = (np.sort(np.where(unknown, side, distances)) for side in (-np.inf, np.inf))
    if fit.n_clusters > MOST_VALUES:
        normal = special.ndtri(np.arange(1, SAMPLES + 1) / (SAMPLES + 1))
        shrink = math.sqrt(MOST_VALUES / fit.n_clusters)
        low, high = normal + (low - normal) * shrink, normal + (high - normal) * shrink
    return Widened(fit=fit, low=low, high=high)


def log_excess(z: Floats, variation: float) -> Floats:
    """(samples) log of the true mean over the mean of lognormal values, of which ``z`` (samples, n) are the normal ones
    and ``variation`` the coefficient of variation that was seen.

    For each sample the sigma at which exp(sigma z) varies that much is found, and with it exp(sigma^2 / 2) over the
    mean of exp(sigma z); inf where no sigma does. Quantiles are limits of the mean by the generalised pivot of mean
    and variation. Source: Weerahandi 1993; as Krishnamoorthy and Mathew 2003 have it for the moments of the logs.
    """
    n = z.shape[1]
    seen = max(variation, LEAST_VARIATION)
    wanted = math.sqrt(math.log1p(seen**2 * (n - 1) / n))
    top = z.max(axis=1, keepdims=True)
    below = z - top
    sigma = wanted / z.std(axis=1)
    with np.errstate(all="ignore"):  # what overflows or divides by 0 is not reached
        for _ in range(ROUNDS):
            x = np.exp(sigma[:, None] * below)
            total, squares = x.sum(axis=1), np.einsum("ij,ij->i", x, x)
            found = np.sqrt(np.log(n * squares / total**2))
            missing = wanted - found
            if not (missing > TOLERANCE * wanted).any():
                break
            # Newton: found^2 = log(sum x^2) - 2 log(sum x) + log n
            weighted = x * below
            slope = (np.einsum("ij,ij->i", x, weighted) / squares - weighted.sum(axis=1) / total) / found
            sigma = sigma + missing / slope
        excess = sigma**2 / 2 - np.log(total / n) - sigma * top[:, 0]
        reached = (np.abs(missing) <= 100 * TOLERANCE * wanted) & np.isfinite(excess)
    return np.where(reached, excess, np.inf) * min(1.0, variation / seen)


@lru_cache(maxsize=64)
def _excess(n: int, seed: int, variation: float, correlation: float = 1.0) -> Floats:
    """``log_excess`` in the samples of an analysis, or in others whose logs correlate with those. Kept, as a gate asks
    again for what a table has shown."""
    first, other = _normals(n, seed)
    return log_excess(correlation * first + math.sqrt(1 - correlation**2) * other, variation)


@lru_cache(maxsize=4)
def _normals(n: int, seed: int) -> tuple[Floats, Floats]:
    """Two of (``SAMPLES``, n), the same for all means of an analysis."""
    drawn = np.random.default_rng(seed).standard_normal((2, SAMPLES, n))
    return drawn[0], drawn[1]
