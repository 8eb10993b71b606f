"""A run as a flat table for formats without nesting: names joined by dots, lists and bodies as JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from evalharness.core.failure import Failure
from evalharness.core.model import GraderSpec, Json
from evalharness.core.record import RunRecord
from evalharness.store.trial_lines import KEYS, TIMING, TOKENS, trial_lines

#: A cell of a flat table. None: missing.
Cell: TypeAlias = str | int | float | bool | None

_INT64 = range(-(2**63), 2**63)
_KINDS: dict[str, type[Any]] = {
    "repeat_index": int,
    "step": int,
    "cost_usd": float,
    "judge_cost_usd": float,
    "failure.http_status": int,
    "failure.retry_after_ms": float,
    "failure.should_retry": bool,
    "timing.n_deltas": int,
    "timing.n_reads": int,
    "timing.connection_reused": bool,
    "timing.n_coalesced": int,
    **{f"timing.{name}": float for name in TIMING if name.endswith("_ms")},
    **{f"usage.{name}": int for name in TOKENS},
}
_SCORE_KINDS: dict[str, type[Any]] = {"value": float, "passed": bool, "reason": str, "grader": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``path`` leads to the value in a trial's line; ``kind`` is str, int, float or bool, the same in every run."""

    name: str
    path: tuple[str, ...]
    kind: type[Any]


def columns(run: RunRecord) -> tuple[Column, ...]:
    """The same for every run with the same axes and graders, whatever happened in it."""
    groups: dict[str, list[Column]] = {
        "arm": list(_arm_columns(run)),
        "failure": [_column("failure", field.name) for field in fields(Failure)],
        "usage": [_column("usage", name) for name in (*TOKENS, "source")],
        "timing": [_column("timing", name) for name in TIMING],
        "scores": [
            Column(name=f"scores.{grader_id}.{field}", path=("scores", grader_id, field), kind=kind)
            for grader_id in _grader_ids(run)
            for field, kind in _SCORE_KINDS.items()
        ],
    }
    return tuple(column for key in (*KEYS, "calls") for column in groups.get(key, [_column(key)]))


def rows(run: RunRecord, wanted: tuple[Column, ...]) -> Iterator[tuple[Cell, ...]]:
    """One row per trial, in the order of every export."""
    for line in trial_lines(run):
        yield tuple(_cell(line, column) for column in wanted)


def _column(*path: str) -> Column:
    name = ".".join(path)
    return Column(name=name, path=path, kind=_KINDS.get(name, str))


def _arm_columns(run: RunRecord) -> Iterator[Column]:
    for axis in dict.fromkeys(axis for arm in run.plan.arms for axis in arm.key):
        values = [arm.key[axis] for arm in run.plan.arms if axis in arm.key]
        yield Column(name=f"arm.{axis}", path=("arm", axis), kind=_kind_of(values))


def _kind_of(values: list[Json]) -> type[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and not all(value is None or value in _INT64 for value in values):
        return str
    if kinds == {int, float}:
        return float
    kind = kinds.pop() if len(kinds) == 1 else str
    return kind if kind in (bool, int, float) else str


def _grader_ids(run: RunRecord) -> tuple[str, ...]:
    """Of the suite, then of single cases, in their order."""
    suite = run.plan.suite
    specs: list[GraderSpec] = [*suite.graders, *(spec for case in suite.cases for spec in case.graders)]
    return tuple(dict.fromkeys(spec.grader_id for spec in specs))


def _cell(line: dict[str, Json], column: Column) -> Cell:
    value: Json = line
    for step in column.path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    if value is None or isinstance(value, str):
        return value
    if column.kind is str:
        return json.dumps(value, ensure_ascii=False)
    number: Cell = column.kind(value)
    return number
