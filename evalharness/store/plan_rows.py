"""Manifest, plan and what sessions noticed of themselves as rows."""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from evalharness.core.model import Arm, Case, Json, PendingReason, Phase, Plan, Suite, Trial
from evalharness.core.record import ObserverRecord, RunManifest, RunState
from evalharness.store.cells import json_cell, json_of, text_cell, text_of

_MANIFEST = tuple(field.name for field in fields(RunManifest))
_MANIFEST_JSON = frozenset({"flags", "environment"})
_CASE_JSON = ("vars", "expected", "tags", "graders")
_SUITE = ("suite", "hashed", "plan_hash")
_ARM = ("arm_id", "key", "endpoint", "model", "prompt", "request")
_CASE = ("case_id", "expected_text", "cluster", "content_hash", *_CASE_JSON)
_TRIAL = ("trial_id", "case_id", "arm_id", "repeat_index", "phase", "step")


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Built when first needed: building takes milliseconds."""
    return TypeAdapter(kind)


def write_manifest(connection: sqlite3.Connection, manifest: RunManifest) -> None:
    """The one row of the manifest, new or changed."""
    cells = [
        json_cell(getattr(manifest, name)) if name in _MANIFEST_JSON else _plain_cell(getattr(manifest, name))
        for name in _MANIFEST
    ]
    marks = ", ".join("?" * len(cells))
    connection.execute(
        f"INSERT OR REPLACE INTO manifest (only, {', '.join(_MANIFEST)}) VALUES (1, {marks})",
        cells,
    )


def read_manifest(connection: sqlite3.Connection) -> RunManifest | None:
    """None: the process died before the plan was written (nothing was sent)."""
    row = connection.execute(f"SELECT {', '.join(_MANIFEST)} FROM manifest").fetchone()
    if row is None:
        return None
    cells = {
        name: json_of(cell) if name in _MANIFEST_JSON else _plain_value(cell)
        for name, cell in zip(_MANIFEST, row, strict=True)
    }
    reason = cells["stop_reason"]
    typed = {
        "state": RunState(cells["state"]),
        "stop_reason": None if reason is None else PendingReason(reason),
        "simulated": bool(cells["simulated"]),
    }
    return RunManifest(**cells | typed)


def write_plan(connection: sqlite3.Connection, plan: Plan) -> None:
    """Suite without its cases, arms, cases and trials, each in the plan's order."""
    _insert(connection, "plan", _SUITE, [(_suite_cell(plan), json_cell(plan.hashed), plan.plan_hash)])
    _insert(connection, "arms", _ARM, map(_arm_cells, plan.arms))
    _insert(connection, "cases", _CASE, map(_case_cells, plan.suite.cases))
    _insert(connection, "trials", _TRIAL, map(_trial_cells, plan.trials))
    connection.execute("UPDATE plan SET sha256 = ?", (plan_sha256(connection),))


def add_trials(connection: sqlite3.Connection, trials: Iterable[Trial]) -> None:
    """Trials that were not planned: the list was over before the run's time. They come after all others.

    The plan's hash is that of what was planned, and stays as it is.
    """
    rows = ((*_trial_cells(trial), True) for trial in trials)
    _insert(connection, "trials", (*_TRIAL, "added"), rows)


def replace_suite(connection: sqlite3.Connection, plan: Plan) -> None:
    """Put in what a suite may change without changing its plan; arms, cases and trials stay as they are."""
    connection.execute("UPDATE plan SET suite = ?, hashed = ?", (_suite_cell(plan), json_cell(plan.hashed)))
    connection.execute("UPDATE plan SET sha256 = ?", (plan_sha256(connection),))


def _suite_cell(plan: Plan) -> str | bytes:
    return json_cell(_adapter(Suite).dump_python(replace(plan.suite, cases=())))


def read_plan(connection: sqlite3.Connection) -> Plan:
    suite_cell, hashed, plan_hash = next(_select(connection, "plan", _SUITE))
    suite: Suite = _adapter(Suite).validate_python(json_of(suite_cell))
    return Plan(
        suite=replace(
            suite,
            prompts=tuple(
                replace(prompt, template=_items(prompt.template), more_turns=tuple(map(_items, prompt.more_turns)))
                for prompt in suite.prompts
            ),
            cases=tuple(map(_case, _select(connection, "cases", _CASE))),
        ),
        arms=tuple(map(_arm, _select(connection, "arms", _ARM))),
        trials=tuple(_trials(_select(connection, "trials", _TRIAL))),
        plan_hash=plan_hash,
        hashed=json_of(hashed),
    )


def _items(template: Json) -> Json:
    """A template that is a list of items is a tuple in a suite; its type (any JSON) cannot say so."""
    return tuple(template) if isinstance(template, list) else template


def plan_sha256(connection: sqlite3.Connection) -> str:
    """A hash over every stored value of the plan, to find out later whether one was altered.

    Over cells, not over the types read from them: those may grow fields with a default. A step of 0 is left out: files
    older than steps have hashes too.
    """
    digest = hashlib.sha256()
    for table, columns in (("plan", _SUITE), ("arms", _ARM), ("cases", _CASE)):
        for row in _select(connection, table, columns):
            digest.update(repr(row).encode("ascii", "backslashreplace"))
    for trial in _select(connection, "trials", _TRIAL, where="added = 0"):
        cells = trial if trial[-1] else trial[:-1]
        digest.update(repr(cells).encode("ascii", "backslashreplace"))
    return digest.hexdigest()


def _insert(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def _select(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], where: str = "1"
) -> Iterator[tuple[Any, ...]]:
    return connection.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY rowid")


def _arm_cells(arm: Arm) -> tuple[Any, ...]:
    names = (arm.endpoint, arm.model, arm.prompt)
    return (arm.arm_id, json_cell(arm.key), *map(text_cell, names), json_cell(arm.request))


def _arm(cells: tuple[Any, ...]) -> Arm:
    arm_id, key, endpoint, model, prompt, request = cells
    return Arm(
        arm_id=arm_id,
        key=json_of(key),
        endpoint=_plain_value(endpoint),
        model=_plain_value(model),
        prompt=_plain_value(prompt),
        request=json_of(request),
    )


def _case_cells(case: Case) -> tuple[Any, ...]:
    values = _adapter(Case).dump_python(case)
    return tuple(json_cell(values[name]) if name in _CASE_JSON else text_cell(values[name]) for name in _CASE)


def _case(cells: tuple[Any, ...]) -> Case:
    values = {
        name: json_of(cell) if name in _CASE_JSON else _plain_value(cell)
        for name, cell in zip(_CASE, cells, strict=True)
    }
    case: Case = _adapter(Case).validate_python(values)
    return case


def _trial_cells(trial: Trial) -> tuple[Any, ...]:
    names = (trial.trial_id, text_cell(trial.case_id), trial.arm_id)
    return (*names, trial.repeat_index, trial.phase.value, trial.step)


def _trials(rows: Iterable[tuple[Any, ...]]) -> Iterator[Trial]:
    """Ids of cases and arms are one object each, however many trials have them."""
    known: dict[Any, Any] = {phase.value: phase for phase in Phase}
    for trial_id, case_id, arm_id, repeat_index, phase, step in rows:
        case = known.get(case_id)
        if case is None:
            case = known[case_id] = _plain_value(case_id)
        yield Trial(
            trial_id=trial_id,
            case_id=case,
            arm_id=known.setdefault(arm_id, arm_id),
            repeat_index=repeat_index,
            phase=known[phase],
            step=step,
        )


def trial_positions(connection: sqlite3.Connection) -> array[int]:
    """Under which number results of the plan's trials are stored, in the plan's order."""
    return array("q", (position for (position,) in _select(connection, "trials", ("position",))))


def write_observer(connection: sqlite3.Connection, seen: ObserverRecord) -> None:
    cell = json_cell(_adapter(ObserverRecord).dump_python(seen))
    connection.execute("INSERT OR REPLACE INTO observers (session, seen) VALUES (?, ?)", (seen.session, cell))


def read_observers(connection: sqlite3.Connection) -> tuple[ObserverRecord, ...]:
    """One for each session that noticed anything, oldest first."""
    rows = connection.execute("SELECT seen FROM observers ORDER BY session")
    return tuple(_adapter(ObserverRecord).validate_python(json_of(cell)) for (cell,) in rows)


def _plain_cell(value: Any) -> Any:
    return text_cell(str(value)) if isinstance(value, str) else value


def _plain_value(cell: Any) -> Any:
    return text_of(cell) if isinstance(cell, bytes) else cell
