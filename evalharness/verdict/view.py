"""A run as the statistics take it: samples of one arm, and the settings that every figure of a report shares."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from evalharness.core.findings import Drift
from evalharness.core.ids import content_id
from evalharness.core.model import Arm, Case, Suite
from evalharness.core.record import RunRecord
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.metrics.table import Bools, Floats, Table, table
from evalharness.stats.blocks import block_labels, block_length, sample_in_time
from evalharness.stats.sample import Ints, Sample, Settings, sample_of
from evalharness.verdict.drift import confounds_arms, run_drift
from evalharness.verdict.families import Pair
from evalharness.verdict.gathered import Gathered, gather
from evalharness.verdict.moments import Moments

N_RESAMPLES = 10_000
#: What a latency run measures of the service at a moment, and not of a case.
_OF_THE_MOMENT = (Unit.MS, Unit.TOKENS_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """``arm`` is everywhere an index into ``arms``; the arms' samples index the same cases.

    The times and token rates of a latency run are of its mix of requests: their unit is the trial, in blocks of time
    (docs/decisions/0010-latency-estimand.md). All else, and all of other runs, has the case as its unit.
    ``measured_drift``: of the times of other runs, whether it is one or not; None where too few were taken to say.
    """

    run: RunRecord
    table: Table
    settings: Settings
    gathered: Gathered
    measured_drift: Drift | None = None
    #: Samples of an arm by scores or metric, and its places in the table: many figures are of the same ones.
    _made: dict[tuple[str, str, int], Sample] = field(default_factory=dict, init=False, repr=False, compare=False)
    _places: dict[int, Ints] = field(default_factory=dict, init=False, repr=False, compare=False)
    #: The rows asked for last and their blocks of time: all times of an arm have the same.
    _in_blocks: list[tuple[Bools, Ints]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def moments(self) -> Moments:
        return self.gathered.moments

    @property
    def suite(self) -> Suite:
        return self.run.plan.suite

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.run.plan.arms

    @property
    def cases(self) -> tuple[Case, ...]:
        """Those of the table."""
        known = set(self.table.case_ids)
        return tuple(case for case in self.suite.cases if case.case_id in known)

    @property
    def is_latency(self) -> bool:
        load = self.suite.load
        return load.is_open or load.is_timed or load.shape == "steps"

    @property
    def grader_ids(self) -> tuple[str, ...]:
        return tuple(self.table.scores)

    @property
    def clusters(self) -> Ints:
        """(cases) the independent unit of each case."""
        return self.table.cluster_index.astype(np.int64)

    @property
    def all_rows(self) -> Bools:
        return np.ones(len(self.table.arm_index), dtype=np.bool_)

    def rows(self, arm: int) -> Bools:
        return np.asarray(self.table.arm_index == arm)

    def places(self, arm: int) -> Ints:
        """Of the arm's trials in the table."""
        if arm not in self._places:
            self._places[arm] = np.flatnonzero(self.rows(arm))
        return self._places[arm]

    def places_graded(self, grader: str, arm: int) -> Ints:
        """Of the arm's trials of cases that have the grader."""
        places = self.places(arm)
        return places[self.table.asked[grader][self.table.case_index[places]]]

    def sample(self, column: Floats, arm: int) -> Sample:
        """One arm's trials of a column of the table; all cases of the plan stay in."""
        return self.sample_at(column, self.places(arm))

    def scores(self, grader: str, arm: int) -> Sample:
        """Only the trials of cases that have the grader: in others nothing is missing."""
        wanted = "scores", grader, arm
        if wanted not in self._made:
            self._made[wanted] = self.sample_at(self.table.scores[grader], self.places_graded(grader, arm))
        return self._made[wanted]

    def metric(self, name: str, arm: int) -> Sample:
        """Times of failed trials are +inf; other metrics are NaN there."""
        wanted = "metric", name, arm
        if wanted not in self._made:
            column = self.table.timed(name)
            is_time = CATALOG[name].unit in _OF_THE_MOMENT
            self._made[wanted] = self.times(column, self.rows(arm)) if is_time else self.sample(column, arm)
        return self._made[wanted]

    def times(self, column: Floats, rows: Bools) -> Sample:
        """Trials of a column of times: in a latency run in the order they were sent, else by case.

        Where time ends the run, trials of its list that were never sent are not missing: there is no number of trials
        that it was to reach.
        """
        if not self.is_latency:
            return self.sample_at(column, np.flatnonzero(rows), None if self.drift is None else self._blocks(rows))
        if self.suite.load.is_timed:
            rows = self.moments.sent(rows)
        return sample_in_time(column[self.in_order(rows)], self.moments.in_flight(rows) or 0.0)

    def paired_times(self, name: str, pair: Pair, among: Bools | None = None) -> tuple[Sample, Sample]:
        """A time metric of two arms on common units: cases, in a latency run repeats of cases in the order of time.

        ``among``: the rows of a latency run that count, None: all.
        """
        if not self.is_latency:
            return self.metric(name, pair[0]), self.metric(name, pair[1])
        column = self.table.timed(name)
        repeat = self.table.case_index.astype(np.int64) * self.table.n_repeats + self.table.repeat_index
        counted = self.all_rows if among is None else among
        first, second = (self.in_order(self.rows(arm) & counted) for arm in pair)
        _, at_first, at_second = np.intersect1d(repeat[first], repeat[second], return_indices=True)
        in_time = np.argsort(at_first, kind="stable")
        pairs_in_flight = (self.moments.in_flight(self.rows(pair[0]) | self.rows(pair[1])) or 0.0) / 2
        candidate = sample_in_time(column[first[at_first[in_time]]], pairs_in_flight)
        return candidate, sample_in_time(column[second[at_second[in_time]]], pairs_in_flight)

    def in_order(self, rows: Bools) -> Ints:
        """Places of ``rows`` in the order of intended starts; those never sent come last."""
        places = np.flatnonzero(rows)
        rank = self.table.sent_rank[places]
        return places[np.argsort(np.where(rank < 0, len(self.table.sent_rank), rank), kind="stable")]

    @property
    def drift(self) -> Drift | None:
        """None where none is shown. Where one is, intervals of times have blocks of time beside the cases."""
        drift = self.measured_drift
        return drift if drift is not None and drift.drifting else None

    @property
    def time_confounded(self) -> str | None:
        """Why times of two arms may not be compared; None where they may."""
        return confounds_arms(self.drift)

    def _blocks(self, rows: Bools) -> Ints:
        """(trials of ``rows``) the block of time in which each was sent, as long as those of a latency run."""
        if not (self._in_blocks and np.array_equal(self._in_blocks[0][0], rows)):
            places = self.in_order(rows)
            n = len(places)
            labels = np.empty(len(rows), dtype=np.int64)
            labels[places] = block_labels(n, n // block_length(n, self.moments.in_flight(rows) or 0.0))
            self._in_blocks[:] = [(rows, labels[rows])]
        return self._in_blocks[0][1]

    def sample_at(self, column: Floats, places: Ints, block: Ints | None = None) -> Sample:
        """The trials at ``places`` of a column of the table; all cases of the plan stay in."""
        return sample_of(column[places], self.table.case_index[places], self.clusters, block=block)


def view(run: RunRecord, *, n_resamples: int = N_RESAMPLES) -> RunView:
    """The seed comes from the run's id: the same run folder gives the same bits."""
    options = run.plan.suite.analysis
    settings = Settings(
        seed=int(content_id(run.manifest.run_id, digits=8), 16),
        n_resamples=n_resamples,
        scope=options.scope,
        exact=options.exact,
    )
    rows = table(run)
    seen = RunView(run=run, table=rows, settings=settings, gathered=gather(run, rows))
    return seen if seen.is_latency else replace(seen, measured_drift=run_drift(seen.table))
