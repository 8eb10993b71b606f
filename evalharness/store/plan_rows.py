"""Manifest and plan as rows."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import fields, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from evalharness.core.model import Arm, Case, Phase, Plan, RunManifest, RunState, Suite, Trial
from evalharness.store.cells import json_cell, json_of, text_cell, text_of

_MANIFEST = tuple(field.name for field in fields(RunManifest))
_MANIFEST_JSON = frozenset({"flags", "environment"})
_CASE_JSON = ("vars", "expected", "tags", "graders")


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
    return RunManifest(**cells | {"state": RunState(cells["state"]), "simulated": bool(cells["simulated"])})


def write_plan(connection: sqlite3.Connection, plan: Plan) -> None:
    """Suite without its cases, arms, cases and trials, each in the plan's order."""
    suite = _adapter(Suite).dump_python(replace(plan.suite, cases=()))
    connection.execute(
        "INSERT INTO plan (only, suite, hashed, plan_hash, sha256) VALUES (1, ?, ?, ?, ?)",
        (json_cell(suite), json_cell(plan.hashed), plan.plan_hash, plan_sha256(plan)),
    )
    connection.executemany(
        "INSERT INTO arms (arm_id, key, endpoint, model, prompt, request) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                arm.arm_id,
                json_cell(arm.key),
                *(text_cell(name) for name in (arm.endpoint, arm.model, arm.prompt)),
                json_cell(arm.request),
            )
            for arm in plan.arms
        ),
    )
    connection.executemany(
        "INSERT INTO cases (case_id, vars, expected, tags, graders, expected_text, cluster, content_hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (_case_cells(case) for case in plan.suite.cases),
    )
    connection.executemany(
        "INSERT INTO trials (trial_id, case_id, arm_id, repeat_index, phase) VALUES (?, ?, ?, ?, ?)",
        (
            (trial.trial_id, text_cell(trial.case_id), trial.arm_id, trial.repeat_index, trial.phase.value)
            for trial in plan.trials
        ),
    )


def read_plan(connection: sqlite3.Connection) -> Plan:
    suite_cell, hashed, plan_hash = connection.execute("SELECT suite, hashed, plan_hash FROM plan").fetchone()
    suite: Suite = _adapter(Suite).validate_python(json_of(suite_cell))
    return Plan(
        suite=replace(
            suite,
            # A template that is a list of items is a tuple in a suite; its type (any JSON) cannot say so.
            prompts=tuple(
                replace(prompt, template=tuple(prompt.template)) if isinstance(prompt.template, list) else prompt
                for prompt in suite.prompts
            ),
            cases=_read_cases(connection),
        ),
        arms=tuple(
            Arm(
                arm_id=arm_id,
                key=json_of(key),
                endpoint=text_of(endpoint) or "",
                model=text_of(model) or "",
                prompt=text_of(prompt) or "",
                request=json_of(request),
            )
            for arm_id, key, endpoint, model, prompt, request in connection.execute(
                "SELECT arm_id, key, endpoint, model, prompt, request FROM arms ORDER BY position"
            )
        ),
        trials=tuple(
            Trial(
                trial_id=trial_id,
                case_id=text_of(case_id) or "",
                arm_id=arm_id,
                repeat_index=repeat_index,
                phase=Phase(phase),
            )
            for trial_id, case_id, arm_id, repeat_index, phase in connection.execute(
                "SELECT trial_id, case_id, arm_id, repeat_index, phase FROM trials ORDER BY position"
            )
        ),
        plan_hash=plan_hash,
        hashed=json_of(hashed),
    )


def plan_sha256(plan: Plan) -> str:
    """A hash over every value of the plan, to find out later whether the stored one was altered."""
    text = json.dumps(_adapter(Plan).dump_python(plan), sort_keys=True, default=dict)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _case_cells(case: Case) -> tuple[Any, ...]:
    values = _adapter(Case).dump_python(case)
    return (
        text_cell(case.case_id),
        *(json_cell(values[name]) for name in _CASE_JSON),
        text_cell(case.expected_text),
        text_cell(case.cluster),
        case.content_hash,
    )


def _read_cases(connection: sqlite3.Connection) -> tuple[Case, ...]:
    rows = connection.execute(
        "SELECT case_id, expected_text, cluster, content_hash, vars, expected, tags, graders"
        " FROM cases ORDER BY position"
    )
    validate = _adapter(Case).validate_python
    return tuple(
        validate(
            {
                "case_id": text_of(case_id),
                "expected_text": text_of(expected_text),
                "cluster": text_of(cluster),
                "content_hash": content_hash,
                **dict(zip(_CASE_JSON, map(json_of, json_cells), strict=True)),
            }
        )
        for case_id, expected_text, cluster, content_hash, *json_cells in rows
    )


def _plain_cell(value: Any) -> Any:
    return text_cell(str(value)) if isinstance(value, str) else value


def _plain_value(cell: Any) -> Any:
    return text_of(cell) if isinstance(cell, bytes) else cell
