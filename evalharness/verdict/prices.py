"""What each step of effort takes for what it gains: dollars and waiting time for a higher score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evalharness.core.findings import Comparison, Estimate, NoPrice, Price, Reading, Step
from evalharness.stats.paired import compare_scores, compare_values
from evalharness.stats.prices import half_alpha, price_of_gain
from evalharness.stats.sample import Settings
from evalharness.stats.signed_rank import difference_of_times
from evalharness.verdict.families import Pair
from evalharness.verdict.view import RunView

#: Draws for the limits of the extra cost: 25 lie beyond each at the level that a price needs.
RESAMPLES = 2_000
_NO_GAIN = {
    Reading.WORSE: NoPrice.LOSES,
    Reading.WORSE_BUT_SMALL: NoPrice.LOSES,
    Reading.SAME: NoPrice.NO_GAIN,
    Reading.TOO_CLOSE: NoPrice.CANNOT_TELL,
}


def priced(view: RunView, steps: Mapping[Pair, Step]) -> tuple[Step, ...]:
    """The steps with how much longer they take, and with what they take for what they gain."""
    narrower = replace(half_alpha(view.settings), n_resamples=min(view.settings.n_resamples, RESAMPLES))
    return tuple(
        replace(
            step,
            extra_ms=difference_of_times(*view.paired_times("total_ms", pair), view.settings),
            usd_per_score=_price(view, pair, step.quality, _extra_usd(view, pair, narrower)),
            ms_per_score=_price(
                view, pair, step.quality, difference_of_times(*view.paired_times("total_ms", pair), narrower)
            ),
        )
        for pair, step in steps.items()
    )


def _extra_usd(view: RunView, pair: Pair, settings: Settings) -> Estimate | None:
    upper, lower = (view.metric("cost_usd", arm) for arm in pair)
    difference = compare_values(upper, lower, settings, unit="usd")
    return None if difference is None else difference.estimate


def _price(view: RunView, pair: Pair, quality: Comparison, extra: Estimate | None) -> Price | None:
    """``extra``: at ``half_alpha``. None where it is not known; a step that is not shown to gain has no price."""
    if extra is None:
        return None
    why_not = _NO_GAIN.get(quality.reading)
    if why_not is not None:
        return Price(estimate=None, why_not=why_not)
    undrawn = replace(half_alpha(view.settings), n_resamples=1)  # p is not used
    upper, lower = (view.scores(quality.metric, arm) for arm in pair)
    gain = compare_scores(upper, lower, undrawn)
    if gain is None:
        return Price(estimate=None, why_not=NoPrice.CANNOT_TELL)
    return price_of_gain(extra, gain.estimate, view.settings.level)
