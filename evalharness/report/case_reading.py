"""One case to be read: what was asked and expected, and the answer of an arm that shows what its score says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

import numpy as np

from evalharness.core.model import Arm, Case, Json, Trial
from evalharness.core.record import RunRecord
from evalharness.metrics.columns import Int64s
from evalharness.metrics.table import Floats, Table, analysed_trials, table
from evalharness.report import numbers
from evalharness.report.trial_text import trial_text
from evalharness.report.visible import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One trial, its texts visible. ``judged``: what its score came to. ``link``: its place in the table of trials."""

    judged: str
    text: str
    reasons: str
    link: str


@dataclass(frozen=True, kw_only=True)
class CaseReader:
    """Of a run, judged by its grader ``primary``. Not slotted: trials and scores are read once, on first use."""

    run: RunRecord
    primary: str

    def asked(self, case_id: str) -> str:
        """The case's variables: what every arm was asked, whatever its prompt makes of it."""
        texts = {name: _text(value) for name, value in self._case(case_id).vars.items()}
        if len(texts) == 1:
            return next(iter(texts.values()))
        return "\n".join(f"{name}: {text}" for name, text in texts.items())

    def expected(self, case_id: str) -> str:
        case = self._case(case_id)
        return case.expected_text or ("" if case.expected is None else _text(case.expected))

    def answered(self, case_id: str, arm: Arm, *, best: bool) -> Answered | None:
        """The best or else the worst repeat of the case under the arm, the first of equals; None without a score."""
        rows = self._rows_of(case_id, arm.arm_id)
        if not len(rows):
            return None
        scores = self._scores[rows]
        row = int(rows[scores.argmax() if best else scores.argmin()])
        trial = self._trials[row]
        texts = trial_text(self._case(case_id), self.run.results[trial.trial_id])
        return Answered(
            judged=self._judged(trial, float(self._scores[row])),
            text=texts.last.answer or texts.last.tools or texts.failure,
            reasons="\n".join(f"{grader}: {reason}" for grader, reason in texts.reasons),
            link="#trial=" + "/".join(in_address(part) for part in (case_id, arm.label, str(trial.repeat_index))),
        )

    def failed(self) -> Iterator[tuple[str, float]]:
        """Cases of which a repeat missed the pass mark, with their mean scores: the lowest first, then as in the
        suite. Of a run with one arm."""
        seen, scored = self._table, ~np.isnan(self._scores)
        places, scores = seen.case_index[scored], self._scores[scored]
        missed = scores < self.pass_at
        n, total = (np.bincount(places, weights, minlength=seen.n_cases) for weights in (None, scores))
        with_one = np.bincount(places, missed, minlength=seen.n_cases) > 0
        means = np.divide(total, n, out=np.full(seen.n_cases, np.nan), where=n > 0)
        for place in np.argsort(means, kind="stable").tolist():
            if with_one[place]:
                yield seen.case_ids[place], float(means[place])

    @property
    def n_scored(self) -> int:
        """Cases with a score."""
        return len(np.unique(self._table.case_index[~np.isnan(self._scores)]))

    @property
    def pass_at(self) -> float:
        graders = self.run.plan.suite.graders
        return next((grader.pass_at for grader in graders if grader.grader_id == self.primary), 1.0)

    def _rows_of(self, case_id: str, arm_id: str) -> Int64s:
        """Of the table, in its order: those with a score."""
        order, numbers, case_places, arm_places = self._by_case
        if case_id not in case_places:
            return np.empty(0, dtype=np.int64)
        wanted = case_places[case_id] * len(arm_places) + arm_places[arm_id]
        begin, end = np.searchsorted(numbers, (wanted, wanted + 1))
        return order[begin:end]

    @cached_property
    def _by_case(self) -> tuple[Int64s, Int64s, dict[str, int], dict[str, int]]:
        """Rows with a score by case and arm, the number of their case and arm, and what these are numbered by."""
        seen = self._table
        cases = {case_id: place for place, case_id in enumerate(seen.case_ids)}
        arms = {arm_id: place for place, arm_id in enumerate(seen.arm_ids)}
        scored = np.flatnonzero(~np.isnan(self._scores))
        numbers = seen.case_index[scored].astype(np.int64) * len(arms) + seen.arm_index[scored]
        order = np.argsort(numbers, kind="stable")
        return scored[order], numbers[order], cases, arms

    @cached_property
    def _trials(self) -> tuple[Trial, ...]:
        return analysed_trials(self.run)

    @cached_property
    def _table(self) -> Table:
        return table(self.run)

    @cached_property
    def _scores(self) -> Floats:
        """(trials) of the primary grader, by the rules of the analysis; NaN where a trial has none."""
        return self._table.scores.get(self.primary, np.full(len(self._trials), np.nan))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {case.case_id: place for place, case in enumerate(self.run.plan.suite.cases)}

    def _case(self, case_id: str) -> Case:
        return self.run.plan.suite.cases[self._places[case_id]]

    def _judged(self, trial: Trial, score: float) -> str:
        """``right``, ``not right`` or the score; how the call ended, where it gave no answer to be graded."""
        result = self.run.results[trial.trial_id]
        if not result.scores:
            return f"{result.status.value}, counts as {numbers.percent(score, 0)}"
        if score in (0.0, 1.0):
            return "right" if score >= self.pass_at else "not right"
        return f"{numbers.percent(score)}, {'passes' if score >= self.pass_at else 'does not pass'}"


def in_address(text: str) -> str:
    """Percent-encoded, as the page's script writes it: no character of it means anything in an address or a tag."""
    return quote(visible(text), safe="")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
