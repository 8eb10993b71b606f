"""Ends a run as soon as its gates are settled: ``budget.stop_when_settled``, and before each case that
``on_inconclusive: extend`` would add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalharness.core.events import RunStarted, TrialFinished
from evalharness.core.model import PendingReason, Phase, Plan, Status, Trial
from evalharness.core.record import RunManifest, RunRecord, TrialResult
from evalharness.engine.stop import StopSignal
from evalharness.verdict.sequence import SequentialGates, part_of, units_in_order


class SettledStop:
    """A sink. A unit (a case, or all cases of a cluster) enters the decision when all its trials have ended, and units
    enter in the plan's order: the order in which they happened to end could depend on their answers.
    """

    def __init__(self, manifest: RunManifest, stop: StopSignal) -> None:
        self._manifest = manifest
        self._stop = stop
        self._results: dict[str, TrialResult] = {}
        self._waiting: list[Sequence[Trial]] = []
        self._n_units = 0

    def receive(self, event: object) -> None:
        if isinstance(event, RunStarted):
            self._begin(event.plan, event.finished)
        elif isinstance(event, TrialFinished) and event.trial.phase is Phase.MEASURED:
            self._results[event.trial.trial_id] = event.result
            self._look()

    def _begin(self, plan: Plan, finished: Mapping[str, TrialResult]) -> None:
        self._plan = plan
        self._gates = SequentialGates(plan)
        self._reserve = frozenset(case.case_id for case in plan.suite.cases if case.is_reserve)
        self._waiting = units_in_order(plan)[::-1]
        self._n_units = len(self._waiting)
        self._results |= finished
        self._look()

    def _look(self) -> None:
        complete: list[Sequence[Trial]] = []
        while self._waiting and all(self._has_ended(trial) for trial in self._waiting[-1]):
            complete.append(self._waiting.pop())
        if not complete or self._stop.is_set:
            return
        for unit in complete:
            results = {trial.trial_id: self._results.pop(trial.trial_id) for trial in unit}
            self._gates.after(part_of(RunRecord(manifest=self._manifest, plan=self._plan, results=results), unit))
        if self._waiting and self._may_stop(self._waiting[-1]) and self._gates.are_settled:
            n_in = self._n_units - len(self._waiting)
            message = f"the gates are settled after {n_in:,} of {self._n_units:,} cases"
            self._stop.stop(PendingReason.SETTLED, message)

    def _may_stop(self, following: Sequence[Trial]) -> bool:
        suite = self._plan.suite
        return suite.budget.stop_when_settled or following[0].case_id in self._reserve

    def _has_ended(self, trial: Trial) -> bool:
        result = self._results.get(trial.trial_id)
        return result is not None and result.status is not Status.PENDING
