"""What sentences about a run are made from, and how they name arms and count trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import ArmFindings, Comparison, ObserverFindings, StretchFindings
from evalharness.stats.drift import Drift, send_order_drift
from evalharness.verdict.view import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the sentences are about. ``drift`` None: times did not drift, or too few were taken to say; for a latency
    run, whose ``stretches`` each say whether they were steady."""

    view: RunView
    arms: Sequence[ArmFindings]
    comparisons: Sequence[Comparison]
    drift: Drift | None
    stretches: Sequence[StretchFindings] = ()
    observer: ObserverFindings | None = None

    def named(self, arms: Sequence[ArmFindings]) -> str:
        return named(arms, self.arms)


def named(arms: Sequence[ArmFindings], all_arms: Sequence[ArmFindings]) -> str:
    """``“low”, “medium” and “high, careful”``: quoted, because the label of an arm on two axes has a comma."""
    if len(arms) == len(all_arms) > 1:
        return "all arms"
    *first, last = (f"“{arm.label}”" if arm.key else arm.label for arm in arms)
    return f"{', '.join(first)} and {last}" if first else last


def run_drift(view: RunView) -> Drift | None:
    """None also for a latency run: levels of load differ, and its stretches are judged one by one."""
    if view.is_latency:
        return None
    rows = view.table
    cases, arms = rows.case_index.astype(np.int64), rows.arm_index.astype(np.int64)
    drift = send_order_drift(rows.timed("total_ms"), cases, arms, rows.sent_rank.astype(np.float64))
    return drift if drift is not None and drift.drifting else None


def drift_sentence(drift: Drift) -> str:
    way = "longer" if drift.half_ratio > 1 else "shorter"
    return (
        f"Times drifted: trials in the second half took {drift_size(drift):.0%} {way} than in the first, case and arm "
        "taken into account. Intervals of times assume that they did not."
    )


def drift_size(drift: Drift) -> float:
    """By which share the median time of the second half differs from the first."""
    return abs(drift.half_ratio - 1)


def trials(n: int) -> str:
    return "1 trial" if n == 1 else f"{n:,} trials"
