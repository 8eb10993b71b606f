"""A run as the statistics take it: samples of one arm, and the settings that every figure of a report shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalharness.core.ids import content_id
from evalharness.core.model import Arm, Suite
from evalharness.core.record import RunRecord
from evalharness.metrics.table import Bools, Floats, Table, table
from evalharness.stats.sample import Ints, Sample, Settings, sample_of

N_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """``arm`` is everywhere an index into ``arms``; the arms' samples index the same cases."""

    run: RunRecord
    table: Table
    settings: Settings

    @property
    def suite(self) -> Suite:
        return self.run.plan.suite

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.run.plan.arms

    @property
    def grader_ids(self) -> tuple[str, ...]:
        return tuple(self.table.scores)

    @property
    def clusters(self) -> Ints:
        """(cases) the independent unit of each case."""
        return self.table.cluster_index.astype(np.int64)

    def rows(self, arm: int) -> Bools:
        return np.asarray(self.table.arm_index == arm)

    def sample(self, column: Floats, arm: int) -> Sample:
        """One arm's trials of a column of the table; all cases of the plan stay in."""
        return self._sample(column, self.rows(arm))

    def scores(self, grader: str, arm: int) -> Sample:
        """Only the trials of cases that have the grader: in others nothing is missing."""
        asked = self.table.asked[grader][self.table.case_index]
        return self._sample(self.table.scores[grader], self.rows(arm) & asked)

    def metric(self, name: str, arm: int) -> Sample:
        """Times of failed trials are +inf; other metrics are NaN there."""
        return self.sample(self.table.timed(name), arm)

    def _sample(self, column: Floats, rows: Bools) -> Sample:
        return sample_of(column[rows], self.table.case_index[rows], self.clusters)


def view(run: RunRecord, *, n_resamples: int = N_RESAMPLES) -> RunView:
    """The seed comes from the run's id: the same run folder gives the same bits."""
    options = run.plan.suite.analysis
    settings = Settings(
        seed=int(content_id(run.manifest.run_id, digits=8), 16),
        n_resamples=n_resamples,
        scope=options.scope,
        exact=options.exact,
    )
    return RunView(run=run, table=table(run), settings=settings)
