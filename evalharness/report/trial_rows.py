"""Every measured trial with its place in the tables of a page, ordered by case, arm and repeat: neighbours are alike,
and what is alike compresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from evalharness.core.model import Case, Phase, Status, Trial
from evalharness.core.record import TrialResult
from evalharness.metrics.columns import STATUS_CODE
from evalharness.metrics.table import analysed_trials, result_columns
from evalharness.report.load_words import level_text
from evalharness.report.view import View

#: Of the static side pages and of the page numbers the report links to.
TRIALS_PER_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One measured trial with its place in the tables of cases and arms. ``results`` are the run's: of a long run a
    result is made anew at each look and not kept."""

    trial: Trial
    results: Mapping[str, TrialResult]
    case: Case
    case_index: int
    arm_index: int

    @property
    def result(self) -> TrialResult:
        found = self.results.get(self.trial.trial_id)
        return TrialResult(trial_id=self.trial.trial_id, status=Status.PENDING) if found is None else found


def level_names(view: View) -> tuple[str, ...]:
    """Of the levels of load by step; empty where there is one only."""
    load = view.run.plan.suite.load
    return tuple(level_text(level, load.level_unit) for level in load.levels) if len(load.levels) > 1 else ()


def _known_trials(view: View) -> Sequence[Trial]:
    """All measured ones but those that the time or a settled question left over: of these there is nothing to show."""
    measured = [trial for trial in view.run.plan.trials if trial.phase is Phase.MEASURED]
    analysed = [] if view.run.plan.suite.load.is_timed else analysed_trials(view.run)
    if len(analysed) == len(measured):
        return measured
    wanted = {trial.trial_id for trial in analysed}
    ended = result_columns(view.run, measured).status != STATUS_CODE[Status.PENDING]
    return [trial for trial, has in zip(measured, ended.tolist(), strict=True) if has or trial.trial_id in wanted]


class TrialRows(Sequence[TrialRow]):
    """All measured trials of the arms of a view by case, arm and repeat; each is made when it is asked for.

    ``case_index``, ``arm_index``, ``repeat_index``, ``step``: by row. ``order``: the place of each row's trial among
    ``trials``, which are in the plan's order.
    """

    def __init__(self, view: View) -> None:
        self._run = view.run
        arms = {arm.arm_id: index for index, arm in enumerate(view.arms)}
        cases = {case.case_id: index for index, case in enumerate(view.run.plan.suite.cases)}
        self.trials = [trial for trial in _known_trials(view) if trial.arm_id in arms]
        case_index = np.fromiter((cases[trial.case_id] for trial in self.trials), np.int64, len(self.trials))
        arm_index = np.fromiter((arms[trial.arm_id] for trial in self.trials), np.int64, len(self.trials))
        repeat_index = np.fromiter((trial.repeat_index for trial in self.trials), np.int64, len(self.trials))
        step = np.fromiter((trial.step for trial in self.trials), np.int64, len(self.trials))
        self.order = np.lexsort((repeat_index, arm_index, case_index))
        self.case_index, self.arm_index = case_index[self.order], arm_index[self.order]
        self.repeat_index, self.step = repeat_index[self.order], step[self.order]

    def __len__(self) -> int:
        return len(self.trials)

    @overload
    def __getitem__(self, index: int) -> TrialRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TrialRow]: ...
    def __getitem__(self, index: int | slice) -> TrialRow | Sequence[TrialRow]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        case_index = int(self.case_index[index])
        return TrialRow(
            trial=self.trials[self.order[index]],
            results=self._run.results,
            case=self._run.plan.suite.cases[case_index],
            case_index=case_index,
            arm_index=int(self.arm_index[index]),
        )
