"""What each step of effort takes for what it gains: dollars and waiting time for a higher score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from evalharness.core.findings import Comparison, Estimate, NoPrice, Price, Reading, Step
from evalharness.stats.paired import compare_scores, compare_values
from evalharness.stats.prices import half_alpha, price_of_gain
from evalharness.stats.sample import Settings
from evalharness.stats.signed_rank import difference_of_times
from evalharness.verdict.families import Pair
from evalharness.verdict.view import RunView

#: Draws for the limits of an extra cost: 25 lie beyond each at the level that a price needs.
RESAMPLES = 2_000
_NO_GAIN = {
    Reading.WORSE: NoPrice.LOSES,
    Reading.WORSE_BUT_SMALL: NoPrice.LOSES,
    Reading.SAME: NoPrice.NO_GAIN,
    Reading.TOO_CLOSE: NoPrice.CANNOT_TELL,
}
#: How much more the upper arm of a pair takes than the lower.
_Extra: TypeAlias = Callable[[RunView, Pair, Settings], Estimate | None]


def priced(view: RunView, steps: Mapping[Pair, Step]) -> tuple[Step, ...]:
    """The steps with how much more they cost and how much longer they take, and that for what they gain."""
    return tuple(
        replace(
            step,
            extra_cost_usd=_extra_usd(view, pair, view.settings),
            extra_ms=_extra_ms(view, pair, view.settings),
            usd_per_score=_price(view, pair, step.quality, _extra_usd),
            ms_per_score=_price(view, pair, step.quality, _extra_ms),
        )
        for pair, step in steps.items()
    )


def _extra_usd(view: RunView, pair: Pair, settings: Settings) -> Estimate | None:
    upper, lower = (view.metric("cost_usd", arm) for arm in pair)
    few = replace(settings, n_resamples=min(settings.n_resamples, RESAMPLES))
    difference = compare_values(upper, lower, few, unit="usd")
    return None if difference is None else difference.estimate


def _extra_ms(view: RunView, pair: Pair, settings: Settings) -> Estimate | None:
    return difference_of_times(*view.paired_times("total_ms", pair), settings)


def _price(view: RunView, pair: Pair, quality: Comparison, extra: _Extra) -> Price | None:
    """None where what it takes is not known. A step that is not shown to gain has no price."""
    why_not = _NO_GAIN.get(quality.reading)
    if why_not is not None:
        return Price(estimate=None, why_not=why_not)
    if extra is _extra_ms and view.time_confounded:
        return Price(estimate=None, why_not=NoPrice.CANNOT_TELL)
    narrower = half_alpha(view.settings)
    taken = extra(view, pair, narrower)
    upper, lower = (view.scores(quality.metric, arm) for arm in pair)
    gain = compare_scores(upper, lower, replace(narrower, n_resamples=1))  # p is not used
    if taken is None or gain is None:
        return None
    return price_of_gain(taken, gain.estimate, view.settings.level)
