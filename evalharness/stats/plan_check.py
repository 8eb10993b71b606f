"""Does a planned comparison find what it was planned for? By simulating it, with the tests that will judge it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from evalharness.stats.cheapest import Design
from evalharness.stats.planning import Odds, Spread
from evalharness.stats.proportions import t_quantile
from evalharness.stats.sample import Floats, Ints

#: Points at which the distribution of cases' shares is tabulated; drawn from in place of the distribution itself.
GRID = 10_000
#: Cases simulated at once, of all runs.
CHUNK = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is simulated: right-or-wrong answers, ``share`` of them right over both arms, the arms ``difference`` apart,
    with the variances of ``spread``, whose inflation is left out: cases are independent."""

    share: float
    difference: float
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPower:
    """Share of simulated runs that found the difference, with the Monte-Carlo standard error of that share."""

    power: float
    error: float
    n_runs: int


def simulated_power(design: Design, truth: Truth, odds: Odds, *, n_runs: int, seed: int) -> SimulatedPower | None:
    """Simulates runs of ``design`` and counts those whose interval leaves 0 out on the side of the difference.

    The interval is Tango's, scaled where there are repeats: it leaves 0 out where |sum u| > critical * sqrt(sum u^2).
    Deterministic for a seed. None where right-or-wrong answers cannot spread so far.
    """
    population = _population(truth)
    if population is None:
        return None
    critical = _critical(design, odds)
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // design.n_cases)
    found = 0
    for start in range(0, n_runs, step):
        d = population.differences(rng, (min(step, n_runs - start), design.n_cases), design.repeats)
        found += int((d.sum(axis=1) > critical * np.sqrt(np.square(d).sum(axis=1))).sum())
    power = found / n_runs
    return SimulatedPower(power=power, error=math.sqrt(max(power * (1 - power), 1 / n_runs) / n_runs), n_runs=n_runs)


def _critical(design: Design, odds: Odds) -> float:
    """As the comparison of scores has it: normal with one trial per case, else t over the cases."""
    if design.repeats == 1:
        return odds.critical
    return t_quantile(1 - (1 - odds.level) / odds.comparisons, design.n_cases - 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Population:
    """(GRID) a case's share in the baseline and in the candidate, by how easy the case is there.

    A case is as easy in one arm as in the other with probability ``alike``, else drawn anew.
    """

    baseline: Floats
    candidate: Floats
    alike: float

    def differences(self, rng: np.random.Generator, size: tuple[int, int], repeats: int) -> Ints:
        """(size) right answers of the candidate less those of the baseline."""
        ease = rng.integers(0, GRID, size)
        other = np.where(rng.random(size) < self.alike, ease, rng.integers(0, GRID, size))
        right = rng.binomial(repeats, self.candidate[other]) - rng.binomial(repeats, self.baseline[ease])
        return np.asarray(right, np.int64)


def _population(truth: Truth) -> _Population | None:
    """One that has the variances of ``truth``: those within cases set how far the cases' shares spread, those between
    them how alike cases are in both arms.

    Where so large a share right leaves no room for the variances, it is moved towards 1/2.
    """
    spread, half = truth.spread.at(truth.difference), truth.difference / 2
    wanted = spread.between + spread.within + 2 * half**2
    if wanted > 0.5 * (1 + 1e-9):
        return None
    away = min(abs(truth.share - 0.5), math.sqrt(max(0.0, 0.25 - wanted / 2)), 0.5 - half)
    share = 0.5 + math.copysign(away, truth.share - 0.5)
    means = share - half, share + half
    agreement = 1 - spread.within / sum(mean * (1 - mean) for mean in means)
    baseline, candidate = (_shares_by_ease(mean, agreement) for mean in means)
    apart = float((candidate - baseline).var())
    free = float(baseline.var() + candidate.var()) - apart
    alike = 1 - (spread.between - apart) / free if free > 0 else 1.0
    return _Population(baseline=baseline, candidate=candidate, alike=min(1.0, max(0.0, alike)))


def _shares_by_ease(mean: float, agreement: float) -> Floats:
    """Quantiles of the Beta distribution with this mean and intraclass correlation: one value at 0, 0 and 1 at 1."""
    ease = (np.arange(GRID) + 0.5) / GRID
    if agreement <= 1e-6 or not 0 < mean < 1:
        return np.full(GRID, mean)
    if agreement >= 1 - 1e-3:
        return np.asarray(ease > 1 - mean, float)
    size = (1 - agreement) / agreement
    return np.asarray(special.betaincinv(mean * size, (1 - mean) * size, ease))
