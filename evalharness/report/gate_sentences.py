"""A gate as a sentence that one reads aloud: what was found, beside what, and what the suite allows."""

from __future__ import annotations

from datetime import date

from evalharness.core.findings import Analysis, GateFindings
from evalharness.core.model import Demand, GateScope
from evalharness.core.run_summary import Quantity
from evalharness.report import numbers, words
from evalharness.report.gate_demands import demand_text
from evalharness.report.gate_figures import figures, higher_is_better, limit_text, quantity

_SIGNS = f"+{numbers.MINUS}"


def finding_sentence(gate: GateFindings, analysis: Analysis, *, subject: str, other: str) -> str:
    """``answer got worse: 12 points lower than in the baseline run of 23 Nov (90% interval 7 to 17), 5 allowed``,
    without its full stop; empty where nothing was found. ``subject`` and ``other``: the two sides by name."""
    if gate.estimate is None:
        return ""
    if gate.spec.scope is GateScope.ALONE:
        found = figures(gate.spec, gate.estimate)
        interval = f" ({_level(gate)} {found.interval})" if found.interval else ""
        return f"{subject} is {found.point}{interval}, {demand_text(gate.spec)} asked"
    beside = _baseline(analysis) if gate.spec.scope is GateScope.BASELINE_RUN else other
    if quantity(gate.spec) is Quantity.POINTS:
        return f"{subject} {_points_apart(gate, beside)}, {_allowed(gate)}"
    found = figures(gate.spec, gate.estimate)
    interval = f" ({_level(gate)} {found.interval})" if found.interval else ""
    return f"{subject} is {found.point} that of {beside}{interval}, {_allowed(gate)}"


def _baseline(analysis: Analysis) -> str:
    source = analysis.baseline_run
    if source is None:
        return "the baseline"
    day = date.fromisoformat(source.started_utc[:10])
    return f"the baseline run of {day.day} {day:%b}"


def _points_apart(gate: GateFindings, other: str) -> str:
    """``is 4 points lower than high (90% interval 1 to 7)``; where the interval holds zero, both its ends in words."""
    assert gate.estimate is not None
    found = figures(gate.spec, gate.estimate)
    lower, upper = gate.estimate.lower, gate.estimate.upper
    size = found.point.lstrip(_SIGNS)
    way = "lower" if gate.estimate.point < 0 else "higher"
    if lower is None or upper is None or not found.interval:
        return f"is {size} {way} than {other}"
    low, high = (end.lstrip(_SIGNS) for end in found.interval.split(" to "))
    if lower < 0 < upper:
        noun = words.points_word(low)
        return f"is between {low} {noun} lower and {high} higher than {other} ({_level(gate)})"
    near, far = (high, low) if upper <= 0 else (low, high)
    is_worse = (upper < 0) if higher_is_better(gate.spec.metric) else (lower > 0)
    verb = "is" if not is_worse else "got worse:" if gate.spec.scope is GateScope.BASELINE_RUN else "is worse:"
    return f"{verb} {size} {way} than {other} ({_level(gate)} {near} to {far})"


def _allowed(gate: GateFindings) -> str:
    """What the suite allows of such a difference or ratio."""
    limit = gate.spec.limit or 0.0
    match gate.spec.demand:
        case Demand.NON_INFERIOR:
            return f"{numbers.point_size(limit)} allowed" if limit else "none allowed"
        case Demand.EQUIVALENT:
            return f"{numbers.point_size(limit)} either way allowed"
        case Demand.IMPROVED:
            return f"it has to be {demand_text(gate.spec)}"
    return f"at most {limit_text(gate.spec, limit)} allowed"


def _level(gate: GateFindings) -> str:
    assert gate.estimate is not None
    return f"{gate.estimate.level:.0%} interval"
