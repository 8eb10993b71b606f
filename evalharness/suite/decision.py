"""The section ``decision`` in core's words: each rule with the keys that it has, and no others."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.model import DecisionLimit, DecisionRule
from evalharness.suite.decision_parts import DecisionPart
from evalharness.suite.problems import Problems, did_you_mean

_SECTION = ("decision",)


def decision_of(part: DecisionPart | None, grader_ids: Sequence[str], problems: Problems) -> DecisionRule | None:
    if part is None:
        return None
    if "graders" not in problems.broken and part.metric not in grader_ids:
        hint = did_you_mean(part.metric, grader_ids)
        problems.add((*_SECTION, "metric"), f"no grader is called `{part.metric}`", hint)
    _check_margin(part, problems)
    _check_value(part, problems)
    return DecisionRule(
        rule=part.rule,
        metric=part.metric,
        margin=part.margin or 0.0,
        limits=tuple(
            DecisionLimit(metric=metric, at_most=limit.at_most, quantile=limit.quantile)
            for metric, limit in part.limits.items()
        ),
        value_per_correct_usd=part.value_per_correct_usd,
    )


def _check_margin(part: DecisionPart, problems: Problems) -> None:
    hint = "say how much worse than the best would still do: 0.02 is two points"
    if part.rule == "best_value" and part.margin is not None:
        message = "`margin` is no key of the rule `best_value`"
        problems.add((*_SECTION, "margin"), message, "delete it: a point is worth what its answers are", at_key=True)
    elif part.rule == "cheapest_within_margin" and part.margin is None:
        problems.add(_SECTION, "`margin` is missing", hint, at_key=True)
    elif part.rule == "cheapest_within_margin" and part.margin == 0:
        problems.add((*_SECTION, "margin"), "no arm is ever shown to be exactly as good as the best", hint)


def _check_value(part: DecisionPart, problems: Problems) -> None:
    if part.rule == "best_value" and part.value_per_correct_usd is None:
        hint = "say what a right answer is worth to you, in US dollars"
        problems.add(_SECTION, "`value_per_correct_usd` is missing", hint, at_key=True)
    elif part.rule != "best_value" and part.value_per_correct_usd is not None:
        message = f"`value_per_correct_usd` is no key of the rule `{part.rule}`"
        problems.add((*_SECTION, "value_per_correct_usd"), message, "it belongs to `rule: best_value`", at_key=True)
