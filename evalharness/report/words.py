"""The sentences of a report, for every format alike.

A comparison names its baseline, its direction or its two ends, and its interval. Where the data cannot tell, the
sentence says so and gives the range. No sign stands beside a word of direction.
"""

from __future__ import annotations

from collections.abc import Iterable

from evalharness.core.findings import ArmFindings, Comparison, Estimate, Reading
from evalharness.core.model import DecisionLimit, Status
from evalharness.core.record import RunRecord
from evalharness.metrics.catalog import CATALOG, WhenFailed
from evalharness.report import numbers

SIMULATED = "SIMULATED"
SIMULATED_SENTENCE = "Every answer came from the built-in simulator: these numbers describe no real model or service."
#: What a ratio of times is; beside two medians of calls it reads like an error.
TYPICAL_CASE = "how many times as long a typical case takes; one median divided by the other need not give it."
CI_SENTENCE = (
    "95% CI: if we repeated the whole run many times, about 95 of 100 such intervals would hold the true difference."
)

_GRAMMAR = frozenset({"none", "null", "true", "false", "all", "any", "other", "on", "off"})
_TOWARDS = {
    Reading.BETTER: "higher",
    Reading.BETTER_BUT_SMALL: "higher",
    Reading.WORSE: "lower",
    Reading.WORSE_BUT_SMALL: "lower",
}


def name_first(label: str) -> str:
    """A label at the start of a sentence: a plain word gets its capital, a model's name stays as it is."""
    return label[:1].upper() + label[1:] if label.replace(" ", "").isalpha() else label


def spoken(arm: ArmFindings) -> str:
    """An arm's name inside a sentence, where "none is cheaper" would mean something else.

    A value that reads as a word of grammar or as a number gets its axis before it; several values are quoted.
    """
    if len(arm.key) > 1:
        return f"“{arm.label}”"
    if len(arm.key) == 1 and (arm.label.lower() in _GRAMMAR or not any(letter.isalpha() for letter in arm.label)):
        axis = next(iter(arm.key)).rpartition(".")[2].replace("_", " ")
        return f"{axis} {arm.label}"
    return arm.label


def named(label: str) -> str:
    """A label among others: quoted where it has a comma of its own."""
    return f"“{label}”" if "," in label else label


def listed(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    words = list(items)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def ci_name(estimate: Estimate) -> str:
    return f"{estimate.level:.0%} CI"


def reading_text(reading: Reading, margin: float | None) -> str:
    """The reading as a table prints it, with the margin it was made with."""
    if margin is None:
        return reading.value
    if reading is Reading.SAME:
        return f"the same (within {numbers.in_points(margin)})"
    if reading in (Reading.BETTER_BUT_SMALL, Reading.WORSE_BUT_SMALL):
        return f"{reading.value} (under {numbers.in_points(margin)})"
    return reading.value


def is_certain(reading: Reading) -> bool:
    """Whether a number may be coloured: its interval leaves out zero."""
    return reading in _TOWARDS


# ---------------------------------------------------------------- comparisons of quality


def quality_sentence(comparison: Comparison, candidate: str, baseline: str, margin: float | None) -> str:
    """One sentence, without its full stop, on a difference in the primary metric."""
    shown, reading = comparison.shown, comparison.reading
    if reading in _TOWARDS:
        size = numbers.points(shown, signed=False)
        ends = numbers.points_interval(shown, signed=False)
        sentence = (
            f"{name_first(candidate)} scores {size} {points_word(size)} {_TOWARDS[reading]} than {baseline} "
            f"({ci_name(shown)} {ends})"
        )
        if reading in (Reading.BETTER_BUT_SMALL, Reading.WORSE_BUT_SMALL):
            sentence += f", too small to matter{_under(margin)}"
        return sentence
    if reading is Reading.SAME and margin is not None:
        within = numbers.in_points(margin)
        return f"{name_first(candidate)} and {baseline} score the same within {within}: {_range(shown, candidate)}"
    return f"{name_first(candidate)} and {baseline} are too close to tell apart: {_range(shown, candidate)}"


def _under(margin: float | None) -> str:
    return "" if margin is None else f" (under {numbers.in_points(margin)})"


def points_word(size: str) -> str:
    """The noun after a size that is printed so."""
    return "point" if size == "1" else "points"


def _range(shown: Estimate, candidate: str) -> str:
    """``medium is between 1.2 points lower and 2.0 higher (95% CI)``."""
    if shown.lower is None or shown.upper is None:
        return "the data give no interval"
    return f"{candidate} is between {both_sides(shown)} ({ci_name(shown)})"


def both_sides(shown: Estimate) -> str:
    """``1.2 points lower and 2.0 higher``: an interval of a difference without signs. Both limits must be there."""
    lower, upper = shown.lower or 0.0, shown.upper or 0.0
    low, high = numbers.points_of(lower, shown), numbers.points_of(upper, shown)
    if lower < 0 <= upper:
        return f"{low} {points_word(low)} lower and {high} higher"
    if lower >= 0:
        return f"{low} and {high} points higher"
    return f"{high} and {low} points lower"


# ---------------------------------------------------------------- comparisons of cost and time


def cost_clause(ratio: Comparison) -> str:
    """``costs 1.9× as much (95% CI 1.88 to 1.93)``"""
    return f"costs {numbers.ratio(ratio.shown.point)} as much ({_ratio_ci(ratio)})"


def time_clause(ratio: Comparison) -> str:
    return f"takes {numbers.ratio(ratio.shown.point)} as long ({_ratio_ci(ratio)})"


def first_output_clause(ratio: Comparison) -> str:
    return f"has its first output after {numbers.ratio(ratio.shown.point)} the time ({_ratio_ci(ratio)})"


def _ratio_ci(ratio: Comparison) -> str:
    return f"{ci_name(ratio.shown)} {numbers.ratio_interval(ratio.shown)}"


# ---------------------------------------------------------------- single arms


def score_phrase(estimate: Estimate, *, share_right: bool) -> str:
    """``82.0% right`` where scores are only 0 and 1, else ``a mean score of 82.0%``."""
    return f"{numbers.share(estimate)} right" if share_right else f"mean score {numbers.share(estimate)}"


def score_sentence(estimate: Estimate, *, share_right: bool, repeats: int) -> str:
    """``82.0% right (95% CI 75.1 to 87.3; 120 cases × 5 repeats, worth 310 independent calls)``"""
    cases = numbers.plural(estimate.n, "case")
    size = cases if repeats == 1 else f"{cases} {numbers.TIMES} {repeats} repeats"
    worth = ""
    if repeats > 1 and estimate.n_effective is not None:
        worth = f", worth {numbers.plural(round(estimate.n_effective), 'independent call')}"
    return (
        f"{score_phrase(estimate, share_right=share_right)} ({ci_name(estimate)} {numbers.share_interval(estimate)}; "
        f"{size}{worth})"
    )


def origin(run: RunRecord) -> str:
    """What must be said beside the title of a run that measured nothing real; empty otherwise."""
    return f"{SIMULATED}: {SIMULATED_SENTENCE}" if run.manifest.simulated else ""


def failed_calls(arm: ArmFindings) -> str | None:
    """``40 of 2,000 calls of xhigh failed (2.0%)``; None where no call did."""
    failed = arm.counts.get(Status.ERROR, 0)
    if not failed:
        return None
    share = numbers.percent(failed / arm.n_planned)
    whose = f" of {spoken(arm)}" if arm.key else ""
    return f"{numbers.count(failed)} of {numbers.plural(arm.n_planned, 'call')}{whose} failed ({share})"


def limit_text(limit: DecisionLimit) -> str:
    """``a median total time of at most 10.0 s``"""
    title = metric_title(limit.metric).lower()
    value = limit_value(limit.metric, limit.at_most)
    if limit.quantile is None:
        which = "mean"
    else:
        which = "median" if limit.quantile == 0.5 else f"{limit.quantile * 100:g}% quantile of"
    return f"a {which} {title} of at most {value}"


def limit_value(metric: str, value: float) -> str:
    if metric.endswith("_ms"):
        return numbers.duration_tick(value)
    if metric.endswith("_usd"):
        return f"{numbers.usd(value)} a call"
    return numbers.percent(value) if metric.endswith("_share") else numbers.significant(value)


def metric_title(metric: str) -> str:
    return CATALOG[metric].title if metric in CATALOG else metric.replace("_", " ")


def is_given_success(metric: str) -> bool:
    """Whether its figures are of answers that came: no caller waits for a gap from the start of a call."""
    return CATALOG[metric].when_failed is WhenFailed.LEFT_OUT


def figures_title(metric: str) -> str:
    return f"{metric_title(metric)}, given success" if is_given_success(metric) else metric_title(metric)
