"""Did times drift while a run went on: which comparisons of times that takes away, and how it is said."""

from __future__ import annotations

import numpy as np

from evalharness.core.findings import Drift
from evalharness.metrics.table import Table
from evalharness.stats.drift import send_order_drift

CONFOUNDED = "confounded with time: the arms were sent one after the other, and times drifted"


def run_drift(table: Table) -> Drift | None:
    """Of a run whose unit is the case, whether it is one or not. None where too few times were taken to say."""
    cases, arms = table.case_index.astype(np.int64), table.arm_index.astype(np.int64)
    return send_order_drift(table.timed("total_ms"), cases, arms, table.sent_rank.astype(np.float64))


def no_drift_sentence(drift: Drift | None) -> str:
    """Of a run with times in which no drift is shown: what was looked for, and what came of it."""
    if drift is None:
        return "Whether times drifted over the run cannot be told: too few of them were taken."
    return (
        "No drift of times over the run was found: trials in the second half took "
        f"{drift.half_ratio:.2f}\N{MULTIPLICATION SIGN} as long as in the first, case and arm taken into account, and "
        "neighbours were no more alike than others."
    )


def confounds_arms(drift: Drift | None) -> str | None:
    """Why times of two arms of a run may not be compared; None where they may."""
    return CONFOUNDED if drift is not None and drift.confounded else None


def confounds_runs(drift: Drift | None) -> str | None:
    """Why times of a run may not be compared with those of an earlier one: arms of two runs are sent one after the
    other. A small drift is no reason: it would hide nothing that a gate has to see."""
    if drift is None or not drift.is_large:
        return None
    return f"confounded with time: times drifted by {drift.size:.0%} within this run, and the baseline ran at another"


def drift_remark(drift: Drift | None, *, of_two_runs: bool) -> str:
    """A clause beside a verdict on times; empty without a drift. ``of_two_runs``: against an earlier one, whose times
    were taken in other minutes."""
    if drift is None:
        return ""
    seen = _moved(drift) if drift.moved else "neighbouring calls took similar times"
    return f"{seen}, {'and the baseline ran at another time' if of_two_runs else 'which the interval allows for'}"


def _moved(drift: Drift) -> str:
    return f"times {'rose' if drift.half_ratio > 1 else 'fell'} by {drift.size:.0%} during the run"


def drift_sentences(drift: Drift, *, n_arms: int, n_calls: int) -> str:
    """What was seen, what it does to the intervals, and what it leaves alone. ``n_calls``: of an arm."""
    worth = max(1, round(n_calls * drift.effective_share))
    told = [
        _seen(drift),
        f"Intervals of an arm's times are wider for it: {n_calls:,} calls of an arm are worth about {worth:,} "
        "independent ones.",
    ]
    if n_arms > 1 and not drift.sequential:
        told.append("Interleaved arms met the same minutes and compare as ever.")
    return " ".join(told)


def _seen(drift: Drift) -> str:
    if drift.moved:
        way = "longer" if drift.half_ratio > 1 else "less time"
        return (
            f"Times drifted: trials in the second half took {drift.size:.0%} {way} than in the first, case and arm "
            "taken into account."
        )
    return "Times came in spells: neighbouring calls took similar times, whatever their case and arm."
