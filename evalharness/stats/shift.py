"""Which part of the distribution became slower? Ratios of two arms' quantiles that all hold together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD
from evalharness.stats.proportions import normal_quantile, t_quantile
from evalharness.stats.quantile_draws import quantile_draws
from evalharness.stats.quantiles import Ordered, effective_trials, fewest_for_upper, ordered
from evalharness.stats.sample import Floats, Sample, Settings, groups, restricted

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
#: Draws of a band: about six of them lie beyond a joint 95% limit on each side of a quantile.
RESAMPLES = 2_000
#: Below this many cases single order statistics jump; the smoothed quantile is drawn up to this share.
SMOOTHED_BELOW, SMOOTHED_UP_TO = 100, 0.95
#: Weight that failed trials may have in a smoothed quantile without making it infinite.
NEGLIGIBLE = 1e-6
#: exp() of more is no number.
LARGEST_LOG = 700.0
METHOD = "expanded percentile cluster bootstrap, simultaneous over quantiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRatio:
    """Candidate / baseline at one quantile. ``estimate`` None: ``reason`` says why; its limits hold jointly.

    ``drawn`` is the point for a chart: smoothed (Harrell-Davis) with few cases, else that of the estimate.
    """

    q: float
    estimate: Estimate | None
    drawn: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One ratio per quantile of ``QUANTILES``. ``tail`` is the pointwise tail that makes the limits hold together."""

    ratios: tuple[QuantileRatio, ...]
    tail: float | None
    n_pairs: int
    n_clusters: int


def shift_function(candidate: Sample, baseline: Sample, settings: Settings) -> Shift | None:
    """Ratios of the quantiles of two arms' times over the cases both have, limits simultaneous over the quantiles.

    Whole clusters are drawn with both arms. A quantile whose limits the trials of an arm cannot give
    (``fewest_for_upper``: 368 effective trials for p99) or that lies among an arm's failed trials has no estimate. The
    common tail leaves at most 1 - level of the draws outside anywhere; it is widened as the t factor widens a normal
    interval. A draw in which both arms failed at a quantile counts against both of its limits. None without a common
    case. Limits are None where they would lie among failed trials, or where the draws are all alike.
    Source: Doksum and Sievers 1976 (shift function); Mandel and Betensky 2008 (simultaneous percentile intervals);
    Hesterberg 2015, American Statistician 69:371 (expanded percentile).
    """
    both = candidate.scored & baseline.scored
    if not both.any():
        return None
    arms = restricted(candidate, both), restricted(baseline, both)
    n_clusters = groups(candidate.cluster[both])[1]
    orders = ordered(arms[0]), ordered(arms[1])
    assert orders[0] is not None and orders[1] is not None  # every common case has a value
    reasons = [_reason(arms, (orders[0], orders[1]), q, settings.level) for q in QUANTILES]
    shown = [q for q, reason in zip(QUANTILES, reasons, strict=True) if not reason]
    limits, tail = _limits(arms, shown, n_clusters, settings)
    ratios = []
    for q, reason in zip(QUANTILES, reasons, strict=True):
        if reason:
            ratios.append(QuantileRatio(q=q, estimate=None, reason=reason))
            continue
        point = orders[0].at(q) / orders[1].at(q)
        estimate = _estimate(point, limits[q], arms, n_clusters, settings)
        ratios.append(QuantileRatio(q=q, estimate=estimate, drawn=_drawn(arms, q, estimate)))
    return Shift(ratios=tuple(ratios), tail=tail, n_pairs=int(both.sum()), n_clusters=n_clusters)


def harrell_davis(sample: Sample, q: float) -> float | None:
    """The ``q`` quantile as a mean of all order statistics, weighted by Beta((n+1)q, (n+1)(1-q)).

    With unequal repeats ``n`` is Kish's effective number and the weights follow the cumulated shares. None where
    nothing was measured, or where failed trials (+inf) would carry weight: take the order statistic then.
    Source: Harrell and Davis 1982, Biometrika 69:635; Akinshin 2023, arXiv 2304.07265 (weighted samples).
    """
    order = ordered(sample)
    if order is None:
        return None
    case_weights = 1 / sample.trials[sample.scored]
    n = len(case_weights) ** 2 / float(case_weights.sum())
    edges = special.betainc((n + 1) * q, (n + 1) * (1 - q), np.minimum(1.0, np.append(0.0, order.shares)))
    weights = np.diff(edges)
    finite = np.isfinite(order.values)
    kept = float(weights[finite].sum())
    if kept < (1 - NEGLIGIBLE) * float(edges[-1]):
        return None
    return float((weights[finite] * order.values[finite]).sum() / kept)


def _reason(arms: tuple[Sample, Sample], orders: tuple[Ordered, Ordered], q: float, level: float) -> str:
    """Why there is no ratio at ``q``; empty where there is one."""
    points = [order.at(q) for order in orders]
    failed = [name for name, point in zip(("candidate", "baseline"), points, strict=True) if math.isinf(point)]
    if failed:
        return f"the quantile lies among failed trials of the {' and the '.join(failed)}"
    needed = fewest_for_upper(q, level)
    worth = min(effective_trials(arm, point, level) for arm, point in zip(arms, points, strict=True))
    if worth < needed:
        return f"the trials are worth {math.floor(worth)} independent ones, {needed} are needed"
    if min(points) <= 0:
        return "a time of 0 has no ratio"
    if abs(math.log(points[0]) - math.log(points[1])) > LARGEST_LOG:
        return "the ratio is beyond any number"
    return ""


def _limits(
    arms: tuple[Sample, Sample], qs: list[float], n_clusters: int, settings: Settings
) -> tuple[dict[float, tuple[float, float]], float | None]:
    """Logs of the joint limits at each of ``qs``, and the common tail; infinite among failed trials."""
    if not qs:
        return {}, None
    few = replace(settings, n_resamples=min(settings.n_resamples, RESAMPLES))
    lowest, highest = _log_ratio_draws(arms, qs, few)
    # Both as rising orders: the upper limit is the mirrored lower one, so that swapping the arms inverts a ratio.
    mirrored = -highest
    tails = np.minimum(_shares_up_to(lowest), _shares_up_to(mirrored)).min(axis=1)
    joint = float(np.sort(tails)[math.floor(settings.alpha * len(tails))])
    wider = t_quantile(settings.level, n_clusters - 1) / normal_quantile(settings.level)
    wider *= math.sqrt(n_clusters / (n_clusters - 1))
    tail = float(special.ndtr(special.ndtri(min(joint, 0.5)) * wider))
    low = np.quantile(lowest, tail, axis=0, method="inverted_cdf")
    high = -np.quantile(mirrored, tail, axis=0, method="inverted_cdf")
    return dict(zip(qs, zip(low.tolist(), high.tolist(), strict=True), strict=True)), tail


def _log_ratio_draws(arms: tuple[Sample, Sample], qs: list[float], settings: Settings) -> tuple[Floats, Floats]:
    """(B, quantiles) twice: the log ratio of each draw, -inf and +inf where neither arm has a quantile."""
    b, a = (quantile_draws(arm, qs, settings) for arm in arms)
    assert b is not None and a is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(b) - np.log(a)
    unknown = np.isnan(ratios)
    return np.where(unknown, -np.inf, ratios), np.where(unknown, np.inf, ratios)


def _shares_up_to(draws: Floats) -> Floats:
    """(B, k) share of a column's draws that do not exceed each draw of it."""
    ranks = [np.searchsorted(np.sort(column), column, side="right") for column in draws.T]
    return np.column_stack(ranks) / len(draws)


def _estimate(
    point: float, logs: tuple[float, float], arms: tuple[Sample, Sample], n_clusters: int, settings: Settings
) -> Estimate:
    low, high = min(logs[0], math.log(point)), max(logs[1], math.log(point))
    spread = high - low > 1e-12
    return Estimate(
        point=point,
        lower=math.exp(low) if spread and low > -LARGEST_LOG else None,
        upper=math.exp(high) if spread and high < LARGEST_LOG else None,
        method=METHOD if spread else NO_SPREAD,
        n=int(arms[0].scored.sum()),
        unit="ratio",
        level=settings.level,
        n_trials=sum(int(arm.trials.sum()) for arm in arms),
        n_clusters=n_clusters,
    )


def _drawn(arms: tuple[Sample, Sample], q: float, estimate: Estimate) -> float:
    """The smoothed ratio, held inside the limits that are drawn with it."""
    if estimate.n >= SMOOTHED_BELOW or q > SMOOTHED_UP_TO:
        return estimate.point
    b, a = (harrell_davis(arm, q) for arm in arms)
    if b is None or a is None or a <= 0:
        return estimate.point
    lower = 0.0 if estimate.lower is None else estimate.lower
    upper = math.inf if estimate.upper is None else estimate.upper
    return min(max(b / a, lower), upper)
