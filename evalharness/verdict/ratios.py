"""Times, money and tokens of arms against each other: how many times as much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.findings import Comparison, Estimate
from evalharness.metrics.catalog import CATALOG
from evalharness.stats.mean_ratios import ratios_of_means
from evalharness.stats.sample import groups
from evalharness.stats.signed_rank import ratio_of_times
from evalharness.verdict.arm_samples import ArmSamples
from evalharness.verdict.families import HOLM, Pair, cautions
from evalharness.verdict.reading import may_decide, reading

#: What is compared with the baseline, in the order of pages.
RATIO_METRICS = ("cost_usd", "total_ms", "ttfo_ms", "output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ratio:
    """What ratios of means and of paired times have in common. ``gained``, ``lost``: cases that got less, more."""

    estimate: Estimate
    p_value: float | None
    p_method: str
    smallest_p: float | None = None
    gained: int = 0
    lost: int = 0


def ratios(view: ArmSamples, metric: str, pairs: Sequence[Pair]) -> Mapping[Pair, Comparison]:
    """candidate / baseline for each pair that has one: less is better, and a reading needs the Holm-adjusted p."""
    known = _times(view, metric, pairs) if CATALOG[metric].is_time else _means(view, metric, pairs)
    adjusted = HOLM.adjusted([ratio.p_value for ratio in known.values()])
    return {
        pair: _comparison(view, metric, pair, ratio, p_adjusted)
        for (pair, ratio), p_adjusted in zip(known.items(), adjusted, strict=True)
    }


def _means(view: ArmSamples, metric: str, pairs: Sequence[Pair]) -> Mapping[Pair, _Ratio]:
    """What adds up is compared by its mean."""
    samples = [(view.metric(metric, candidate), view.metric(metric, baseline)) for candidate, baseline in pairs]
    found = zip(pairs, ratios_of_means(samples, view.settings), strict=True)
    return {
        pair: _Ratio(estimate=means.estimate, p_value=means.p_value, p_method=means.p_method)
        for pair, means in found
        if means is not None
    }


def _times(view: ArmSamples, metric: str, pairs: Sequence[Pair]) -> Mapping[Pair, _Ratio]:
    """Times may be infinite, so they are compared by their middle."""
    found = {pair: ratio_of_times(*view.paired_times(metric, pair), view.settings) for pair in pairs}
    return {
        pair: _Ratio(
            estimate=times.estimate,
            p_value=times.p_value,
            p_method=times.p_method,
            smallest_p=times.smallest_p,
            gained=times.faster,
            lost=times.slower,
        )
        for pair, times in found.items()
        if times is not None
    }


def _comparison(view: ArmSamples, metric: str, pair: Pair, ratio: _Ratio, p_adjusted: float | None) -> Comparison:
    estimate = ratio.estimate
    n_clusters = estimate.n_clusters or groups(view.clusters)[1]
    agrees = HOLM.agrees(estimate, ratio.p_value if p_adjusted is None else p_adjusted, neutral=1.0)
    candidate, baseline = view.metric(metric, pair[0]), view.metric(metric, pair[1])
    is_time = CATALOG[metric].is_time
    confounded = view.time_confounded if is_time else None
    notes = cautions(
        "paired",
        n_clusters,
        agrees=agrees,
        units="blocks" if view.is_latency and is_time else "cases",
    )
    return Comparison(
        metric=metric,
        candidate=view.arms[pair[0]].arm_id,
        baseline=view.arms[pair[1]].arm_id,
        kind="ratio",
        design="paired",
        estimate=estimate,
        reading=reading(
            estimate,
            higher_is_better=False,
            agrees=agrees and confounded is None and may_decide(n_clusters, ratio.p_method),
            neutral=1.0,
        ),
        higher_is_better=False,
        p_value=ratio.p_value,
        p_adjusted=p_adjusted,
        p_method=ratio.p_method,
        adjustment=None if p_adjusted is None else HOLM.name,
        smallest_p=ratio.smallest_p,
        n_pairs=estimate.n,
        gained=ratio.gained,
        lost=ratio.lost,
        n_missing=candidate.n_missing + baseline.n_missing,
        cautions=notes if confounded is None else (confounded, *notes),
    )
