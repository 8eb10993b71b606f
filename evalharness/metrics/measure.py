"""The catalogue applied: all metrics of a call, and of a trial with its calls. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalharness.core.record import Call, Purpose, TrialResult
from evalharness.metrics.catalog import CATALOG, Metric, OverTurns


def measure(call: Call) -> Mapping[str, float | None]:
    """Every metric of one call by name; None where it was not measured."""
    return {name: metric.from_call(call) for name, metric in CATALOG.items()}


def measure_calls(calls: Sequence[Call]) -> Mapping[str, float | None]:
    """Every metric of a trial's subject calls in order: ``total_ms``, token counts and cost are their sums (None as
    soon as one is missing), the other times are the last call's. Judges' calls are left out."""
    subject = [call for call in calls if call.purpose is Purpose.SUBJECT]
    if len(subject) == 1:
        return measure(subject[0])
    return {name: _over_turns(metric, subject) for name, metric in CATALOG.items()}


def measure_trial(result: TrialResult) -> Mapping[str, float | None]:
    """``measure_calls`` of a recorded trial; the cost is the trial's own figure where one was recorded."""
    measured = measure_calls(result.calls)
    return measured if result.cost_usd is None else {**measured, "cost_usd": result.cost_usd}


def _over_turns(metric: Metric, calls: Sequence[Call]) -> float | None:
    if not calls:
        return None
    if metric.over_turns is OverTurns.LAST:
        return metric.from_call(calls[-1])
    values = [metric.from_call(call) for call in calls]
    return None if None in values else sum(value for value in values if value is not None)
