"""Sentences on what lies beyond one comparison: steps and their prices, routing, efficient arms, kinds of case."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.findings import (
    Analysis,
    Estimate,
    FrontPlace,
    NoPrice,
    OrderedFindings,
    Price,
    Route,
    RouterFindings,
    Step,
)
from evalharness.report import numbers
from evalharness.report.words import both_sides, ci_name, listed, metric_title, named, points_word, spoken

#: Below this share of the draws an arm counts as dominated, above its complement as efficient.
UNLIKELY = 0.05
#: Extra dollars of 1,000 calls for one point of score, from dollars of a call for a whole unit of it.
USD_PER_POINT = 1000 / 100
#: Of extra milliseconds for a whole unit of score those for one point.
PER_POINT = 1 / 100


def label(analysis: Analysis, arm_id: str) -> str:
    return spoken(analysis.arm(arm_id))


# ---------------------------------------------------------------- steps


def step_name(analysis: Analysis, step: Step) -> str:
    return f"{named(analysis.arm(step.lower_arm).label)} to {named(analysis.arm(step.upper_arm).label)}"


def steps_line(analysis: Analysis) -> str:
    """What one point takes in each step, in one line for formats without tables; empty without a price."""
    if not any(step.usd_per_score and step.usd_per_score.estimate for step in analysis.steps):
        return ""
    parts = [
        f"{step_name(analysis, step)} {_price_text(step.usd_per_score)}"
        for step in analysis.steps
        if step.usd_per_score is not None
    ]
    return f"Cost of one point more, per 1,000 calls (95% CI): {'; '.join(parts)}."


def _price_text(price: Price) -> str:
    if price.estimate is None:
        return price_reason(price)
    interval = numbers.usd_interval(price.estimate, USD_PER_POINT)
    return f"{numbers.usd(price.estimate.point * USD_PER_POINT)} ({interval})"


def price_reason(price: Price) -> str:
    return (price.why_not or NoPrice.CANNOT_TELL).value


def ordered_sentences(analysis: Analysis) -> list[str]:
    """What moves with the effort, and of what that is not shown."""
    sentences = []
    for rises, verb in ((True, "up"), (False, "down")):
        moving = [found for found in analysis.ordered if found.rises is rises]
        if moving:
            first, last = (label(analysis, arm_id) for arm_id in (moving[0].arms[0], moving[0].arms[-1]))
            sentences.append(f"From {first} to {last}, {_metrics(moving)} go{'es' if len(moving) == 1 else ''} {verb}.")
    unknown = [found for found in analysis.ordered if found.rises is None]
    if unknown:
        move = "moves" if len(unknown) == 1 else "move"
        sentences.append(f"Whether {_metrics(unknown)} {move} with the effort, this run cannot tell.")
    return sentences


def _metrics(found: Sequence[OrderedFindings]) -> str:
    return listed(metric_title(each.metric).lower() for each in found)


# ---------------------------------------------------------------- efficient arms


def front_text(place: FrontPlace) -> str:
    """``yes``, ``no`` or ``cannot tell``: whether the arm is efficient."""
    if place.front_share < UNLIKELY:
        return "no"
    return "yes" if place.front_share > 1 - UNLIKELY else "cannot tell"


def rivals_text(analysis: Analysis, place: FrontPlace) -> str:
    """``high in 33% of the draws``: the arm that dominates it most often."""
    if not place.dominated_by or place.dominated_by[0][1] < UNLIKELY:
        return numbers.MISSING
    arm_id, share = place.dominated_by[0]
    return f"{label(analysis, arm_id)} in {draws_share(share)} of the draws"


def draws_share(share: float) -> str:
    """``33%``; never all or none of the draws."""
    return "over 99%" if share > 0.99 else "under 1%" if share < 0.01 else numbers.percent(share, 0)


def axes_text(axes: Sequence[str]) -> str:
    """``as good, as cheap and as fast``."""
    said = {"quality": "as good", "cost": "as cheap", "time": "as fast"}
    return listed(said[axis] for axis in axes)


# ---------------------------------------------------------------- routing


def router_sentences(analysis: Analysis) -> list[str]:
    """What may be said of sending each case to the arm that suits it: the honest gain, tags, the naive one last."""
    found = analysis.router
    if found is None:
        return []
    sentences = [_held_out(analysis, found), _tags(analysis, found)]
    if found.naive_gain > 0:
        size = numbers.fixed(found.naive_gain * 100, 1)
        sentences.append(
            f"Picking the winner of each case after the fact would show {size} {points_word(size)} more. That is no "
            "forecast: arms that are all alike show such a gain too, by luck."
        )
    return [sentence for sentence in sentences if sentence]


def _held_out(analysis: Analysis, found: RouterFindings) -> str:
    single = label(analysis, found.best_arm)
    if found.held_out is None:
        return (
            "With one try of each case and arm it cannot be told from luck which arm suits a case: two repeats or more "
            "would show what choosing case by case could gain."
        )
    tries = numbers.plural(analysis.repeats - 1, "earlier try", "earlier tries")
    router = f"A router that knew from {tries} which arm suits a case"
    basis = "each case's arm is chosen by other repeats than the one it is scored on"
    if not found.held_out.is_shown:
        return (
            f"{router} is not shown to score higher than sending all cases to {single}"
            f"{_between(found.held_out.gain)}: {basis}."
        )
    gain, size = found.held_out.gain, numbers.points(found.held_out.gain, signed=False)
    return (
        f"{router} would score {size} {points_word(size)} higher than sending all cases to {single} "
        f"({ci_name(gain)} {numbers.points_interval(gain, signed=False)}){_router_cost(found.held_out)}: {basis}."
    )


def _between(gain: Estimate) -> str:
    if gain.lower is None or gain.upper is None:
        return ""
    return f" (between {both_sides(gain)}, {ci_name(gain)})"


def _router_cost(route: Route) -> str:
    extra = route.extra_cost_usd
    if extra is None or extra.point == 0:
        return ""
    way = "more" if extra.point > 0 else "less"
    return f" and cost {numbers.usd(abs(extra.point) * 1000)} {way} per 1,000 calls{_cost_range(extra)}"


def _cost_range(extra: Estimate) -> str:
    """The interval where both ends lie on the side of the point."""
    if extra.lower is None or extra.upper is None:
        return ""
    if extra.lower < 0 < extra.upper:
        return ", which may be the other way round"
    low, high = sorted((abs(extra.lower), abs(extra.upper)))
    shown = numbers.usd_interval(_absolute(extra, low, high), 1000)
    return f" ({ci_name(extra)} {shown})"


def _absolute(extra: Estimate, low: float, high: float) -> Estimate:
    return Estimate(point=abs(extra.point), lower=low, upper=high, method=extra.method, n=extra.n, unit=extra.unit)


def _tags(analysis: Analysis, found: RouterFindings) -> str:
    """Tags whose cases are shown to gain by an arm of their own."""
    tested = [tag for tag in found.tags if tag.gain is not None]
    shown = [tag for tag in tested if tag.is_shown]
    if not tested:
        return ""
    if not shown:
        return f"No tag is shown to gain from an arm of its own ({numbers.plural(len(tested), 'tag')} tried)."
    parts = []
    for tag in shown:
        assert tag.gain is not None and tag.arm_id is not None  # shown ones have both
        size = numbers.points(tag.gain, signed=False)
        ends = numbers.points_interval(tag.gain, signed=False)
        parts.append(
            f"“{tag.tag}” gains {size} {points_word(size)} with {label(analysis, tag.arm_id)} "
            f"({ci_name(tag.gain)} {ends})"
        )
    return f"By tag: {listed(parts)}."


# ---------------------------------------------------------------- the shape of the scores


def rising_sentence(analysis: Analysis) -> str:
    """What would have to be levelled out if more effort never lowered the score; empty where nothing has to."""
    found = analysis.trend
    if found is None or not found.levelled:
        return ""
    runs = [f"{label(analysis, first)} to {label(analysis, last)}" for first, last in found.levelled]
    return f"The line that never falls and fits closest is level from {listed(runs)}."
