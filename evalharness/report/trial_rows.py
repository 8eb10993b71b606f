"""Every trial as columns for the page's table, and the full outputs of as many as the page has room for.

Text is made visible here, so that the script on the page only ever sets text content. Rows are ordered by case, arm
and repeat: neighbours are alike, and what is alike compresses.
"""

from __future__ import annotations

import base64
import gzip
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from evalharness.core.model import Case, Json, Phase, Status, Trial
from evalharness.core.record import Score, TrialResult
from evalharness.metrics.measure import measure_trial
from evalharness.report.view import View
from evalharness.report.visible import shortened, visible

STATUSES = tuple(Status)
#: Of the static side pages and of the page numbers the report links to.
TRIALS_PER_PAGE = 500
_TIMES = ("ttft_ms", "ttfo_ms", "latency_ms", "total_ms")
_TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
#: Base64 bytes of the table a trial may take before previews are shortened, and what a small run may take in all.
_BYTES_PER_TRIAL = 34
_BYTES_ALWAYS = 150_000


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


def answer_text(result: TrialResult) -> str:
    """The visible answer, the refusal, or what arrived before the call broke off; empty without any."""
    if not result.calls:
        return ""
    call = result.calls[-1]
    partial = call.attempts[-1].partial_text if call.attempts else None
    return call.answer.text or call.answer.refusal or partial or ""


class TrialColumns:
    """What the page's table shows of each row, read in one pass. ``interest``: low for what a reader looks for."""

    def __init__(self, rows: Sequence[TrialRow], graders: Sequence[str], primary: str, preview: int) -> None:
        self.statuses, self.interest = bytearray(), bytearray()
        self.failures: list[str | None] = []
        self.costs: list[int | None] = []
        self.previews: list[str] = []
        self.measured: dict[str, list[float | None]] = {name: [] for name in (*_TIMES, *_TOKENS)}
        self.scores: dict[str, list[float | None]] = {grader: [] for grader in graders}
        for row in rows:
            self._add(row.result, primary, preview)

    def _add(self, result: TrialResult, primary: str, preview: int) -> None:
        measured = measure_trial(result)
        self.statuses.append(STATUSES.index(result.status))
        self.interest.append(_interest(result, primary))
        self.failures.append(result.failure.kind.value if result.failure else None)
        self.costs.append(None if measured["cost_usd"] is None else round(measured["cost_usd"] * 1e6))
        self.previews.append(shortened(answer_text(result), preview))
        for name in _TIMES:
            self.measured[name].append(_short(measured[name]))
        for name in _TOKENS:
            self.measured[name].append(None if (value := measured[name]) is None else round(value))
        for grader, scores in self.scores.items():
            scores.append(_score(result.scores.get(grader)))


_FAILED, _WRONG, _CHANGED, _OTHER = range(4)


def _interest(result: TrialResult, primary: str) -> int:
    """``_FAILED``, ``_WRONG`` or ``_OTHER``."""
    score = result.scores.get(primary)
    if result.failure is not None:
        return _FAILED
    return _OTHER if score is not None and score.value is not None and score.passed else _WRONG


@dataclass(frozen=True, kw_only=True)
class TrialTable:
    """All measured trials of a run, ready to be embedded. Not slotted: rows and columns are made once, on first use."""

    view: View

    @cached_property
    def rows(self) -> tuple[TrialRow, ...]:
        return _rows(self.view)

    @cached_property
    def columns(self) -> TrialColumns:
        analysis = self.view.analysis
        return TrialColumns(self.rows, analysis.grader_ids, analysis.primary, self.view.settings.preview_characters)

    def blob(self) -> str:
        """Columns of all rows as base64 of gzip; previews as long as the size allows."""
        limit = max(_BYTES_ALWAYS, _BYTES_PER_TRIAL * len(self.rows))
        longest = self.view.settings.preview_characters
        for characters in (longest, longest * 2 // 3, longest // 3, 0):
            text = packed(self._embedded(characters))
            if len(text) <= limit:
                break
        return text

    def _embedded(self, preview: int) -> Json:
        rows, read, analysis = self.rows, self.columns, self.view.analysis
        columns: dict[str, Json] = {
            "case": [row.case_index for row in rows],
            "arm": [row.arm_index for row in rows],
            "repeat": [row.trial.repeat_index for row in rows],
            "status": list(read.statuses),
            "failure": read.failures,
            "cost": read.costs,
            "preview": [visible(shortened(text, preview)) if preview else "" for text in read.previews],
            **read.measured,
        }
        return {
            "run": self.view.run.manifest.run_id,
            "cases": [[visible(case.case_id), [visible(tag) for tag in case.tags]] for case in self._cases()],
            "arms": [[visible(arm.label), arm.mark.place, _arm_flags(arm.found.key)] for arm in self.view.arms],
            "statuses": [status.value for status in STATUSES],
            "graders": [visible(grader) for grader in analysis.grader_ids],
            "pass_at": self.view.run.plan.suite.graders[0].pass_at if self.view.run.plan.suite.graders else 1.0,
            "scores": [read.scores[grader] for grader in analysis.grader_ids],
            "columns": columns,
        }

    def _cases(self) -> tuple[Case, ...]:
        return self.view.run.plan.suite.cases

    def texts_blob(self) -> tuple[str, int]:
        """Full texts by row number as base64 of gzip, and how many rows have theirs.

        First those a reader looks for (changed, failed, wrong), up to the settings' cap; then the others, up to theirs.
        """
        settings = self.view.settings
        sought, others = self._by_interest()
        texts = _fitting(sought, self.rows, settings.failing_text_bytes)
        texts |= _fitting(others, self.rows, settings.other_text_bytes)
        return packed({str(index): texts[index] for index in sorted(texts)}), len(texts)

    def _by_interest(self) -> tuple[list[int], list[int]]:
        changed = {flip.case_id for flips in self.view.analysis.flips.values() for flip in flips}

        def rank(index: int) -> int:
            interest = self.columns.interest[index]
            return _CHANGED if interest == _OTHER and self.rows[index].case.case_id in changed else interest

        ranked = sorted(range(len(self.rows)), key=lambda index: (rank(index), index))
        sought = [index for index in ranked if rank(index) < _OTHER]
        return sought, ranked[len(sought) :]


def _rows(view: View) -> tuple[TrialRow, ...]:
    run = view.run
    cases = {case.case_id: (index, case) for index, case in enumerate(run.plan.suite.cases)}
    arms = {arm.arm_id: index for index, arm in enumerate(view.arms)}
    rows = []
    for trial in run.plan.trials:
        if trial.phase is not Phase.MEASURED or trial.arm_id not in arms:
            continue
        index, case = cases[trial.case_id]
        arm_index = arms[trial.arm_id]
        rows.append(TrialRow(trial=trial, results=run.results, case=case, case_index=index, arm_index=arm_index))
    rows.sort(key=lambda row: (row.case_index, row.arm_index, row.trial.repeat_index))
    return tuple(rows)


def packed(value: Json) -> str:
    """JSON, gzip (without a date, so that equal content has equal bytes), base64."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode("ascii")


def full_text(row: TrialRow) -> dict[str, Json]:
    """Everything a reader of one trial wants to see, text made visible; empty parts left out."""
    result = row.result
    calls = result.calls
    parts: dict[str, Json] = {
        "input": _readable_input(calls[-1].request.get("input", calls[-1].request.get("messages"))) if calls else "",
        "expected": row.case.expected_text or ("" if row.case.expected is None else json.dumps(row.case.expected)),
        "output": answer_text(result),
        "summary": (calls[-1].answer.reasoning_summary or "") if calls else "",
        "tools": "\n".join(f"{tool.name}({tool.arguments})" for tool in calls[-1].answer.tool_calls) if calls else "",
        "failure": result.failure.message if result.failure else "",
        "reasons": "\n".join(
            f"{grader}: {score.reason}" for grader, score in sorted(result.scores.items()) if score.reason
        ),
        "anomalies": ", ".join(result.anomalies),
        "attempts": _attempts(result),
    }
    return {name: visible(text) for name, text in parts.items() if text}


def _attempts(result: TrialResult) -> str:
    """How often the call was tried, where that was more than once."""
    attempts = [attempt for call in result.calls for attempt in call.attempts]
    if len(attempts) <= len(result.calls):
        return ""
    return "; ".join(
        f"attempt {attempt.index + 1}: {attempt.failure.message if attempt.failure else attempt.status.value}"
        for attempt in attempts
    )


def _readable_input(value: Json) -> str:
    """A prompt string as it is; a list of items as its texts, anything else in it as JSON."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return "" if value is None else json.dumps(value, ensure_ascii=False)
    parts = []
    for item in value:
        content = item.get("content") if isinstance(item, dict) else None
        if isinstance(content, str):
            parts.append(f"[{item.get('role', 'input')}]\n{content}")
        else:
            parts.append(shortened(json.dumps(item, ensure_ascii=False), 4000))
    return "\n\n".join(parts)


def _fitting(indices: Iterable[int], rows: Sequence[TrialRow], limit: int) -> dict[int, Json]:
    """The full texts of as many rows, in the order given, as stay under ``limit`` bytes of base64.

    Judged by compressing in steps: a text's own share of the whole is not known before.
    """
    kept: dict[int, Json] = {}
    pending: dict[int, Json] = {}
    used = 0
    for index in indices:
        pending[index] = full_text(rows[index])
        if len(pending) < 200:
            continue
        used += len(packed(list(pending.values())))
        if used > limit:
            return kept
        kept |= pending
        pending = {}
    while pending and used + len(packed(list(pending.values()))) > limit:
        pending = dict(list(pending.items())[: len(pending) // 2])
    return kept | pending


def _short(ms: float | None) -> float | None:
    """Milliseconds with the digits a table shows; whole ones from 100 on."""
    return None if ms is None else round(ms) if ms >= 100 else round(ms, 1)


def _score(score: Score | None) -> float | None:
    if score is None or score.value is None:
        return None
    return int(score.value) if score.value in (0.0, 1.0) else round(score.value, 3)


def _arm_flags(key: Mapping[str, Json]) -> str:
    """The flags of ``show`` that select an arm."""
    return " ".join(f"--arm {shlex.quote(f'{name}={value}')}" for name, value in key.items())
