"""Does an arm keep a limit of the decision rule? Yes, no, or not known: judged as a gate on that arm would be."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.findings import Verdict
from evalharness.core.model import DecisionLimit, Demand, GateSpec
from evalharness.verdict.gates import judge_alone
from evalharness.verdict.view import RunView

_KEPT = {Verdict.PASS: True, Verdict.FAIL: False, Verdict.INCONCLUSIVE: None}


def keeps(view: RunView, arm: int, limits: Sequence[DecisionLimit]) -> tuple[bool | None, DecisionLimit | None]:
    """(True, None) where all limits are kept; else (False or None, the limit that is broken or open)."""
    found = [(_keeps(view, arm, limit), limit) for limit in limits]
    broken = next((limit for kept, limit in found if kept is False), None)
    if broken is not None:
        return False, broken
    still_open = next((limit for kept, limit in found if kept is None), None)
    return (True, None) if still_open is None else (None, still_open)


def _keeps(view: RunView, arm: int, limit: DecisionLimit) -> bool | None:
    """None where nothing is shown either way."""
    spec = GateSpec(number=0, demand=Demand.AT_MOST, metric=limit.metric, limit=limit.at_most, quantile=limit.quantile)
    return _KEPT[judge_alone(view, spec, arm).verdict]
