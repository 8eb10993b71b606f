"""All that is read from the records of trials and is in no column, gathered in one pass.

A long run is packed: each look at a result makes it anew, at a fifth of a millisecond. What is gathered is small, and
no result is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalharness.core.model import Json, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.table import analysed_trials
from evalharness.verdict.moments import MomentRows, Moments
from evalharness.verdict.sightings import Sightings
from evalharness.verdict.tally import Counting, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """``tallies`` by arm id, also of arms without a trial."""

    moments: Moments
    tallies: Mapping[str, Tally]
    sightings: Sightings


def gather(run: RunRecord) -> Gathered:
    """Over ``analysed_trials``; one without a result is pending."""
    trials = analysed_trials(run)
    rows, sightings = MomentRows(len(trials)), Sightings()
    counting = {arm.arm_id: Counting(_whole(arm.request.get("max_output_tokens"))) for arm in run.plan.arms}
    for place, trial in enumerate(trials):
        result = run.results.get(trial.trial_id)
        if result is None:
            result = TrialResult(trial_id=trial.trial_id, status=Status.PENDING)
        rows.add(place, result)
        counting[trial.arm_id].add(result)
        sightings.add(result)
    n_sessions = max(1, len({seen.session for seen in run.observers}))
    return Gathered(
        moments=rows.moments(n_sessions),
        tallies={arm_id: counted.tally() for arm_id, counted in counting.items()},
        sightings=sightings,
    )


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) else None
