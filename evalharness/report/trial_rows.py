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
    """One measured trial with its place in the tables of cases and arms."""

    trial: Trial
    result: TrialResult
    case: Case
    case_index: int
    arm_index: int

    @property
    def answer_text(self) -> str:
        """The visible answer, the refusal, or what arrived before the call broke off; empty without any."""
        if not self.result.calls:
            return ""
        call = self.result.calls[-1]
        partial = call.attempts[-1].partial_text if call.attempts else None
        return call.answer.text or call.answer.refusal or partial or ""


@dataclass(frozen=True, kw_only=True)
class TrialTable:
    """All measured trials of a run, ready to be embedded. Not slotted: the rows are made once, on first use."""

    view: View

    @cached_property
    def rows(self) -> tuple[TrialRow, ...]:
        return _rows(self.view)

    def blob(self) -> str:
        """Columns of all rows as base64 of gzip; previews as long as the size allows."""
        limit = max(_BYTES_ALWAYS, _BYTES_PER_TRIAL * len(self.rows))
        longest = self.view.settings.preview_characters
        measured = [measure_trial(row.result) for row in self.rows]
        for characters in (longest, longest * 2 // 3, longest // 3, 0):
            text = packed(self._columns(characters, measured))
            if len(text) <= limit:
                break
        return text

    def _columns(self, preview: int, measured: Sequence[Mapping[str, float | None]]) -> Json:
        rows, analysis = self.rows, self.view.analysis
        columns: dict[str, Json] = {
            "case": [row.case_index for row in rows],
            "arm": [row.arm_index for row in rows],
            "repeat": [row.trial.repeat_index for row in rows],
            "status": [STATUSES.index(row.result.status) for row in rows],
            "failure": [row.result.failure.kind.value if row.result.failure else None for row in rows],
            "cost": [None if m["cost_usd"] is None else round(m["cost_usd"] * 1e6) for m in measured],
            "preview": [visible(shortened(row.answer_text, preview)) if preview else "" for row in rows],
        }
        for name in _TIMES:
            columns[name] = [_short(m[name]) for m in measured]
        for name in _TOKENS:
            columns[name] = [None if (value := m[name]) is None else round(value) for m in measured]
        scores = {grader: [_score(row.result.scores.get(grader)) for row in rows] for grader in analysis.grader_ids}
        return {
            "run": self.view.run.manifest.run_id,
            "cases": [[visible(case.case_id), [visible(tag) for tag in case.tags]] for case in self._cases()],
            "arms": [[visible(arm.label), arm.mark.place, _arm_flags(arm.found.key)] for arm in self.view.arms],
            "statuses": [status.value for status in STATUSES],
            "graders": [visible(grader) for grader in analysis.grader_ids],
            "pass_at": self.view.run.plan.suite.graders[0].pass_at if self.view.run.plan.suite.graders else 1.0,
            "scores": [scores[grader] for grader in analysis.grader_ids],
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
        primary = self.view.analysis.primary

        def rank(index: int) -> int:
            row = self.rows[index]
            score = row.result.scores.get(primary)
            if row.result.failure is not None:
                return 0
            if score is None or score.value is None or not score.passed:
                return 1
            return 2 if row.case.case_id in changed else 3

        ranked = sorted(range(len(self.rows)), key=lambda index: (rank(index), index))
        sought = [index for index in ranked if rank(index) < 3]
        return sought, ranked[len(sought) :]


def _rows(view: View) -> tuple[TrialRow, ...]:
    run = view.run
    cases = {case.case_id: (index, case) for index, case in enumerate(run.plan.suite.cases)}
    arms = {arm.arm_id: index for index, arm in enumerate(view.arms)}
    rows = []
    for trial in run.plan.trials:
        if trial.phase is not Phase.MEASURED or trial.arm_id not in arms:
            continue
        result = run.results.get(trial.trial_id) or TrialResult(trial_id=trial.trial_id, status=Status.PENDING)
        index, case = cases[trial.case_id]
        rows.append(TrialRow(trial=trial, result=result, case=case, case_index=index, arm_index=arms[trial.arm_id]))
    rows.sort(key=lambda row: (row.case_index, row.arm_index, row.trial.repeat_index))
    return tuple(rows)


def packed(value: Json) -> str:
    """JSON, gzip (without a date, so that equal content has equal bytes), base64."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode("ascii")


def full_text(row: TrialRow) -> dict[str, Json]:
    """Everything a reader of one trial wants to see, text made visible; empty parts left out."""
    calls = row.result.calls
    parts: dict[str, Json] = {
        "input": _readable_input(calls[-1].request.get("input", calls[-1].request.get("messages"))) if calls else "",
        "expected": row.case.expected_text or ("" if row.case.expected is None else json.dumps(row.case.expected)),
        "output": row.answer_text,
        "summary": (calls[-1].answer.reasoning_summary or "") if calls else "",
        "tools": "\n".join(f"{tool.name}({tool.arguments})" for tool in calls[-1].answer.tool_calls) if calls else "",
        "failure": row.result.failure.message if row.result.failure else "",
        "reasons": "\n".join(
            f"{grader}: {score.reason}" for grader, score in sorted(row.result.scores.items()) if score.reason
        ),
        "anomalies": ", ".join(row.result.anomalies),
        "attempts": _attempts(row.result),
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
