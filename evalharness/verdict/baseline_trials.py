"""A run's measurements as columns, without texts: what a comparison takes of either side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from evalharness.metrics.catalog import CATALOG
from evalharness.metrics.table import Bools, Floats
from evalharness.stats.sample import Ints
from evalharness.verdict.baseline_facts import BaselineFacts, facts_of
from evalharness.verdict.gate_samples import ERROR_SHARE, MAY_LACK, failed_column
from evalharness.verdict.service import right_column
from evalharness.verdict.view import RunView

#: Values (NaN missing, +inf a time that never ended) and the case of each, an index into the cases of the facts.
Long: TypeAlias = tuple[Floats, Ints]


class Kept(Protocol):
    """What is kept of a run to compare others with. ``arm`` is an index into the arms of its facts."""

    @property
    def facts(self) -> BaselineFacts: ...

    @property
    def has_trials(self) -> bool: ...

    def values(self, metric: str, arm: int) -> Long | None:
        """``metric``: a grader id, a name of the catalogue, or ``error_share``; None where nothing is kept of it."""
        ...

    def right(self, arm: int) -> Long:
        """1.0 where the primary score reaches its pass mark, 0.0 where not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineTrials:
    """Columns of length N (trials). ``scores`` by grader id, NaN also where the case has no such grader; ``asked`` (C)
    says which cases have it. ``metrics`` by name, times with +inf for failed trials.
    """

    facts: BaselineFacts
    arm_index: Ints
    case_index: Ints
    scores: Mapping[str, Floats]
    asked: Mapping[str, Bools]
    metrics: Mapping[str, Floats]
    is_right: Floats

    @property
    def has_trials(self) -> bool:
        return True

    def values(self, metric: str, arm: int) -> Long | None:
        if metric in self.scores:
            return self._of(self.scores[metric], arm, self._asked(metric))
        if metric not in self.metrics:
            return None
        column = self.metrics[metric]
        return self._of(column, arm, ~np.isnan(column) | ~self._answered if metric in MAY_LACK else None)

    def right(self, arm: int) -> Long:
        return self._of(self.is_right, arm, self._asked(self.facts.primary))

    def _asked(self, grader: str) -> Bools:
        return self.asked[grader][self.case_index]

    @property
    def _answered(self) -> Bools:
        """(N) whether a trial ended without an error: what it lacks then, it lacks by its nature."""
        return np.asarray(self.metrics[ERROR_SHARE] == 0)

    def _of(self, column: Floats, arm: int, among: Bools | None) -> Long:
        """``among`` (N): trials of which the rest has no such value at all; None: every trial has one, or misses it."""
        rows = self.arm_index == arm if among is None else (self.arm_index == arm) & among
        return column[rows], self.case_index[rows]


def trials_of(view: RunView) -> BaselineTrials:
    """Where time ends a run, trials of its list that were never sent are no trials of it."""
    rows = view.moments.sent(view.all_rows) if view.suite.load.is_timed else view.all_rows
    table = view.table
    metrics = {name: table.timed(name)[rows] for name in CATALOG} | {ERROR_SHARE: failed_column(view)[rows]}
    return BaselineTrials(
        facts=facts_of(view),
        arm_index=table.arm_index[rows].astype(np.int64),
        case_index=table.case_index[rows].astype(np.int64),
        scores={name: column[rows] for name, column in table.scores.items()},
        asked=dict(table.asked),
        metrics={name: each for name, each in metrics.items() if name == ERROR_SHARE or not np.isnan(each).all()},
        is_right=right_column(view)[rows],
    )
