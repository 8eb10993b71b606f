"""The trials that the page's script shows: columns of as many rows as a page can hold, and what they are of all."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evalharness.core.model import Arm, Case, Json, Status
from evalharness.metrics.columns import Floats, Int64s, ResultColumns
from evalharness.metrics.table import answer_texts, result_columns, scores_of
from evalharness.report import numbers
from evalharness.report.curl import curl_head, python_around
from evalharness.report.packing import compact, packed, packed_within
from evalharness.report.palette import light
from evalharness.report.phases import Stretch
from evalharness.report.trial_rows import TRIALS_PER_PAGE, TrialRows, level_names
from evalharness.report.view import ArmView, View
from evalharness.report.visible import shortened, visible
from evalharness.report.words import listed

STATUSES = tuple(Status)
#: Rows of the page's table; of a longer run it holds a sample.
MOST_ROWS = 50_000
#: The least share of a sample that is for trials nobody looks for: without them the table would show failures alone.
_OTHERS_SHARE = 0.2
_TIMES = {"ttft_ms": "First token", "ttfo_ms": "First output", "latency_ms": "Latency", "total_ms": "Total time"}
_TOKENS = {
    "input_tokens": "Input tokens",
    "cached_tokens": "of these cached",
    "output_tokens": "Output tokens",
    "reasoning_tokens": "of these reasoning",
}
#: What a detail shows of each turn, in this order.
_PARTS = {"input": "Asked", "summary": "Reasoning summary", "output": "Answer", "tools": "Tool calls"}
#: Base64 bytes of the table a trial may take before previews are shortened, and what a small run may take in all.
_BYTES_PER_TRIAL = 34
_BYTES_ALWAYS = 150_000

#: What a reader looks for comes first.
_FAILED, _WRONG, _CHANGED, _OTHER = range(4)
_LOOKED_FOR = {_FAILED: "that failed", _WRONG: "that are not right", _CHANGED: "of changed cases", _OTHER: "others"}


@dataclass(frozen=True, kw_only=True)
class TrialTable:
    """Not slotted: rows and columns are made once, on first use."""

    view: View

    @cached_property
    def rows(self) -> TrialRows:
        """All of them."""
        return TrialRows(self.view)

    @cached_property
    def kept(self) -> Int64s:
        """The rows that are in the page, rising: all, or those a reader looks for and a random sample of the rest."""
        counts = self._counts
        if len(self.rows) <= MOST_ROWS:
            return np.arange(len(self.rows))
        draw = np.random.default_rng(self.view.analysis.seed)
        parts = [draw.permutation(np.flatnonzero(self._interest == kind))[:n] for kind, (n, _) in counts.items()]
        return np.sort(np.concatenate(parts))

    @property
    def kept_in_words(self) -> str:
        """What the table holds of what; empty where that is everything."""
        if len(self.rows) <= MOST_ROWS:
            return ""
        parts = [
            f"{'all ' if n == of else f'{numbers.count(n)} of '}{numbers.count(of)} {_LOOKED_FOR[kind]}"
            for kind, (n, of) in self._counts.items()
            if of
        ]
        return (
            f"In this table: {numbers.count(MOST_ROWS)} of {numbers.count(len(self.rows))} trials, which are "
            f"{listed(parts)}. Where it is not all, it is a random sample (seed {self.view.analysis.seed})."
        )

    @cached_property
    def looked_for(self) -> tuple[list[int], list[int]]:
        """Places among ``kept``: of the rows that a reader looks for, the most wanted first, and of the others."""
        interest = self._interest[self.kept]
        ranked, n_sought = np.argsort(interest, kind="stable").tolist(), int((interest < _OTHER).sum())
        return ranked[:n_sought], ranked[n_sought:]

    @property
    def tags(self) -> tuple[str, ...]:
        """Of the cases that have a row, sorted."""
        places = np.unique(self.rows.case_index).tolist()
        return tuple(sorted({tag for place in places for tag in self._cases[place].tags}))

    @property
    def levels(self) -> tuple[str, ...]:
        """As ``level_names``."""
        return level_names(self.view)

    @property
    def failures(self) -> tuple[str, ...]:
        """Kinds of failure of the trials of the table, in words, sorted."""
        return tuple(sorted({kind for kind in self._failure if kind}))

    @property
    def statuses(self) -> tuple[str, ...]:
        """How the trials of the table ended, sorted."""
        return tuple(sorted(STATUSES[code].value for code in np.unique(self._status).tolist()))

    def blob(self) -> str:
        """Columns of the kept rows as base64 of gzip; previews as long as the size allows."""
        limit = max(_BYTES_ALWAYS, _BYTES_PER_TRIAL * len(self.kept))
        longest = self.view.settings.preview_characters
        chosen = [self.rows.trials[place] for place in self.rows.order[self.kept].tolist()]
        texts = [shortened(text, longest) for text in answer_texts(self.view.run, chosen)]
        before, after = self._around_previews()
        for characters in (longest, longest * 2 // 3, longest // 3):
            previews = [visible(shortened(text, characters)) for text in texts]
            text = packed_within(limit, before, compact(previews), after)
            if text is not None:
                return text
        return packed(before, compact([""] * len(self.kept)), after)

    def _around_previews(self) -> tuple[str, str]:
        """The JSON of the table before the previews and after them: these alone are tried in several lengths."""
        rows, kept, run, analysis = self.rows, self.kept, self.view.run, self.view.analysis
        order, found = rows.order[kept], self._found
        scores = scores_of(run, rows.trials, found)
        columns: dict[str, Json] = {
            "case": rows.case_index[kept].tolist(),
            "arm": rows.arm_index[kept].tolist(),
            "repeat": rows.repeat_index[kept].tolist(),
            "status": self._status.tolist(),
            "level": rows.step[kept].tolist(),
            "failure": self._failure,
            "cost": _whole(found.metrics["cost_usd"][order] * 1e6),
        }
        if len(kept) < len(rows):
            columns["place"] = kept.tolist()
        measured = {name: _short(found.metrics[name][order]) for name in _TIMES}
        measured |= {name: _whole(found.metrics[name][order]) for name in _TOKENS}
        none = np.full(len(rows), np.nan)
        endpoints = {endpoint.name: endpoint for endpoint in run.plan.suite.endpoints}
        whole: dict[str, Json] = {
            "run": run.manifest.run_id,
            "cases": self._case_list(),
            "arms": [_arm(arm, list(endpoints)) for arm in self.view.arms],
            "endpoints": [[curl_head(endpoint), *python_around(endpoint)] for endpoint in endpoints.values()],
            "statuses": [status.value for status in STATUSES],
            "stretches": [[stretch.title, stretch.role, light(stretch.role)] for stretch in Stretch],
            "levels": self.levels,
            "formats": {
                **{name: [title, "ms"] for name, title in _TIMES.items()},
                **{name: [title, "count"] for name, title in _TOKENS.items()},
                "cost": ["Cost", "usd"],
            },
            "parts": _PARTS,
            "graders": [visible(grader) for grader in analysis.grader_ids],
            "pass_at": run.plan.suite.graders[0].pass_at if run.plan.suite.graders else 1.0,
            "scores": [
                [_score(value) for value in scores.get(grader, none)[order].tolist()] for grader in analysis.grader_ids
            ],
            "of": len(rows),
            "turns": bool((found.facts.n_calls > 1).any()),
            "side": TRIALS_PER_PAGE if self.view.settings.full_text else 0,
            "usd": _usd_decimals(columns["cost"]),
        }
        return f'{compact(whole)[:-1]},"columns":{compact(columns)[:-1]},"preview":', f",{compact(measured)[1:-1]}}}}}"

    def _case_list(self) -> list[Json]:
        """By the case's index: id and tags, and the id as a shell needs it where that is another; 0 for a case without
        a row in the page."""
        listed_: list[Json] = [0] * len(self._cases)
        for place in np.unique(self.rows.case_index[self.kept]).tolist():
            case_id, tags = visible(self._cases[place].case_id), self._cases[place].tags
            quoted = shlex.quote(case_id)
            listed_[place] = [case_id, [visible(tag) for tag in tags], *([] if quoted == case_id else [quoted])]
        return listed_

    @property
    def _cases(self) -> tuple[Case, ...]:
        return self.view.run.plan.suite.cases

    @cached_property
    def _found(self) -> ResultColumns:
        """In the plan's order."""
        return result_columns(self.view.run, self.rows.trials)

    @cached_property
    def _status(self) -> Int64s:
        """By kept row."""
        status: Int64s = self._found.status[self.rows.order[self.kept]].astype(np.int64)
        return status

    @cached_property
    def _failure(self) -> list[str | None]:
        """By kept row: what kind of failure ended it, in words."""
        facts = self._found.facts
        kinds = [said.failure.replace("_", " ") if said.failure else None for said in facts.sayings]
        return [kinds[code] for code in facts.said[self.rows.order[self.kept]].tolist()]

    @cached_property
    def _interest(self) -> Int64s:
        """By row."""
        found, rows = self._found, self.rows
        is_graded = bool(self.view.analysis.grader_ids)
        passed = found.passed.get(self.view.analysis.primary, np.full(len(rows), not is_graded))
        failed = np.array([said.failure is not None for said in found.facts.sayings], dtype=np.bool_)[found.facts.said]
        flips = self.view.analysis.flips.values()
        changed = {flip.case_id for moved in flips for flip in moved}
        flipped = np.array([case.case_id in changed for case in self._cases], dtype=np.bool_)[rows.case_index]
        order = rows.order
        interest: Int64s = np.select([failed[order], ~passed[order], flipped], [_FAILED, _WRONG, _CHANGED], _OTHER)
        return interest

    @cached_property
    def _counts(self) -> Mapping[int, tuple[int, int]]:
        """By what a reader looks for: how many rows are kept of how many."""
        every = np.bincount(self._interest, minlength=_OTHER + 1).tolist()
        free = MOST_ROWS - min(every[_OTHER], round(MOST_ROWS * _OTHERS_SHARE))
        kept = []
        for n in every[:_OTHER]:
            kept.append(min(n, free))
            free -= kept[-1]
        kept.append(min(every[_OTHER], MOST_ROWS - sum(kept)))
        return dict(enumerate(zip(kept, every, strict=True)))


def _arm(arm: ArmView, endpoints: list[str]) -> list[Json]:
    """Label, the flags of ``show`` that select it, what it asks for, and the place of its endpoint."""
    flags = "".join(f" --arm {shlex.quote(f'{name}={value}')}" for name, value in arm.planned.key.items())
    asked = [[visible(name), visible(value)] for name, value in asked_for(arm.planned)]
    return [visible(arm.label), flags, asked, endpoints.index(arm.planned.endpoint)]


def asked_for(arm: Arm) -> list[tuple[str, str]]:
    """The arm's values: endpoint, model, prompt, its values on the axes, and every parameter of the request."""
    found = {"endpoint": arm.endpoint, "model": arm.model, "prompt": arm.prompt}
    found |= {name: _plain(value) for name, value in arm.key.items()}
    found |= {name: _plain(value) for name, value in _flat(arm.request)}
    return list(found.items())


def _flat(request: Mapping[str, Json], before: str = "") -> list[tuple[str, Json]]:
    """``reasoning.effort`` for what is nested, as axes are named."""
    flat: list[tuple[str, Json]] = []
    for name, value in request.items():
        flat += _flat(value, f"{before}{name}.") if isinstance(value, Mapping) and value else [(before + name, value)]
    return flat


def _plain(value: Json) -> str:
    return shortened(value if isinstance(value, str) else compact(value), 200)


def _usd_decimals(micro_usd: list[float | None]) -> int:
    """Of every cost in the table, so that they stand under each other: of the largest one three digits or more."""
    largest = max((value for value in micro_usd if value is not None), default=0)
    return next((digits for limit, digits in ((1e5, 6), (1e6, 5), (1e7, 4), (1e8, 3)) if largest < limit), 2)


def _short(ms: Floats) -> list[float | None]:
    """Milliseconds with the digits a table shows; whole ones from 10 on. None where there is none."""
    return [None if value != value else round(value) if value >= 9.95 else round(value, 1) for value in ms.tolist()]


def _whole(values: Floats) -> list[float | None]:
    return [None if value != value else round(value) for value in values.tolist()]


def _score(value: float) -> float | None:
    if value != value:  # NaN
        return None
    return int(value) if value in (0.0, 1.0) else round(value, 3)
