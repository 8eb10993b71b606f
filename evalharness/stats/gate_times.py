"""Evidence for gates on times: one arm's quantile, the ratio of paired times, the ratio of two arms' quantiles.

Failed trials are +inf and keep their rank. A ratio against a limit is non-inferiority of the negative log ratio with
the log of the limit as margin.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate, Met
from evalharness.stats.bootstrap import NO_SPREAD
from evalharness.stats.evidence import LEVEL, Claim, Evidence, Gap, Inverted, Limits, Showing, nothing
from evalharness.stats.gate_parts import exponentiated, gap_of_interval, n_independent, of_one_value, ratio_evidence
from evalharness.stats.proportions import normal_quantile, t_quantile
from evalharness.stats.quantile_draws import quantile_draws
from evalharness.stats.quantiles import effective_trials, estimate_quantile, fewest_for_upper, ordered
from evalharness.stats.sample import Floats, Sample, Settings, filled, of_trials, restricted, with_level, with_values
from evalharness.stats.signed_rank import EXACT_UP_TO, PairedRatio, ratio_of_times
from evalharness.stats.targets import Target, judge

#: Stands for a time that never ended where the ratio itself lies among the failed; farther than any measured one.
NEVER = 1e30
#: A time of 0 has no ratio: what a missing time could have been at least.
SOONEST = 1e-100
QUANTILE_RESAMPLES = 2_000

# ---------------------------------------------------------------- one arm


def quantile_evidence(sample: Sample, q: float, settings: Settings) -> Evidence:
    """The ``q`` quantile of times, failed trials being +inf: the exact binomial test of ``targets``, and its limits."""
    measured = sample_without_missing(sample)
    extremes = (
        tuple(_quantile(filled(sample, value), q, settings) for value in (np.inf, 0.0)) if sample.n_missing else ()
    )
    return Evidence(
        observed=_quantile(measured, q, settings),
        extremes=extremes,
        n_missing=sample.n_missing,
        gap=lambda limit: _quantile_gap(measured, q, limit),
    )


def _quantile(sample: Sample, q: float, settings: Settings) -> Showing:
    n_clusters = n_independent(sample)
    if not sample.scored.any():
        return nothing(n_clusters)

    def p_value(claim: Claim) -> float:
        wanted = Met.NOT_MET if claim.above else Met.MET

        def limits(level: float) -> Limits:
            shown = judge(sample, Target(limit=claim.limit, share=q), with_level(settings, level)).met is wanted
            beyond = math.inf if claim.above else -math.inf
            return (beyond, beyond) if shown else (None, None)

        return Inverted(limits=limits)(claim)

    return Showing(
        estimate=estimate_quantile(sample, q, with_level(settings, LEVEL)),
        p_value=p_value,
        n_clusters=n_clusters,
        is_exact=lambda _: sample.block is None and int(sample.trials.sum()) == n_clusters,
    )


def _quantile_gap(sample: Sample, q: float, limit: float) -> Gap | None:
    """Of the share of trials inside the limit to ``q``; a trial more is worth what one of these was worth."""
    order = ordered(sample)
    if order is None:
        return None
    inside, n = order.share_up_to(limit), int(sample.scored.sum())
    cases_each = n / effective_trials(sample, order.at(q), LEVEL)
    return Gap(
        point=inside,
        limit=q,
        variance=inside * (1 - inside) * cases_each,
        at_limit=q * (1 - q) * cases_each,
        n_cases=n,
        least=math.ceil(fewest_for_upper(q, LEVEL) * cases_each),
        scale=None,
    )


def sample_without_missing(sample: Sample) -> Sample:
    """The same sample of the trials that have a value."""
    return of_trials(sample, ~np.isnan(sample.values))


# ---------------------------------------------------------------- paired times


def time_ratio_evidence(candidate: Sample, baseline: Sample, settings: Settings) -> Evidence:
    """The Hodges-Lehmann ratio of paired times, with the signed-rank test of the limit itself: exact to 50 cases.

    Where the candidate fails so often that the ratio lies among the failed there is no estimate, but the test stands.
    """

    def show(candidate: Sample, baseline: Sample) -> Showing:
        return _time_ratio(candidate, baseline, settings)

    def gap(limit: float) -> Gap | None:
        found = ratio_of_times(candidate, baseline, with_level(settings, LEVEL))
        return None if found is None else gap_of_interval(found.estimate, limit)

    return ratio_evidence((candidate, baseline), show, missing=(SOONEST, math.inf), gap=gap)


def _time_ratio(candidate: Sample, baseline: Sample, settings: Settings) -> Showing:
    n_clusters = n_independent(candidate, baseline)
    found = ratio_of_times(candidate, baseline, with_level(settings, LEVEL))
    ended = found is not None
    if not ended:  # the ratio may lie among the failed, which is no reason to let them pass
        candidate, baseline = _ended(candidate), _ended(baseline)
        if ratio_of_times(candidate, baseline, settings) is None:
            return nothing(n_clusters)

    def p_value(claim: Claim) -> float:
        against = ratio_of_times(with_values(candidate, candidate.values / claim.limit), baseline, settings)
        return 1.0 if against is None else _one_sided(against, claim)

    return Showing(
        estimate=found.estimate if found is not None else None,
        p_value=p_value,
        n_clusters=n_clusters,
        is_exact=lambda _: n_clusters <= EXACT_UP_TO,
    )


def _one_sided(against: PairedRatio, claim: Claim) -> float:
    point = against.estimate.point
    return against.p_value / 2 if (point > 1 if claim.above else point < 1) else 1.0


def _ended(sample: Sample) -> Sample:
    return with_values(sample, np.where(np.isinf(sample.values), NEVER, sample.values))


# ---------------------------------------------------------------- quantiles of two arms


def quantile_ratio_evidence(candidate: Sample, baseline: Sample, q: float, settings: Settings) -> Evidence:
    """The ratio of the ``q`` quantiles over the cases both have, by the joint cluster bootstrap of ``stats.shift``.

    Nothing is shown where an arm's effective trials cannot give the quantile an upper bound (59 for p95).
    """

    def show(candidate: Sample, baseline: Sample) -> Showing:
        return _quantile_ratio(candidate, baseline, q, settings)

    observed = show(candidate, baseline).estimate

    def gap(limit: float) -> Gap | None:
        return None if observed is None else gap_of_interval(observed, limit)

    return ratio_evidence((candidate, baseline), show, missing=(SOONEST, math.inf), gap=gap)


def _quantile_ratio(candidate: Sample, baseline: Sample, q: float, settings: Settings) -> Showing:
    both = candidate.scored & baseline.scored
    n_clusters = n_independent(candidate, baseline)
    arms = restricted(candidate, both), restricted(baseline, both)
    orders = [ordered(arm) for arm in arms]
    if n_clusters < 2 or orders[0] is None or orders[1] is None:
        return nothing(n_clusters)
    points = orders[0].at(q), orders[1].at(q)
    worth = min(effective_trials(arm, point, LEVEL) for arm, point in zip(arms, points, strict=True))
    if min(points) <= 0 or math.isinf(max(points)) or worth < fewest_for_upper(q, LEVEL):
        return nothing(n_clusters)
    lowest, highest = _log_ratio_draws(arms, q, settings)

    def limits(level: float) -> Limits:
        wider = t_quantile(level, n_clusters - 1) / normal_quantile(level) * math.sqrt(n_clusters / (n_clusters - 1))
        tail = float(special.ndtr(-normal_quantile(level) * wider))
        low = float(np.quantile(lowest, tail, method="inverted_cdf"))
        high = -float(np.quantile(-highest, tail, method="inverted_cdf"))
        return exponentiated((low, high))

    lower, upper = limits(LEVEL)
    estimate = Estimate(
        point=points[0] / points[1],
        lower=lower,
        upper=upper,
        method="expanded percentile cluster bootstrap",
        n=int(both.sum()),
        unit="ratio",
        level=LEVEL,
        n_trials=sum(int(arm.trials.sum()) for arm in arms),
        n_clusters=n_clusters,
    )
    if lower == upper:
        return of_one_value(replace(estimate, lower=None, upper=None, method=NO_SPREAD), n_clusters)
    return Showing(
        estimate=estimate, p_value=Inverted(limits=limits, least_p=1 / (len(lowest) + 1)), n_clusters=n_clusters
    )


def _log_ratio_draws(arms: tuple[Sample, Sample], q: float, settings: Settings) -> tuple[Floats, Floats]:
    """(B) twice: a draw in which both arms failed at the quantile counts against either limit."""
    few = replace(settings, n_resamples=min(settings.n_resamples, QUANTILE_RESAMPLES))
    b, a = (quantile_draws(arm, [q], few) for arm in arms)
    assert b is not None and a is not None  # both arms have a value of every common case
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(b[:, 0]) - np.log(a[:, 0])
    unknown = np.isnan(logs)
    return np.where(unknown, -np.inf, logs), np.where(unknown, np.inf, logs)
