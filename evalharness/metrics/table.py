"""A run as columns: one row per trial the analysis is about, NaN for missing with its reason beside it.

The rules of the analysis for what has no score are applied here: a timeout scores 0, incomplete and refused score 0
unless the grader judges that status, every other gap is NaN with a ``Missing`` code. Warm-up trials have no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.core.model import Case, GraderSpec, PendingReason, Phase, Status, Trial
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.catalog import CATALOG, WhenFailed
from evalharness.metrics.columns import (
    STATUS_CODE,
    STATUSES,
    Bools,
    Columnar,
    Floats,
    ResultColumns,
    answer_text,
    columns_of,
    is_failed,
)
from evalharness.metrics.facts import Facts

__all__ = [
    "STATUSES",
    "Bools",
    "Floats",
    "Missing",
    "Table",
    "analysed_trials",
    "answer_texts",
    "failed_results",
    "given_scores",
    "grader_specs",
    "result_columns",
    "scores_of",
    "table",
]

Int32s: TypeAlias = NDArray[np.int32]

_LEFT_OVER = (PendingReason.DURATION, PendingReason.SETTLED)


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
    ``asked``: per grader id, which cases have it. ``facts``: what is told of the trials beside their metrics.
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
    facts: Facts

    @property
    def n_cases(self) -> int:
        return len(self.case_ids)

    @property
    def n_clusters(self) -> int:
        return int(self.cluster_index.max()) + 1 if len(self.cluster_index) else 0

    def has_status(self, status: Status) -> Bools:
        return np.asarray(self.status == STATUS_CODE[status])

    def timed(self, metric: str) -> Floats:
        """A time metric as comparisons and requirements take it: +inf where the trial failed, NaN where nothing was
        measured."""
        values = self.metrics[metric].copy()
        if CATALOG[metric].is_time:
            values[self.has_status(Status.ERROR)] = np.inf
        return values

    def described(self, metric: str) -> Floats:
        """A metric as figures show it: a failed trial is what the catalogue says of it (``WhenFailed``)."""
        return self.timed(metric) if CATALOG[metric].when_failed is WhenFailed.ENDLESS else self.metrics[metric]

    def grid(self, column: Floats) -> Floats:
        """A column as (arms, cases, repeats); NaN where no such trial was planned."""
        cells = np.full((len(self.arm_ids), self.n_cases, self.n_repeats), np.nan)
        cells[self.arm_index, self.case_index, self.repeat_index] = column
        return cells


def table(run: RunRecord) -> Table:
    """All trials the analysis of a run is about. A trial without a result counts as pending."""
    trials = analysed_trials(run)
    found = result_columns(run, trials)
    cases, case_index = _cases_of(run, trials)
    arm_place = {arm.arm_id: place for place, arm in enumerate(run.plan.arms)}
    repeat_index = np.array([trial.repeat_index for trial in trials], dtype=np.int32)
    specs = grader_specs(run.plan.suite.graders, cases)
    scored = {name: _scored(found, name, by_case, case_index) for name, by_case in specs.items()}
    return Table(
        case_ids=tuple(case.case_id for case in cases),
        arm_ids=tuple(arm_place),
        n_repeats=int(repeat_index.max(initial=0)) + 1,
        case_index=case_index,
        arm_index=np.array([arm_place[trial.arm_id] for trial in trials], dtype=np.int16),
        repeat_index=repeat_index,
        step=np.array([trial.step for trial in trials], dtype=np.int32),
        status=found.status,
        timed_out=found.timed_out,
        sent_rank=_sent_ranks(found),
        metrics=found.metrics,
        errors=found.errors,
        scores={name: values for name, (values, _) in scored.items()},
        missing={name: reasons for name, (_, reasons) in scored.items()},
        asked={name: _has(by_case) for name, by_case in specs.items()},
        cluster_index=_cluster_index(cases),
        tags=_tag_index(cases),
        facts=found.facts,
    )


def scores_of(run: RunRecord, trials: Sequence[Trial], found: ResultColumns) -> Mapping[str, Floats]:
    """By grader the scores of ``trials`` as they enter the analysis; ``found``: the columns of their results."""
    cases, case_index = _cases_of(run, trials)
    specs = grader_specs(run.plan.suite.graders, cases)
    return {name: _scored(found, name, by_case, case_index)[0] for name, by_case in specs.items()}


def given_scores(run: RunRecord, grader_id: str) -> Floats:
    """What the grader gave to each of ``analysed_trials``, NaN where nothing: before the rules of the analysis."""
    trials = analysed_trials(run)
    return result_columns(run, trials).scores.get(grader_id, np.full(len(trials), np.nan))


def result_columns(run: RunRecord, trials: Sequence[Trial]) -> ResultColumns:
    """``trials`` in the plan's order."""
    if isinstance(run.results, Columnar):
        return run.results.columns([trial.trial_id for trial in trials])
    return columns_of([_result(run, trial) for trial in trials])


def answer_texts(run: RunRecord, trials: Sequence[Trial]) -> Iterator[str]:
    """What each trial answered, as ``answer_text``."""
    if isinstance(run.results, Columnar):
        return run.results.answer_texts([trial.trial_id for trial in trials])
    return (answer_text(_result(run, trial)) for trial in trials)


def failed_results(run: RunRecord) -> Iterator[tuple[Trial, TrialResult]]:
    """Every trial that failed, warm-up included, in the plan's order."""
    trials: Iterable[Trial] = run.plan.trials
    if isinstance(run.results, Columnar):
        stored = run.results
        trials = (trial for trial in trials if stored.is_failed(trial.trial_id))
    for trial in trials:
        result = run.results.get(trial.trial_id)
        if result is not None and is_failed(result):
            yield trial, result


def analysed_trials(run: RunRecord) -> tuple[Trial, ...]:
    """The trials the analysis is about: planned and measured, but for those a rule of the plan ended before.

    What time (``duration``) or a settled question left over is outside the analysis: it is not missing.
    """
    measured = [trial for trial in run.plan.trials if trial.phase is Phase.MEASURED]
    reasons: Sequence[PendingReason | None]
    if isinstance(run.results, Columnar):
        reasons = run.results.pending_reasons([trial.trial_id for trial in measured])
    else:
        reasons = [_result(run, trial).pending_reason for trial in measured]
    if not any(reason in _LEFT_OVER for reason in set(reasons)):
        return tuple(measured)
    # A case that was not complete when the question was settled did not enter the decision, whatever of it had ended.
    cut = {trial.case_id for trial, reason in zip(measured, reasons, strict=True) if reason is PendingReason.SETTLED}
    return tuple(
        trial
        for trial, reason in zip(measured, reasons, strict=True)
        if reason not in _LEFT_OVER and trial.case_id not in cut
    )


def _cases_of(run: RunRecord, trials: Sequence[Trial]) -> tuple[tuple[Case, ...], Int32s]:
    """The cases of ``trials``, and which of them each trial has."""
    wanted = {trial.case_id for trial in trials}
    cases = tuple(case for case in run.plan.suite.cases if case.case_id in wanted)
    place = {case.case_id: index for index, case in enumerate(cases)}
    return cases, np.array([place[trial.case_id] for trial in trials], dtype=np.int32)


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


def _sent_ranks(found: ResultColumns) -> Int32s:
    """Wall-clock order: a resumed run has two monotonic clocks, which cannot be compared."""
    ranks = np.full(len(found.status), -1, dtype=np.int32)
    sent = np.flatnonzero(found.started & (found.status != STATUS_CODE[Status.PENDING]))
    ranks[sent[np.argsort(found.started_utc_ns[sent], kind="stable")]] = np.arange(len(sent), dtype=np.int32)
    return ranks


def _has(by_case: Sequence[GraderSpec | None]) -> Bools:
    return np.array([spec is not None for spec in by_case], dtype=np.bool_)


def _scored(
    found: ResultColumns, name: str, by_case: Sequence[GraderSpec | None], case_index: Int32s
) -> tuple[Floats, NDArray[np.int8]]:
    """The scores of grader ``name`` that enter the analysis, NaN with the reason for those that do not.

    ``error`` means the service never answered: a timeout is its answer (0), any other kind says nothing about quality.
    """
    n = len(found.status)
    judged_statuses = [() if spec is None else spec.grades for spec in by_case]
    judged = np.array([[status in own for status in STATUSES] for own in judged_statuses], dtype=np.bool_)
    is_judged = judged.reshape(-1, len(STATUSES))[case_index, found.status]
    given = found.scores.get(name, np.full(n, np.nan))
    cases = [
        (~_has(by_case)[case_index], np.nan, Missing.NOT_ASKED),
        (found.status == STATUS_CODE[Status.PENDING], np.nan, Missing.PENDING),
        (found.timed_out, 0.0, Missing.NO),
        (found.status == STATUS_CODE[Status.ERROR], np.nan, Missing.ERROR),
        (~is_judged, 0.0, Missing.NO),
        (np.isnan(given), np.nan, Missing.NULL_SCORE),
    ]
    holds = [condition for condition, _, _ in cases]
    values: Floats = np.select(holds, [value for _, value, _ in cases], given)
    reasons = np.select(holds, [int(reason) for _, _, reason in cases], int(Missing.NO))
    return values, reasons.astype(np.int8)


def _cluster_index(cases: Sequence[Case]) -> Int32s:
    numbers: dict[tuple[bool, str], int] = {}
    for case in cases:
        numbers.setdefault(case.unit, len(numbers))
    return np.array([numbers[case.unit] for case in cases], dtype=np.int32)


def _tag_index(cases: Sequence[Case]) -> Mapping[str, Int32s]:
    places: dict[str, list[int]] = {}
    for place, case in enumerate(cases):
        for tag in dict.fromkeys(case.tags):
            places.setdefault(tag, []).append(place)
    return {tag: np.array(places[tag], dtype=np.int32) for tag in sorted(places)}
