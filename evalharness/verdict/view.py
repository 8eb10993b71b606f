"""A run as the statistics take it: samples of one arm, and the settings that every figure of a report shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.core.ids import content_id
from evalharness.core.model import Arm, RunRecord, Suite
from evalharness.metrics.table import Bools, Floats, Table, table
from evalharness.stats.sample import Ints, Sample, Settings, sample_of

N_RESAMPLES = 10_000
#: Draws for the some fifty means and ratios of tokens and money of a large run. They cost time in proportion to cases,
#: and with this many cases the limits hardly depend on them. Decisions and comparisons of scores keep all draws.
SPENDING_RESAMPLES = 2_000
MANY_CLUSTERS = 500

MaybeEstimate = TypeVar("MaybeEstimate", Estimate, Estimate | None)


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

    @property
    def spending_settings(self) -> Settings:
        """For what is described and not decided: see ``SPENDING_RESAMPLES``."""
        if self.table.n_clusters <= MANY_CLUSTERS:
            return self.settings
        return replace(self.settings, n_resamples=min(SPENDING_RESAMPLES, self.settings.n_resamples))

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


def with_draws(estimate: MaybeEstimate, settings: Settings) -> MaybeEstimate:
    """The estimate with the number of draws in its method, where it was drawn: not all figures have as many."""
    if estimate is None or "bootstrap" not in estimate.method:
        return estimate
    return replace(estimate, method=f"{estimate.method}, {settings.n_resamples:,} draws")
