"""Further trials where time ends a run and its list was over before: the same list again, in another order."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.model import Phase, Plan, Trial
from evalharness.plan.expand import further_trials

#: So many at a time: each time costs a write to the disk, and those that are not sent stay behind as planned.
_AT_LEAST = 64


class Passes:
    """Implements ``engine.source.MoreTrials`` for a plan. ``known``: all trials so far, earlier passes included."""

    def __init__(self, plan: Plan, known: Sequence[Trial]) -> None:
        self._plan = plan
        self._endpoint_of = {arm.arm_id: arm.endpoint for arm in plan.arms}
        # Warm-up trials number their calls; they are no passes over the list.
        measured = (trial.repeat_index for trial in known if trial.phase is Phase.MEASURED)
        highest = max(measured, default=-1)
        self._next = dict.fromkeys(self._endpoint_of.values(), highest + 1)

    def __call__(self, endpoint: str, step: int) -> Sequence[Trial]:
        trials: list[Trial] = []
        while len(trials) < _AT_LEAST:
            again = further_trials(self._plan, step=step, repeat_index=self._next[endpoint])
            trials += [trial for trial in again if self._endpoint_of[trial.arm_id] == endpoint]
            self._next[endpoint] += 1
        return trials
