"""Which part of the waiting times differs between the recommended arm and the baseline?"""

from __future__ import annotations

from evalharness.core.findings import Decision, Outcome, QuantileShift, ShiftFindings
from evalharness.stats.shift import shift_function
from evalharness.verdict.families import Pair
from evalharness.verdict.view import RunView

METRIC = "total_ms"


def shift(view: RunView, decision: Decision) -> ShiftFindings | None:
    """One pair: the arm to use against the baseline, else the only other arm. None without one, without a common case,
    and for a latency run, whose times are not of cases."""
    pair = _pair(view, decision)
    if pair is None or view.is_latency:
        return None
    found = shift_function(*view.paired_times(METRIC, pair), view.settings)
    if found is None or all(ratio.estimate is None for ratio in found.ratios):
        return None
    return ShiftFindings(
        metric=METRIC,
        candidate=view.arms[pair[0]].arm_id,
        baseline=view.arms[pair[1]].arm_id,
        quantiles=tuple(
            QuantileShift(q=ratio.q, estimate=ratio.estimate, drawn=ratio.drawn, reason=ratio.reason)
            for ratio in found.ratios
        ),
        n_pairs=found.n_pairs,
    )


def _pair(view: RunView, decision: Decision) -> Pair | None:
    ids = [arm.arm_id for arm in view.arms]
    baseline = view.run.plan.baseline_arm_id
    if baseline not in ids:
        return None
    others = [arm_id for arm_id in ids if arm_id != baseline]
    wanted = decision.arm_id if decision.outcome is Outcome.USE else None
    if wanted is None and len(others) == 1:
        wanted = others[0]
    return (ids.index(wanted), ids.index(baseline)) if wanted in others else None
