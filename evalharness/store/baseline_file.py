"""A baseline as a small JSON file for git: sums and medians by case and arm, no text of any model.

Sorted, one line for each case and arm: a diff shows which cases moved. Every entry has its number of trials
(``repeats``); a figure that rests on fewer of them is a list with their number after it, and where the others lack it
by their nature, with how many miss it. A median of null: half of the times or more never ended. What no trial could
have is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from evalharness.core.errors import UsageError
from evalharness.core.model import Json
from evalharness.verdict.baseline_facts import BaselineCase, BaselineFacts
from evalharness.verdict.baseline_sums import BaselineSums, Cells, is_time

FORMAT = 1
#: More than any figure of a report has, and few enough to be the same on every machine.
_DIGITS = 9
#: Times are kept to the microsecond.
_MS_DECIMALS = 3
_HINT = "`evalharness baseline write RUN FILE` makes one from a stored run"

#: A figure of all trials, or the figure, the number of trials that have it, and of those that miss it (the rest).
_Figure: TypeAlias = float | tuple[float | None, int] | tuple[float | None, int, int] | None
_Strict = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One case in one arm. ``scores``: sum and sum of squares; ``right`` None: the case has no primary grader."""

    __pydantic_config__ = _Strict
    repeats: int
    right: _Figure = None
    scores: Mapping[str, tuple[float, float] | tuple[float, float, int]] = field(default_factory=dict)
    sums: Mapping[str, _Figure] = field(default_factory=dict)
    times_ms: Mapping[str, _Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """``arms``: in the order of the arms of the file."""

    __pydantic_config__ = _Strict
    hash: str
    arms: tuple[_Entry, ...]
    cluster: str | None = None
    own_graders: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """As ``BaselineFacts``, with the entries of each case."""

    __pydantic_config__ = _Strict
    baseline_format: Literal[1]
    run_id: str
    suite: str
    started_utc: str
    primary: str
    arms: tuple[Mapping[str, Json], ...]
    graders: Mapping[str, Mapping[str, Json]]
    described: Mapping[str, Json]
    cases: Mapping[str, _Case]


# ---------------------------------------------------------------- writing


def file_text(sums: BaselineSums) -> str:
    """The same bytes for the same run. The file alone, not the sums in memory, is what runs are compared with."""
    facts = sums.facts
    head: dict[str, Json] = {
        "baseline_format": FORMAT,
        "run_id": facts.run_id,
        "suite": facts.suite_name,
        "started_utc": facts.started_utc,
        "primary": facts.primary,
    }
    parts = [f"{_json(name)}: {_json(value)}" for name, value in head.items()]
    parts.append('"arms": ' + _lines("[]", [_json(dict(key)) for key in facts.arms]))
    parts += [f'"{name}": {_sorted_lines(getattr(facts, name))}' for name in ("graders", "described")]
    places = {case_id: place for place, case_id in enumerate(facts.cases)}
    cases = [_case_text(case_id, facts.cases[case_id], sums, places[case_id]) for case_id in sorted(facts.cases)]
    parts.append('"cases": ' + _lines("{}", cases))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
    # Names with lone surrogates have no UTF-8 form: of these alone the letters are escaped.
    return text if text.isprintable() else json.dumps(value, sort_keys=True)


def _lines(brackets: str, items: Sequence[str]) -> str:
    return (
        brackets[0] + "".join(f"\n {item}," for item in items).removesuffix(",") + ("\n" if items else "") + brackets[1]
    )


def _sorted_lines(values: Mapping[str, Any]) -> str:
    return _lines("{}", [f"{_json(name)}: {_json(values[name])}" for name in sorted(values)])


def _case_text(case_id: str, case: BaselineCase, sums: BaselineSums, place: int) -> str:
    head: dict[str, Json] = {"hash": case.content_hash}
    for name, value in (("cluster", case.cluster), ("own_graders", case.own_graders)):
        if value is not None:
            head[name] = value
    facts = "".join(f"{_json(name)}: {_json(value)}, " for name, value in head.items())
    entries = [f"  {_json(_entry(sums, arm, place))}" for arm in range(len(sums.facts.arms))]
    return f'{_json(case_id)}: {{{facts}"arms": [\n' + ",\n".join(entries) + "]}"


def _entry(sums: BaselineSums, arm: int, case: int) -> dict[str, Json]:
    """Without its empty parts."""
    planned = int(sums.planned[arm, case])
    metrics: dict[str, dict[str, Json]] = {"sums": {}, "times_ms": {}}
    for name, cells in sums.metrics.items():
        if cells.n[arm, case] + cells.missing[arm, case]:
            metrics["times_ms" if is_time(name) else "sums"][name] = _figure(cells, arm, case, planned, is_time(name))
    scores = {
        name: _score(cells, arm, case, planned)
        for name, cells in sums.scores.items()
        if cells.n[arm, case] + cells.missing[arm, case]
    }
    right = sums.n_right
    asked = right.n[arm, case] + right.missing[arm, case]
    entry = {"repeats": planned, "right": _figure(right, arm, case, planned, False) if asked else None}
    return {name: value for name, value in (entry | {"scores": scores} | metrics).items() if value not in (None, {})}


def _score(cells: Cells, arm: int, case: int, planned: int) -> Json:
    assert cells.squares is not None
    n = int(cells.n[arm, case])
    return [_number(cells.value[arm, case]), _number(cells.squares[arm, case]), *([] if n == planned else [n])]


def _figure(cells: Cells, arm: int, case: int, planned: int, in_ms: bool) -> Json:
    n, missing = int(cells.n[arm, case]), int(cells.missing[arm, case])
    value = float(cells.value[arm, case]) if n else 0.0
    number = None if math.isinf(value) else _number(round(value, _MS_DECIMALS) if in_ms else value)
    if n == planned:
        return number
    return [number, n] if n + missing == planned else [number, n, missing]


def _number(value: float) -> float | int:
    shown = float(f"{value:.{_DIGITS}g}")
    return int(shown) if shown == int(shown) else shown


# ---------------------------------------------------------------- reading


def read(path: Path) -> BaselineSums:
    """Raises ``UsageError`` where there is no such file, or it is no baseline file, with the place in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"the baseline file {path} cannot be read: {reason}", hint=_HINT) from error
    return sums_of_text(text, str(path))


def sums_of_text(text: str, name: str) -> BaselineSums:
    """``name``: what to call it in an error. Raises ``UsageError``."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is no baseline file: it is no JSON ({error})", hint=_HINT) from error
    if not isinstance(values, dict) or "baseline_format" not in values:
        raise UsageError(f"{name} is no baseline file: it has no `baseline_format`", hint=_HINT)
    if values["baseline_format"] != FORMAT:
        raise UsageError(
            f"{name} has the baseline format {_json(values['baseline_format'])}, this evalharness knows {FORMAT}",
            hint="write it again, with the version that is to read it: " + _HINT,
        )
    try:
        return _sums(TypeAdapter(_File).validate_python(values))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{name} is damaged at {place}: {first['msg']}", hint=_HINT) from error
    except ValueError as error:
        raise UsageError(f"{name} is damaged: {error}", hint=_HINT) from error


def _sums(file: _File) -> BaselineSums:
    """Raises ``ValueError`` for entries that no run can have."""
    for case_id, case in file.cases.items():
        if len(case.arms) != len(file.arms):
            raise ValueError(f"case {case_id!r} has {len(case.arms)} entries for {len(file.arms)} arms")
    entries = [[case.arms[arm] for case in file.cases.values()] for arm in range(len(file.arms))]
    names = {part: _names(entries, part) for part in ("scores", "sums", "times_ms")}
    sums = BaselineSums(
        facts=_facts(file),
        planned=np.array([[entry.repeats for entry in arm] for arm in entries], dtype=np.int64),
        scores={name: _cells(entries, partial(_of_score, name)) for name in names["scores"]},
        metrics={
            name: _cells(entries, partial(_of_metric, part, name))
            for part in ("sums", "times_ms")
            for name in names[part]
        },
        n_right=_cells(entries, _of_right),
    )
    for name in sums.scores:
        _check(name, sums)
    return sums


def _facts(file: _File) -> BaselineFacts:
    return BaselineFacts(
        run_id=file.run_id,
        suite_name=file.suite,
        started_utc=file.started_utc,
        primary=file.primary,
        arms=file.arms,
        cases={
            case_id: BaselineCase(content_hash=case.hash, cluster=case.cluster, own_graders=case.own_graders)
            for case_id, case in file.cases.items()
        },
        graders=file.graders,
        described=file.described,
    )


def _names(entries: Sequence[Sequence[_Entry]], part: str) -> Sequence[str]:
    return tuple(dict.fromkeys(name for arm in entries for entry in arm for name in getattr(entry, part)))


#: Values, missing trials, the figure, the sum of squares.
_Cell: TypeAlias = tuple[int, int, float, float]
_NOTHING: _Cell = (0, 0, 0.0, 0.0)


def _cells(entries: Sequence[Sequence[_Entry]], cell: Callable[[_Entry], _Cell]) -> Cells:
    found = np.array([[cell(entry) for entry in arm] for arm in entries], dtype=float)
    n, missing = found[..., 0].astype(np.int64), found[..., 1].astype(np.int64)
    if min(n.min(initial=0), missing.min(initial=0)) < 0:
        raise ValueError("a figure rests on more trials than there were, or on fewer than none")
    return Cells(n=n, missing=missing, value=found[..., 2], squares=found[..., 3])


def _of_score(name: str, entry: _Entry) -> _Cell:
    if name not in entry.scores:
        return _NOTHING
    total, squares, *counted = entry.scores[name]
    n = counted[0] if counted else entry.repeats
    return n, entry.repeats - n, total, squares


def _of_metric(part: str, name: str, entry: _Entry) -> _Cell:
    figures: Mapping[str, _Figure] = getattr(entry, part)
    return _of_figure(figures[name], entry) if name in figures else _NOTHING


def _of_right(entry: _Entry) -> _Cell:
    return _NOTHING if entry.right is None else _of_figure(entry.right, entry)


def _of_figure(figure: _Figure, entry: _Entry) -> _Cell:
    value, n, *missing = figure if isinstance(figure, tuple) else (figure, entry.repeats)
    return n, missing[0] if missing else entry.repeats - n, math.inf if value is None else value, 0.0


def _check(name: str, sums: BaselineSums) -> None:
    """Whether scores in [0, 1] can have the sums of every case."""
    for arm in range(len(sums.facts.arms)):
        try:
            sums.values(name, arm)
        except ValueError as error:
            raise ValueError(f"scores of {name!r}: {error}") from error
