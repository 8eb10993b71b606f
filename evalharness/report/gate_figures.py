"""The figures of a gate as text: what was found, its interval and its limit, in one unit with digits that tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalharness.core.findings import Estimate
from evalharness.core.model import Demand, GateScope, GateSpec
from evalharness.core.run_summary import Quantity
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.report import numbers

ERROR_SHARE = "error_share"
COST_PER_CORRECT = "cost_per_correct_usd"
_MOST_DECIMALS = 9
_MOST_EXTRA_DECIMALS = 7


POINTS = " points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``interval`` is empty where the data give none: neither limit, or two that no digits tell apart."""

    point: str
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """A value times ``factor`` with ``decimals``; ``unit_in_interval``: the unit follows an interval too."""

    decimals: int
    factor: float = 1.0
    prefix: str = ""
    suffix: str = ""
    unit_in_interval: bool = False
    signed: bool = False

    def bare(self, value: float, extra: int = 0) -> str:
        return numbers.fixed(value * self.factor, self.decimals + extra, signed=self.signed)

    def whole(self, value: float, extra: int = 0) -> str:
        text = self.bare(value, extra)
        suffix = " point" if self.suffix == POINTS and text.lstrip(numbers.MINUS + "+") == "1" else self.suffix
        return f"{self.prefix}{text}{suffix}"


def allowed(spec: GateSpec) -> tuple[float | None, float | None]:
    """The region in which the quantity has to lie, on the scale of the estimate; None: no limit on that side."""
    limit = spec.limit or 0.0
    match spec.demand:
        case Demand.AT_LEAST:
            return limit, None
        case Demand.AT_MOST | Demand.RATIO_AT_MOST:
            return None, limit
        case Demand.NON_INFERIOR:
            return (-limit, None) if higher_is_better(spec.metric) else (None, limit)
        case Demand.IMPROVED:
            same = 1.0 if quantity(spec) is Quantity.RATIO else 0.0
            return (same, None) if higher_is_better(spec.metric) else (None, same)
        case Demand.EQUIVALENT:
            return -limit, limit
    return None, None


def limits(spec: GateSpec) -> list[float]:
    return [limit for limit in allowed(spec) if limit is not None]


def higher_is_better(metric: str) -> bool:
    if metric in (ERROR_SHARE, COST_PER_CORRECT):
        return False
    return metric not in CATALOG or bool(CATALOG[metric].higher_is_better)


def quantity(spec: GateSpec) -> Quantity:
    """Shares (graders give them too) are compared by their difference, all else by its ratio."""
    compared = spec.scope is not GateScope.ALONE
    if spec.metric != COST_PER_CORRECT and spec.metric not in CATALOG:
        return Quantity.POINTS if compared else Quantity.SHARE
    if compared:
        return Quantity.RATIO
    if spec.metric == COST_PER_CORRECT:
        return Quantity.MONEY
    return {Unit.MS: Quantity.TIME, Unit.USD: Quantity.MONEY}.get(CATALOG[spec.metric].unit, Quantity.NUMBER)


def figures(spec: GateSpec, estimate: Estimate) -> Figures:
    """Point and interval with as many digits as keep them apart from each other and from a limit they are not."""
    if estimate.lower is not None and estimate.lower == estimate.upper:
        estimate = replace(estimate, lower=None, upper=None)  # a width of zero would say that it is certain
    style = _style(quantity(spec), estimate)
    ends = [end for end in (estimate.lower, estimate.upper) if end is not None]
    # A 0 is printed as what it is, however few its decimals.
    shown = [end for end in [*ends, estimate.point] if end]
    apart = [*_different(ends), *((end, limit) for limit in limits(spec) for end in shown)]
    extra = next((n for n in range(_MOST_EXTRA_DECIMALS) if _tells(style, apart, n)), _MOST_EXTRA_DECIMALS)
    return Figures(point=style.whole(estimate.point, extra), interval=_interval(style, estimate, extra))


def point_text(spec: GateSpec, estimate: Estimate) -> str:
    return figures(spec, estimate).point


def limit_text(spec: GateSpec, limit: float) -> str:
    """A limit as the suite states it: no more digits than it has."""
    match quantity(spec):
        case Quantity.SHARE:
            return f"{_plain(limit * 100)}%"
        case Quantity.POINTS:
            sign = "" if limit == 0 else "+" if limit > 0 else numbers.MINUS
            return f"{sign}{_plain(abs(limit) * 100)}"
        case Quantity.TIME:
            return numbers.duration_tick(limit)
        case Quantity.MONEY:
            return f"${_plain(limit, least=2)}"
        case Quantity.RATIO:
            return f"{_plain(limit)}{numbers.TIMES}"
    return _plain(limit)


def _plain(value: float, least: int = 0) -> str:
    """With the decimals it has, at least so many; never in exponent form."""
    text = f"{value:,.9f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    decimals = decimals.ljust(least, "0") if decimals else ""
    return f"{whole}.{decimals}" if decimals else whole


def _different(ends: Sequence[float]) -> list[tuple[float, float]]:
    return [(ends[0], ends[1])] if len(ends) == 2 else []


def _tells(style: _Style, apart: Sequence[tuple[float, float]], extra: int) -> bool:
    """Whether no two different values print alike; those that differ by an error of arithmetic alone are the same."""
    return all(_is_same(one, other) or style.bare(one, extra) != style.bare(other, extra) for one, other in apart)


def _is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-14)


def _interval(style: _Style, estimate: Estimate, extra: int) -> str:
    lower, upper = estimate.lower, estimate.upper
    unit = style.suffix if style.unit_in_interval else ""
    if lower is not None and upper is not None:
        low, high = style.bare(lower, extra), style.bare(upper, extra)
        return f"{low} to {high}{unit}" if low != high else ""
    if lower is not None:
        return f"\N{GREATER-THAN OR EQUAL TO} {style.bare(lower, extra)}{unit}"
    return f"\N{LESS-THAN OR EQUAL TO} {style.bare(upper, extra)}{unit}" if upper is not None else ""


def _style(kind: Quantity, estimate: Estimate) -> _Style:
    point = estimate.point
    match kind:
        case Quantity.SHARE:
            return _Style(decimals=numbers.percent_decimals(estimate), factor=100, suffix="%")
        case Quantity.POINTS:
            return _Style(decimals=numbers.percent_decimals(estimate), factor=100, suffix=POINTS, signed=True)
        case Quantity.TIME if abs(point) >= 999.5:
            return _Style(decimals=1 if abs(point) < 99_950 else 0, factor=1e-3, suffix=" s", unit_in_interval=True)
        case Quantity.TIME:
            return _Style(decimals=0 if abs(point) >= 9.95 else 2, suffix=" ms", unit_in_interval=True)
        case Quantity.MONEY:
            return _Style(decimals=max(_three_digits(point), 2 if abs(point) < 1000 else 0), prefix="$")
        case Quantity.RATIO:
            return _Style(decimals=2 if point < 9.95 else 1 if point < 99.95 else 0, suffix=numbers.TIMES)
    return _Style(decimals=_three_digits(point))


def _three_digits(value: float) -> int:
    return min(max(0, 2 - math.floor(math.log10(abs(value)))), _MOST_DECIMALS) if value else 2
