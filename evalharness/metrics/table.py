"""A run as columns: one row per trial the analysis is about, NaN for missing with its reason beside it.

The rules of the analysis for what has no score are applied here: a timeout scores 0, incomplete and refused score 0
unless the grader judges that status, every other gap is NaN with a ``Missing`` code. Warm-up trials have no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Case, GraderSpec, PendingReason, Phase, Status, Trial
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.catalog import CATALOG
from evalharness.metrics.error_bounds import BOUNDED, error_bounds_ms
from evalharness.metrics.measure import measure_trial

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Int32s: TypeAlias = NDArray[np.int32]

STATUSES: tuple[Status, ...] = tuple(Status)
_LEFT_OVER = (PendingReason.DURATION, PendingReason.SETTLED)
_CODE = {status: code for code, status in enumerate(STATUSES)}


class Missing(IntEnum):
    """Why a score is NaN. ``NOT_ASKED``: the case has no such grader, so nothing is missing."""

    NO = 0
    ERROR = 1
    NULL_SCORE = 2
    PENDING = 3
    NOT_ASKED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of length N (``analysed_trials``, plan order) and vectors of length C (their cases, suite order).

    ``sent_rank``: place in the order of intended starts, -1 where never sent. ``status``: index into ``STATUSES``.
    ``metrics`` by catalogue name, ``scores`` and ``missing`` by grader id. ``errors`` by the catalogue names of
    ``error_bounds.BOUNDED``: how far the metric of that trial may be from the truth, in milliseconds, because of this
    client; NaN where unknown. ``step``: the level of a load in steps, 0 for other shapes. ``cluster_index`` numbers the
    independent units from 0; a case without a cluster is its own. ``tags``: indices of the cases with that tag.
    ``asked``: per grader id, which cases have it.
    """

    case_ids: tuple[str, ...]
    arm_ids: tuple[str, ...]
    n_repeats: int
    case_index: Int32s
    arm_index: NDArray[np.int16]
    repeat_index: Int32s
    step: Int32s
    status: NDArray[np.int8]
    timed_out: Bools
    sent_rank: Int32s
    metrics: Mapping[str, Floats]
    errors: Mapping[str, Floats]
    scores: Mapping[str, Floats]
    missing: Mapping[str, NDArray[np.int8]]
    asked: Mapping[str, Bools]
    cluster_index: Int32s
    tags: Mapping[str, Int32s]

    @property
    def n_cases(self) -> int:
        return len(self.case_ids)

    @property
    def n_clusters(self) -> int:
        return int(self.cluster_index.max()) + 1 if len(self.cluster_index) else 0

    def has_status(self, status: Status) -> Bools:
        return np.asarray(self.status == _CODE[status])

    def timed(self, metric: str) -> Floats:
        """A time metric in the sense of the statistics: +inf where the trial failed, NaN where nothing was measured."""
        values = self.metrics[metric].copy()
        if CATALOG[metric].is_time:
            values[self.has_status(Status.ERROR)] = np.inf
        return values

    def grid(self, column: Floats) -> Floats:
        """A column as (arms, cases, repeats); NaN where no such trial was planned."""
        cells = np.full((len(self.arm_ids), self.n_cases, self.n_repeats), np.nan)
        cells[self.arm_index, self.case_index, self.repeat_index] = column
        return cells


def table(run: RunRecord) -> Table:
    """All trials the analysis of a run is about. A trial without a result counts as pending."""
    trials = analysed_trials(run)
    results = [_result(run, trial) for trial in trials]
    cases = _cases_of(run, trials)
    case_place = {case.case_id: place for place, case in enumerate(cases)}
    arm_place = {arm.arm_id: place for place, arm in enumerate(run.plan.arms)}
    case_index = np.array([case_place[trial.case_id] for trial in trials], dtype=np.int32)
    repeat_index = np.array([trial.repeat_index for trial in trials], dtype=np.int32)
    specs = grader_specs(run.plan.suite.graders, cases)
    scores, missing, asked = _all_scores(specs, results, case_index)
    return Table(
        case_ids=tuple(case_place),
        arm_ids=tuple(arm_place),
        n_repeats=int(repeat_index.max(initial=0)) + 1,
        case_index=case_index,
        arm_index=np.array([arm_place[trial.arm_id] for trial in trials], dtype=np.int16),
        repeat_index=repeat_index,
        step=np.array([trial.step for trial in trials], dtype=np.int32),
        status=np.array([_CODE[result.status] for result in results], dtype=np.int8),
        timed_out=np.array([_timed_out(result) for result in results], dtype=np.bool_),
        sent_rank=_sent_ranks(results),
        metrics=_metric_columns(results),
        errors=_error_columns(results),
        scores=scores,
        missing=missing,
        asked=asked,
        cluster_index=_cluster_index(cases),
        tags=_tag_index(cases),
    )


def analysed_trials(run: RunRecord) -> tuple[Trial, ...]:
    """The trials the analysis is about: planned and measured, but for those a rule of the plan ended before.

    What time (``duration``) or a settled question left over is outside the analysis: it is not missing.
    """
    return tuple(
        trial
        for trial in run.plan.trials
        if trial.phase is Phase.MEASURED and _result(run, trial).pending_reason not in _LEFT_OVER
    )


def analysed_cases(run: RunRecord) -> tuple[Case, ...]:
    """The suite's cases that have ``analysed_trials``, in suite order: the cases of a ``Table``."""
    return _cases_of(run, analysed_trials(run))


def _cases_of(run: RunRecord, trials: Sequence[Trial]) -> tuple[Case, ...]:
    wanted = {trial.case_id for trial in trials}
    return tuple(case for case in run.plan.suite.cases if case.case_id in wanted)


def grader_specs(common: Sequence[GraderSpec], cases: Sequence[Case]) -> Mapping[str, tuple[GraderSpec | None, ...]]:
    """By grader id, in declared order, the specification that applies to each case; None where it has no such grader.

    A case's own grader takes the place of the suite's grader of the same id.
    """
    by_id = {spec.grader_id: spec for spec in common}
    per_case = [{**by_id, **{spec.grader_id: spec for spec in case.graders}} for case in cases]
    names = dict.fromkeys([*by_id, *(name for specs in per_case for name in specs)])
    return {name: tuple(specs.get(name) for specs in per_case) for name in names}


def _result(run: RunRecord, trial: Trial) -> TrialResult:
    return run.results.get(trial.trial_id) or TrialResult(trial_id=trial.trial_id, status=Status.PENDING)


def failure_of(result: TrialResult) -> Failure | None:
    """The failure that ended a trial: its own, else its last call's."""
    return result.failure or (result.calls[-1].failure if result.calls else None)


def _timed_out(result: TrialResult) -> bool:
    failure = failure_of(result)
    return result.status is Status.ERROR and failure is not None and failure.kind is FailureKind.TIMEOUT


def _sent_ranks(results: Sequence[TrialResult]) -> Int32s:
    """Wall-clock order: a resumed run has two monotonic clocks, which cannot be compared."""
    ranks = np.full(len(results), -1, dtype=np.int32)
    sent = [place for place, result in enumerate(results) if result.calls and result.status is not Status.PENDING]
    starts = np.array([results[place].calls[0].intended_utc_ns for place in sent], dtype=np.int64)
    ranks[np.array(sent, dtype=np.intp)[np.argsort(starts, kind="stable")]] = np.arange(len(sent), dtype=np.int32)
    return ranks


def _metric_columns(results: Sequence[TrialResult]) -> Mapping[str, Floats]:
    columns = np.full((len(CATALOG), len(results)), np.nan)
    for place, result in enumerate(results):
        if result.calls:
            columns[:, place] = [np.nan if value is None else value for value in measure_trial(result).values()]
    return dict(zip(CATALOG, columns, strict=True))


def _error_columns(results: Sequence[TrialResult]) -> Mapping[str, Floats]:
    columns = np.full((len(BOUNDED), len(results)), np.nan)
    for place, result in enumerate(results):
        bounds = error_bounds_ms(result.calls)
        columns[:, place] = [np.nan if (bound := bounds[name]) is None else bound for name in BOUNDED]
    return dict(zip(BOUNDED, columns, strict=True))


def _all_scores(
    specs: Mapping[str, tuple[GraderSpec | None, ...]],
    results: Sequence[TrialResult],
    case_index: Int32s,
) -> tuple[dict[str, Floats], dict[str, NDArray[np.int8]], dict[str, Bools]]:
    scores: dict[str, Floats] = {}
    missing: dict[str, NDArray[np.int8]] = {}
    asked: dict[str, Bools] = {}
    for name, by_case in specs.items():
        pairs = [score_of(result, by_case[case]) for result, case in zip(results, case_index.tolist(), strict=True)]
        scores[name] = np.array([value for value, _ in pairs], dtype=np.float64)
        missing[name] = np.array([reason for _, reason in pairs], dtype=np.int8)
        asked[name] = np.array([spec is not None for spec in by_case], dtype=np.bool_)
    return scores, missing, asked


def score_of(result: TrialResult, spec: GraderSpec | None) -> tuple[float, Missing]:
    """The score that enters the analysis, or NaN with the reason.

    ``error`` means the service never answered: a timeout is its answer (0), any other kind says nothing about quality.
    """
    if spec is None:
        return np.nan, Missing.NOT_ASKED
    if result.status is Status.PENDING:
        return np.nan, Missing.PENDING
    if result.status is Status.ERROR:
        return (0.0, Missing.NO) if _timed_out(result) else (np.nan, Missing.ERROR)
    if result.status not in spec.grades:
        return 0.0, Missing.NO
    score = result.scores.get(spec.grader_id)
    if score is None or score.value is None:
        return np.nan, Missing.NULL_SCORE
    return score.value, Missing.NO


def _cluster_index(cases: Sequence[Case]) -> Int32s:
    numbers: dict[tuple[bool, str], int] = {}
    for case in cases:
        numbers.setdefault(_unit(case), len(numbers))
    return np.array([numbers[_unit(case)] for case in cases], dtype=np.int32)


def _unit(case: Case) -> tuple[bool, str]:
    """The independent unit of a case; the flag keeps a cluster named like another case's id apart from that case."""
    return (True, case.case_id) if case.cluster is None else (False, case.cluster)


def _tag_index(cases: Sequence[Case]) -> Mapping[str, Int32s]:
    places: dict[str, list[int]] = {}
    for place, case in enumerate(cases):
        for tag in dict.fromkeys(case.tags):
            places.setdefault(tag, []).append(place)
    return {tag: np.array(places[tag], dtype=np.int32) for tag in sorted(places)}
