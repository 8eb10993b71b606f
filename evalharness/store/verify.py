"""Whether a run folder is whole and says what it said when it was written."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from evalharness.core.errors import StoreError
from evalharness.store.bodies import sha256_of
from evalharness.store.connect import reading
from evalharness.store.plan_rows import plan_sha256, read_manifest, read_plan
from evalharness.store.result_rows import read_rows, read_shared, read_superseded_rows, result_of


def verify(folder: Path) -> list[str]:
    """What is wrong with the run in ``folder``, one sentence each; empty when nothing is.

    Checks SQLite's own structure, references between rows, the hashes of the plan, of the baseline and of every request
    and long text, and that every result can be read. Raises ``StoreError`` only where there is no run at all to look
    at.
    """
    try:
        with reading(folder) as connection:
            # A damaged file is not read further: whatever follows from it would be noise.
            return list(_damage(connection)) or list(_differences(connection))
    except StoreError as error:
        if isinstance(error.__cause__, sqlite3.Error):
            return [error.message]
        raise


def _damage(connection: sqlite3.Connection) -> Iterator[str]:
    for (message,) in connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            yield f"the file is damaged: {message}"


def _differences(connection: sqlite3.Connection) -> Iterator[str]:
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} refers to a row of {parent} that does not exist"
    for (number,) in connection.execute(
        "SELECT result FROM results WHERE result > 0 AND result NOT IN (SELECT position FROM trials)"
    ):
        yield f"row {number} of results belongs to no trial of the plan"
    for table, content in (("requests", "body"), ("long_texts", "text")):
        for number, sha256, cell in connection.execute(f"SELECT rowid, sha256, {content} FROM {table}"):
            if sha256_of(cell) != sha256:
                yield f"row {number} of {table} was altered: its content does not have the hash {sha256}"
    for sha256, content in connection.execute("SELECT sha256, content FROM baseline"):
        if hashlib.sha256(content).hexdigest() != sha256:
            yield "the baseline that the run was compared with was altered: it does not have the stored hash"
    yield from _unreadable(connection)


def _unreadable(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        manifest, plan = read_manifest(connection), read_plan(connection)
        if manifest is None or manifest.plan_hash != plan.plan_hash:
            yield "the manifest belongs to another plan"
        if connection.execute("SELECT sha256 FROM plan").fetchone()[0] != plan_sha256(connection):
            yield "the plan was altered: its content does not have the stored hash"
        shared = read_shared(connection)
        for trial_id, row in chain(read_rows(connection), read_superseded_rows(connection)):
            result_of(trial_id, row, shared)
    except (ValueError, KeyError, TypeError) as error:
        yield f"a row cannot be read: {error}"
