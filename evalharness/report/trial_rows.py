"""Every trial as columns for the page's table, and the full outputs of as many as the page has room for.

Text is made visible here, so that the script on the page only ever sets text content. Rows are ordered by case, arm
and repeat: neighbours are alike, and what is alike compresses.
"""

from __future__ import annotations

import base64
import json
import math
import shlex
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from evalharness.core.findings import Analysis
from evalharness.core.model import Case, Json, Phase, Status, Trial
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.columns import Floats, Int64s, answer_text
from evalharness.metrics.table import answer_texts, result_columns
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
#: Has zlib write a file of ``gzip``, without name and date.
_GZIP = 16 + zlib.MAX_WBITS
_DEFLATED_AT_ONCE = 1 << 20


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


class TrialRows(Sequence[TrialRow]):
    """All measured trials of the arms of a view by case, arm and repeat; each is made when it is asked for.

    ``case_index``, ``arm_index``, ``repeat_index``: by row. ``order``: the place of each row's trial among ``trials``,
    which are in the plan's order.
    """

    def __init__(self, view: View) -> None:
        self._run = view.run
        arms = {arm.arm_id: index for index, arm in enumerate(view.arms)}
        cases = {case.case_id: index for index, case in enumerate(view.run.plan.suite.cases)}
        self.trials = [t for t in view.run.plan.trials if t.phase is Phase.MEASURED and t.arm_id in arms]
        case_index = np.array([cases[trial.case_id] for trial in self.trials], dtype=np.int64)
        arm_index = np.array([arms[trial.arm_id] for trial in self.trials], dtype=np.int64)
        repeat_index = np.array([trial.repeat_index for trial in self.trials], dtype=np.int64)
        self.order = np.lexsort((repeat_index, arm_index, case_index))
        self.case_index, self.arm_index = case_index[self.order], arm_index[self.order]
        self.repeat_index = repeat_index[self.order]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialColumns:
    """What the page's table shows of each row. ``interest``: low for what a reader looks for."""

    statuses: Int64s
    interest: Int64s
    failures: list[str | None]
    costs: list[float | None]
    previews: list[str]
    measured: dict[str, list[float | None]]
    scores: dict[str, list[float | None]]


def _read(run: RunRecord, rows: TrialRows, analysis: Analysis, preview: int) -> TrialColumns:
    found, order = result_columns(run, rows.trials), rows.order
    failures = [said.failure for said in found.facts.sayings]
    said = found.facts.said[order]
    none = np.full(len(rows), np.nan)
    given = {grader: found.scores.get(grader, none)[order] for grader in analysis.grader_ids}
    passed = found.passed.get(analysis.primary, np.zeros(len(rows), dtype=np.bool_))[order]
    failed = np.array([failure is not None for failure in failures], dtype=np.bool_)[said]
    previews = [shortened(text, preview) for text in answer_texts(run, rows.trials)]
    return TrialColumns(
        statuses=found.status[order].astype(np.int64),
        interest=np.select([failed, ~passed], [_FAILED, _WRONG], _OTHER),
        failures=[failures[code] for code in said.tolist()],
        costs=_whole(found.metrics["cost_usd"][order] * 1e6),
        previews=[previews[place] for place in order.tolist()],
        measured={
            **{name: _short(found.metrics[name][order]) for name in _TIMES},
            **{name: _whole(found.metrics[name][order]) for name in _TOKENS},
        },
        scores={grader: [_score(value) for value in scores.tolist()] for grader, scores in given.items()},
    )


_FAILED, _WRONG, _CHANGED, _OTHER = range(4)


@dataclass(frozen=True, kw_only=True)
class TrialTable:
    """All measured trials of a run, ready to be embedded. Not slotted: rows and columns are made once, on first use."""

    view: View

    @cached_property
    def rows(self) -> TrialRows:
        return TrialRows(self.view)

    @cached_property
    def columns(self) -> TrialColumns:
        return _read(self.view.run, self.rows, self.view.analysis, self.view.settings.preview_characters)

    @property
    def tags(self) -> tuple[str, ...]:
        """Of the cases that have a row, sorted."""
        cases = self._cases()
        return tuple(sorted({tag for place in np.unique(self.rows.case_index).tolist() for tag in cases[place].tags}))

    def blob(self) -> str:
        """Columns of all rows as base64 of gzip; previews as long as the size allows."""
        limit = max(_BYTES_ALWAYS, _BYTES_PER_TRIAL * len(self.rows))
        before, after = self._around_previews()
        longest = self.view.settings.preview_characters
        for characters in (longest, longest * 2 // 3, longest // 3):
            previews = [visible(shortened(text, characters)) for text in self.columns.previews]
            text = _packed_within(limit, before, _json(previews), after)
            if text is not None:
                return text
        return _packed((before, _json([""] * len(self.rows)), after))

    def _around_previews(self) -> tuple[str, str]:
        """The JSON of the table before the previews and after them: these alone are tried in several lengths."""
        rows, read, analysis = self.rows, self.columns, self.view.analysis
        columns: dict[str, Json] = {
            "case": rows.case_index.tolist(),
            "arm": rows.arm_index.tolist(),
            "repeat": rows.repeat_index.tolist(),
            "status": read.statuses.tolist(),
            "failure": read.failures,
            "cost": read.costs,
        }
        whole: dict[str, Json] = {
            "run": self.view.run.manifest.run_id,
            "cases": [[visible(case.case_id), [visible(tag) for tag in case.tags]] for case in self._cases()],
            "arms": [[visible(arm.label), arm.mark.place, _arm_flags(arm.found.key)] for arm in self.view.arms],
            "statuses": [status.value for status in STATUSES],
            "graders": [visible(grader) for grader in analysis.grader_ids],
            "pass_at": self.view.run.plan.suite.graders[0].pass_at if self.view.run.plan.suite.graders else 1.0,
            "scores": [read.scores[grader] for grader in analysis.grader_ids],
        }
        before = f'{_json(whole)[:-1]},"columns":{_json(columns)[:-1]},"preview":'
        return before, f",{_json(read.measured)[1:-1]}}}}}"

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
        flipped = np.array([case.case_id in changed for case in self._cases()], dtype=np.bool_)
        interest = self.columns.interest
        rank = np.where((interest == _OTHER) & flipped[self.rows.case_index], _CHANGED, interest)
        ranked, n_sought = np.argsort(rank, kind="stable").tolist(), int((rank < _OTHER).sum())
        return ranked[:n_sought], ranked[n_sought:]


def packed(value: Json) -> str:
    """JSON, gzip (without a date, so that equal content has equal bytes), base64."""
    return _packed((_json(value),))


def _packed(texts: Iterable[str]) -> str:
    text = _packed_within(math.inf, *texts)
    assert text is not None  # there is no limit
    return text


def _packed_within(limit: float, *texts: str) -> str | None:
    """The texts joined, as gzip in base64; None, as soon as that is known, where it takes more than ``limit`` bytes."""
    deflater, parts, size = zlib.compressobj(9, zlib.DEFLATED, _GZIP), [], 0
    for text in texts:
        data = memoryview(text.encode())
        for start in range(0, len(data), _DEFLATED_AT_ONCE):
            parts.append(deflater.compress(data[start : start + _DEFLATED_AT_ONCE]))
            size += len(parts[-1])
            if size * 4 > limit * 3:
                return None
    parts.append(deflater.flush())
    encoded = base64.b64encode(b"".join(parts)).decode("ascii")
    return encoded if len(encoded) <= limit else None


def _json(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


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


def _short(ms: Floats) -> list[float | None]:
    """Milliseconds with the digits a table shows; whole ones from 100 on. None where there is none."""
    return [None if value != value else round(value) if value >= 100 else round(value, 1) for value in ms.tolist()]


def _whole(values: Floats) -> list[float | None]:
    return [None if value != value else round(value) for value in values.tolist()]


def _score(value: float) -> float | None:
    if value != value:  # NaN
        return None
    return int(value) if value in (0.0, 1.0) else round(value, 3)


def _arm_flags(key: Mapping[str, Json]) -> str:
    """The flags of ``show`` that select an arm."""
    return " ".join(f"--arm {shlex.quote(f'{name}={value}')}" for name, value in key.items())
