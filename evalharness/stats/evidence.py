"""What a gate rests on: an estimate with its one-sided bounds, and how sure each claim about the quantity is.

One way from data to claims for every kind of gate: the p of a claim is the least one-sided error at which the bound of
the quantity's own interval shows it. So a p below 5% and a one-sided 95% bound beyond the limit are the same statement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import SMALLEST_P

#: One-sided error of a gate, and the two-sided level whose limits are one-sided bounds at that error.
ALPHA = 0.05
LEVEL = 0.90
#: Below this many independent cases only an exact test may decide anything.
FEWEST_CLUSTERS = 10
#: Beyond this a claim is not worth a number: its p counts as 1.
LARGEST_P = 0.45
#: Of a p value, relative to it.
PRECISION = 1e-3

Limits: TypeAlias = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The quantity lies above ``limit`` (else: below it). ``closed``: the limit itself counts as well."""

    limit: float
    above: bool
    closed: bool = False

    def shown_by(self, limits: Limits) -> bool:
        """Whether the bound on the claim's far side is beyond the limit; no bound shows nothing."""
        bound = limits[0] if self.above else limits[1]
        if bound is None:
            return False
        beyond = bound > self.limit if self.above else bound < self.limit
        return beyond or (self.closed and bound == self.limit)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Showing:
    """A quantity as one set of data shows it.

    ``estimate``: at level 0.90, whose limits are the one-sided 95% bounds; None where there is none to print.
    ``p_value``: one-sided p of a claim, 1.0 where nothing speaks for it. ``n_clusters``: independent units.
    ``is_exact``: whether the claim's test holds for any number of them.
    """

    estimate: Estimate | None
    p_value: Callable[[Claim], float]
    n_clusters: int
    is_exact: Callable[[Claim], bool] = lambda _: False

    def may_decide(self, claim: Claim) -> bool:
        return self.n_clusters >= FEWEST_CLUSTERS or self.is_exact(claim)


def unscaled(value: float) -> float:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """From the estimate to a limit, in the units that a number of cases is made of.

    ``point`` and ``limit`` are on one scale with the variances, to which ``scale`` takes a value of the quantity (the
    log of a ratio; None: it cannot). ``variance``: of one case at the present ``repeats``; ``at_limit``: what the
    interval would take for it if the limit were the truth. ``between``: what of ``variance`` no number of repeats
    removes, None where one repeat cannot tell. ``least``: cases below which there is no bound at all.
    ``same_cases``: only these cases are meant (``scope`` suite), so that more of them would be another question.
    ``excess``: how many standard errors of the present cases the bound towards the limit lies beyond a normal one, as
    that of few skewed values does; it shrinks as 1 / sqrt(n).
    """

    point: float
    limit: float
    variance: float
    at_limit: float
    n_cases: int
    repeats: float = 1.0
    between: float | None = None
    least: int = 1
    same_cases: bool = False
    excess: float = 0.0
    scale: Callable[[float], float] | None = unscaled


def no_gap(_: float) -> None:
    """Of no limit can a number of cases be named."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """``observed``: on the trials that are there. ``extremes``: with all missing ones against the candidate, and for
    it; empty where none is missing. ``gap``: from the observed point to a limit."""

    observed: Showing
    extremes: tuple[Showing, ...] = ()
    n_missing: int = 0
    gap: Callable[[float], Gap | None] = no_gap

    @property
    def decisive(self) -> tuple[Showing, ...]:
        """A verdict has to hold for each of these."""
        return self.extremes or (self.observed,)


def nothing(n_clusters: int = 0) -> Showing:
    """What was not measured, or has no limits, shows nothing."""
    return Showing(estimate=None, p_value=lambda _: 1.0, n_clusters=n_clusters)


def unlimited(*, above: bool, n_clusters: int) -> Showing:
    """What a missing value without a limit could make of a mean: more than any limit (else less than any)."""
    return Showing(
        estimate=None, p_value=lambda claim: SMALLEST_P if claim.above is above else 1.0, n_clusters=n_clusters
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inverted:
    """p values from an interval: the least one-sided error at which the bound shows the claim, to 3 digits.

    ``limits``: of a two-sided level, nested in it. ``least_p``: what the method cannot go below. The search is by
    bisection on log p with ``ALPHA`` as one of its ends, so that p and the one-sided 95% bound never disagree.
    """

    limits: Callable[[float], Limits]
    least_p: float = SMALLEST_P

    def __call__(self, claim: Claim) -> float:
        if self._shown(claim, ALPHA):
            found = self.least_p if self._shown(claim, self.least_p) else self._least(claim, self.least_p, ALPHA)
            return min(ALPHA, found)
        if not self._shown(claim, LARGEST_P):
            return 1.0
        return max(math.nextafter(ALPHA, 1), self._least(claim, ALPHA, LARGEST_P))

    def _shown(self, claim: Claim, alpha: float) -> bool:
        return claim.shown_by(self.limits(1 - 2 * alpha))

    def _least(self, claim: Claim, low: float, high: float) -> float:
        below, above = math.log(low), math.log(high)
        while above - below > PRECISION:
            middle = (below + above) / 2
            below, above = (below, middle) if self._shown(claim, math.exp(middle)) else (middle, above)
        return math.exp(above)
