"""What several kinds of gate evidence share: independent cases, missing trials, the parts of a variance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.evidence import LEVEL, Claim, Evidence, Gap, Limits, Showing
from evalharness.stats.proportions import normal_quantile
from evalharness.stats.sample import Mask, Sample, filled, groups


def n_independent(*arms: Sample) -> int:
    """Independent units that all of the arms have a value of; of the smaller arm where none is common."""
    scored: Mask = np.logical_and.reduce([arm.scored for arm in arms])
    if scored.any():
        return groups(arms[0].cluster[scored])[1]
    return min(groups(arm.cluster[arm.scored])[1] for arm in arms)


def limits_of(estimate: Estimate | None) -> Limits:
    return (None, None) if estimate is None else (estimate.lower, estimate.upper)


def exponentiated(logs: tuple[float, float]) -> Limits:
    """None on a side that would be 0 or beyond any number."""
    return (math.exp(logs[0]) if -700 < logs[0] < 700 else None), (math.exp(logs[1]) if -700 < logs[1] < 700 else None)


def of_one_value(estimate: Estimate, n_clusters: int) -> Showing:
    """Cases that all show the same value (a free service) make no interval, but leave little doubt of their side.

    p is that of a sign test: 2^-G, were the limit the median.
    """

    def p_value(claim: Claim) -> float:
        return max(2.0**-n_clusters, 1e-12) if claim.shown_by((estimate.point, estimate.point)) else 1.0

    return Showing(estimate=estimate, p_value=p_value, n_clusters=n_clusters)


def ratio_evidence(
    pair: tuple[Sample, Sample],
    show: Callable[[Sample, Sample], Showing],
    *,
    missing: tuple[float, float],
    gap: Callable[[float], Gap | None],
) -> Evidence:
    """``missing``: what one missing value can lie between; less is better for the candidate."""
    candidate, baseline = pair
    n_missing = candidate.n_missing + baseline.n_missing
    extremes: tuple[Showing, ...] = ()
    if n_missing:
        low, high = missing
        worst = show(filled(candidate, high), filled(baseline, low))
        extremes = (worst, show(filled(candidate, low), filled(baseline, high)))
    return Evidence(observed=show(candidate, baseline), extremes=extremes, n_missing=n_missing, gap=gap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Variance of one case, and what of it more repeats would not remove (None: one repeat cannot tell)."""

    variance: float
    between: float | None
    repeats: float
    n_cases: int
    same_cases: bool

    def gap(self, point: float, limit: float, at_limit: float, excess: float = 0.0) -> Gap:
        return Gap(
            point=point,
            limit=limit,
            variance=self.variance,
            at_limit=at_limit,
            n_cases=self.n_cases,
            repeats=self.repeats,
            between=self.between,
            same_cases=self.same_cases,
            excess=excess,
        )


def excess_of(point: float, bound: float | None, error: float) -> float:
    """How many standard errors of a mean its one-sided 95% ``bound`` lies beyond a normal one, at least 0; 0 without a
    bound or a spread."""
    return 0.0 if bound is None or error == 0 else max(0.0, abs(bound - point) / error - normal_quantile(LEVEL))


def parts_of(variance: float, growing: Sequence[Sample], scope: str) -> Parts | None:
    """What single trials contribute is the sum over arms of mean(s^2 / K). With ``scope`` suite it is all there is:
    None with one repeat."""
    trials = np.concatenate([arm.trials[arm.scored] for arm in growing])
    repeated = bool((trials > 1).all())
    noise = sum(float((arm.variances / arm.trials)[arm.scored].mean()) for arm in growing) if repeated else math.nan
    if not math.isfinite(noise) and scope == "suite":
        return None
    same_cases = scope == "suite"
    if same_cases:
        variance = noise
    return Parts(
        variance=variance,
        between=None if not math.isfinite(noise) else max(0.0, variance - noise),
        repeats=float(1 / (1 / trials).mean()),
        n_cases=int(growing[0].scored.sum()),
        same_cases=same_cases,
    )


def gap_of_interval(estimate: Estimate, limit: float) -> Gap | None:
    """The variance of a case from the width of the interval of a ratio: of its log, times the cases it is from."""
    if estimate.lower is None or estimate.upper is None or limit <= 0:
        return None
    error = (math.log(estimate.upper) - math.log(estimate.lower)) / (2 * normal_quantile(LEVEL))
    variance = error**2 * estimate.n
    point = math.log(estimate.point)
    towards = math.log(estimate.upper if math.log(limit) > point else estimate.lower)
    return Gap(
        point=point,
        limit=math.log(limit),
        variance=variance,
        at_limit=variance,
        n_cases=estimate.n,
        excess=excess_of(point, towards, error),
        scale=math.log,
    )
