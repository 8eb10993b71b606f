"""Which part of the waiting times differs: between the recommended arm and the baseline, and between two runs?"""

from __future__ import annotations

from evalharness.core.findings import Decision, Outcome, QuantileShift, ShiftFindings
from evalharness.stats.sample import Sample, Settings
from evalharness.stats.shift import shift_function
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.drift import confounds_runs
from evalharness.verdict.families import Pair
from evalharness.verdict.view import RunView

METRIC = "total_ms"


def shift(view: RunView, decision: Decision) -> ShiftFindings | None:
    """One pair: the arm to use against the baseline, else the only other arm. None without one, without a common case,
    and for a latency run, whose times are not of cases."""
    pair = _pair(view, decision)
    if pair is None or view.is_latency:
        return None
    candidate, baseline = (view.arms[arm].arm_id for arm in pair)
    return _found(view.paired_times(METRIC, pair), view.settings, candidate, baseline)


def shift_against(paired: PairedBaseline, decision: Decision) -> ShiftFindings | None:
    """The arm to use, else the only one, against itself in the baseline run. None as in ``shift``, and where times
    drifted too much for runs to be compared."""
    view = paired.view
    to_use = _to_use(decision)
    arms = [arm for arm in paired.arm_pairs if view.arms[arm].arm_id == to_use] or list(paired.arm_pairs)
    if len(arms) != 1 or view.is_latency or confounds_runs(view.drift):
        return None
    arm_id, samples = view.arms[arms[0]].arm_id, paired.pair(METRIC, arms[0])
    return None if samples is None else _found(samples, view.settings, arm_id, arm_id)


def _found(samples: tuple[Sample, Sample], settings: Settings, candidate: str, baseline: str) -> ShiftFindings | None:
    found = shift_function(*samples, settings)
    if found is None or all(ratio.estimate is None for ratio in found.ratios):
        return None
    return ShiftFindings(
        metric=METRIC,
        candidate=candidate,
        baseline=baseline,
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
    wanted = _to_use(decision)
    if wanted is None and len(others) == 1:
        wanted = others[0]
    return (ids.index(wanted), ids.index(baseline)) if wanted in others else None


def _to_use(decision: Decision) -> str | None:
    return decision.arm_id if decision.outcome is Outcome.USE else None
