"""The decision rule of a suite in words: what it asks for, and what separates two arms under it."""

from __future__ import annotations

from evalharness.core.findings import Estimate
from evalharness.core.model import DecisionRule
from evalharness.report import numbers, words

_VALUE = "best_value"
_HIGHEST = "the rule takes the highest score"


def rule_sentence(rule: DecisionRule, quality: str) -> str:
    """What the suite asked for, in words and in its own spelling. ``quality`` names the metric."""
    text = f"Rule: {_wanted(rule, quality)}"
    if rule.limits:
        text += ", among those with " + words.listed(words.limit_text(limit) for limit in rule.limits)
    key = f"margin: {numbers.exact(rule.margin)}"
    if rule.value_per_correct_usd is not None:
        key = f"value_per_correct_usd: {numbers.exact(rule.value_per_correct_usd)}"
    return f"{text} (decision.rule: {rule.rule}, metric: {rule.metric}, {key})."


def _wanted(rule: DecisionRule, quality: str) -> str:
    if rule.rule == _VALUE:
        value = numbers.usd_tick(rule.value_per_correct_usd or 0.0)
        return (
            f"the arm shown to be worth more than every other: {quality} at {value} for a right answer, less its cost"
        )
    shown = f"is shown to be at most {numbers.in_points(rule.margin)} below every other"
    if rule.rule == "best_within_limits" and rule.margin:
        return f"of the arms whose {quality} {shown}, the one where it is highest"
    if rule.rule == "best_within_limits":
        return f"the arm whose {quality} is shown to be above every other"
    return f"the cheapest whose {quality} {shown}"


def keeps(rule: DecisionRule | None) -> str:
    """What the arm is that was chosen: ``the cheapest that keeps the rule``."""
    others = {"best_within_limits": "the best that keeps the rule", _VALUE: "worth more than every other arm"}
    return others.get("" if rule is None else rule.rule, "the cheapest that keeps the rule")


def takes(rule: DecisionRule | None) -> str:
    """Which it takes of several arms that keep it."""
    return "the rule takes what is worth most" if rule is not None and rule.rule == _VALUE else _HIGHEST


def between(rule: DecisionRule | None, gap: Estimate) -> str:
    """``score anything between 1.2 points lower and 2.0 higher``. Both limits must be there."""
    if rule is None or rule.rule != _VALUE:
        return f"score anything between {words.both_sides(gap)}"
    low, high = (_worth(limit) for limit in (gap.lower or 0.0, gap.upper or 0.0))
    return f"be worth anything between {low} and {high} per 1,000 calls"


def _worth(value_usd: float) -> str:
    return f"{numbers.usd(abs(value_usd) * 1000)} {'less' if value_usd < 0 else 'more'}"


def below(rule: DecisionRule | None, gap: Estimate, against: str, scope: str) -> str:
    """``scores 3.1 points lower than high (95% CI 1.0 to 5.2 over all pairs)`` of an arm that is ruled out. ``scope``
    follows the interval."""
    if rule is None or rule.rule != _VALUE:
        size = numbers.points(gap, signed=False)
        ends = numbers.points_interval(gap, signed=False)
        return f"scores {size} {words.points_word(size)} lower than {against} ({words.ci_name(gap)} {ends}{scope})"
    lower, upper = gap.lower, gap.upper
    ends = (
        "" if lower is None or upper is None else f" ({words.ci_name(gap)} {_worth(upper)} to {_worth(lower)}{scope})"
    )
    return f"is worth {_worth(gap.point)} per 1,000 calls than {against}{ends}"


def allowed(rule: DecisionRule | None) -> str:
    """What the rule lets an arm be below another."""
    if rule is not None and rule.rule == _VALUE:
        return "the rule asks for more"
    if rule is None or rule.margin == 0:
        return "the rule asks for higher"
    return f"the rule allows {numbers.point_size(rule.margin)} lower"
