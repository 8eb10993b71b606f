"""What a gate demands, in words: of which metric, and what."""

from __future__ import annotations

from evalharness.core.model import Demand, GateScope, GateSpec
from evalharness.core.run_summary import Quantity
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.report import numbers
from evalharness.report.gate_figures import (
    COST_PER_CORRECT,
    ERROR_SHARE,
    higher_is_better,
    limit_text,
    quantity,
)


def metric_text(spec: GateSpec) -> str:
    """``answer``, ``p95 of time to first output``, ``answer in cases tagged hard``."""
    if spec.demand is Demand.MUST_PASS:
        return f"cases tagged {spec.tag}" if spec.tag else "all cases"
    text = _metric(spec)
    return f"{text} in cases tagged {spec.tag}" if spec.tag else text


def _metric(spec: GateSpec) -> str:
    if spec.metric == ERROR_SHARE:
        return "share of failed calls"
    if spec.metric == COST_PER_CORRECT:
        return "cost per right answer"
    if spec.metric not in CATALOG:
        return spec.metric
    title = CATALOG[spec.metric].title.lower()
    if spec.quantile is not None:
        return f"median {title}" if spec.quantile == 0.5 else f"p{spec.quantile * 100:g} of {title}"
    return title if spec.scope is not GateScope.ALONE and spec.metric.endswith("_ms") else f"mean {title}"


def demand_text(spec: GateSpec) -> str:
    """``at least 80%``, ``at most 2 points lower``, ``within 2 points``, ``at most 1.15× as long``."""
    limit = spec.limit or 0.0
    worse, better = ("lower", "higher") if higher_is_better(spec.metric) else ("higher", "lower")
    match spec.demand:
        case Demand.AT_LEAST:
            return f"at least {limit_text(spec, limit)}"
        case Demand.AT_MOST:
            return f"at most {limit_text(spec, limit)}"
        case Demand.NON_INFERIOR:
            return f"at most {numbers.in_points(limit)} {worse}" if limit else f"not {worse}"
        case Demand.EQUIVALENT:
            return f"within {numbers.in_points(limit)}"
        case Demand.IMPROVED:
            return better if quantity(spec) is Quantity.POINTS else _times_better(spec, better)
        case Demand.RATIO_AT_MOST:
            return f"at most {limit_text(spec, limit)} as {_as(spec)}"
    return "every repeat right"


def _times_better(spec: GateSpec, better: str) -> str:
    return "shorter" if _as(spec) == "long" else better


def _as(spec: GateSpec) -> str:
    is_time = spec.metric in CATALOG and CATALOG[spec.metric].unit is Unit.MS
    return "long" if is_time else "much"
