"""A run as the first version wrote it (``schema_1/``: a dump of its file, and its own export of it)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from evalharness.core.failure import FailureKind
from evalharness.core.model import PendingReason, Status
from evalharness.store import export, run_store, schema
from evalharness.store.load import earlier_results, finished_trial_ids, load, lost_attempts
from evalharness.store.runs import find, list_runs
from evalharness.store.verify import verify

WRITTEN = Path(__file__).parent / "schema_1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "effort-maths" / "old"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "run.db")
    connection.executescript((WRITTEN / "run.sql").read_text(encoding="utf-8"))
    connection.close()
    return folder


def same(new: object, old: object) -> bool:
    """Everything the old line says, the new one says too; it may say more."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(name in new and same(new[name], value) for name, value in old.items())
    return new == old


def assert_nothing_is_lost(folder: Path) -> None:
    new = [json.loads(line) for line in export.load("jsonl").export(load(folder)).splitlines()]
    old = [json.loads(line) for line in (WRITTEN / "trials.jsonl").read_bytes().splitlines()]
    assert len(new) == len(old) == 4
    assert [line["trial_id"] for line, before in zip(new, old, strict=True) if not same(line, before)] == []
    reopened, cut_off = earlier_results(folder)
    assert (reopened.status, reopened.failure and reopened.failure.kind) == (Status.ERROR, FailureKind.SERVER)
    assert (cut_off.status, cut_off.pending_reason) == (Status.PENDING, PendingReason.INTERRUPTED)
    assert [attempt.session for attempt in lost_attempts(folder)] == [1]
    assert len(finished_trial_ids(folder)) == 3
    assert verify(folder) == []


def test_a_run_of_the_first_schema_is_read_whole_and_left_as_it_was(folder: Path) -> None:
    before = (folder / "run.db").read_bytes()
    assert_nothing_is_lost(folder)
    (listed,) = list_runs(folder.parent.parent)
    assert (listed.n_planned, listed.n_ended) == (4, 3)
    assert find(folder.parent.parent, "old") == folder
    assert (folder / "run.db").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["run.db"]


def test_a_run_of_the_first_schema_is_migrated_when_it_is_continued(folder: Path) -> None:
    pending = load(folder).plan.trials[3].trial_id
    with run_store.open(folder) as store:
        asyncio.run(store.begin_attempt(pending, 0, 0))
    connection = sqlite3.connect(folder / "run.db")
    assert schema.version(connection) == len(schema.MIGRATIONS)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.execute("DELETE FROM begun_attempts WHERE session > 2")
    connection.execute("UPDATE manifest SET stop_reason = 'budget'")
    connection.commit()
    connection.close()
    assert not any(name.endswith("_1") for name in tables)
    assert_nothing_is_lost(folder)
