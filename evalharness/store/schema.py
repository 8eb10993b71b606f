"""The tables of ``run.db`` and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeAlias

from evalharness.core.errors import StoreError
from evalharness.store import result_rows, schema_1
from evalharness.store.numbers import Session

Migration: TypeAlias = Callable[[sqlite3.Connection], None]

_M001 = """
CREATE TABLE manifest (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    run_id TEXT NOT NULL, suite_name TEXT NOT NULL, created_utc TEXT NOT NULL, plan_hash TEXT NOT NULL,
    version TEXT NOT NULL, state TEXT NOT NULL, finished_utc TEXT,
    stop_reason TEXT, stop_message TEXT, exit_code INTEGER,
    suite_text TEXT NOT NULL, suite_path TEXT NOT NULL, flags TEXT NOT NULL, environment TEXT NOT NULL,
    simulated INTEGER NOT NULL
);
CREATE TABLE plan (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    suite TEXT NOT NULL, hashed TEXT NOT NULL, plan_hash TEXT NOT NULL, sha256 TEXT
);
CREATE TABLE arms (
    position INTEGER PRIMARY KEY,
    arm_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,
    request TEXT NOT NULL
);
CREATE TABLE cases (
    position INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL UNIQUE, vars TEXT NOT NULL, expected TEXT NOT NULL, expected_text TEXT, tags TEXT NOT NULL,
    cluster TEXT, graders TEXT NOT NULL, content_hash TEXT NOT NULL
);
CREATE TABLE trials (
    position INTEGER PRIMARY KEY,
    trial_id TEXT NOT NULL UNIQUE, case_id TEXT NOT NULL REFERENCES cases (case_id),
    arm_id TEXT NOT NULL REFERENCES arms (arm_id), repeat_index INTEGER NOT NULL, phase TEXT NOT NULL
);
CREATE TABLE sessions (
    session INTEGER PRIMARY KEY, opened_utc TEXT NOT NULL, pid INTEGER NOT NULL
);
CREATE TABLE begun_attempts (
    trial_id TEXT NOT NULL REFERENCES trials (trial_id), turn_index INTEGER NOT NULL, attempt_index INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions (session), begun_utc TEXT NOT NULL
);
CREATE INDEX begun_attempts_of_trial ON begun_attempts (trial_id);
CREATE TABLE results (
    result_id INTEGER PRIMARY KEY,
    trial_id TEXT NOT NULL REFERENCES trials (trial_id), session INTEGER NOT NULL REFERENCES sessions (session),
    superseded INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, failure TEXT, pending_reason TEXT, anomalies TEXT,
    cost_usd REAL
);
CREATE UNIQUE INDEX one_result_per_trial ON results (trial_id) WHERE superseded = 0;
CREATE TABLE requests (
    request INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, body TEXT NOT NULL
);
CREATE TABLE long_texts (
    long_text INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, text TEXT NOT NULL
);
CREATE TABLE calls (
    call INTEGER PRIMARY KEY,
    result_id INTEGER NOT NULL REFERENCES results (result_id), purpose TEXT NOT NULL, turn_index INTEGER NOT NULL,
    request INTEGER NOT NULL REFERENCES requests (request), status TEXT NOT NULL, intended_ns INTEGER NOT NULL,
    intended_utc_ns INTEGER NOT NULL, failure TEXT, anomalies TEXT, cost_usd REAL,
    input_tokens INTEGER, cached_tokens INTEGER, output_tokens INTEGER, reasoning_tokens INTEGER, usage_source TEXT,
    stop_reason TEXT, response_id TEXT, model_reported TEXT, effort_reported TEXT, tier_reported TEXT
);
CREATE TABLE outputs (
    call INTEGER PRIMARY KEY REFERENCES calls (call),
    text TEXT NOT NULL, refusal TEXT, reasoning_summary TEXT, tool_calls TEXT, items TEXT
);
CREATE TABLE attempts (
    call INTEGER NOT NULL REFERENCES calls (call), position INTEGER NOT NULL,
    attempt_index INTEGER NOT NULL, status TEXT NOT NULL, http_status INTEGER, failure TEXT, connection_reused INTEGER,
    wait_ms REAL NOT NULL, sent_ns INTEGER, headers_ns INTEGER, first_event_ns INTEGER, first_reasoning_ns INTEGER,
    first_output_ns INTEGER, last_output_ns INTEGER, done_ns INTEGER, closed_ns INTEGER, connect_ns INTEGER,
    deltas BLOB, n_events INTEGER NOT NULL, n_deltas INTEGER NOT NULL, n_reads INTEGER NOT NULL, unknown_events TEXT,
    request_id TEXT, partial_text TEXT,
    PRIMARY KEY (call, position)
) WITHOUT ROWID;
CREATE TABLE scores (
    result_id INTEGER NOT NULL REFERENCES results (result_id), position INTEGER NOT NULL,
    grader_id TEXT NOT NULL, grader TEXT NOT NULL, value REAL, passed INTEGER, reason TEXT,
    PRIMARY KEY (result_id, position)
) WITHOUT ROWID;
"""


def m001_initial(connection: sqlite3.Connection) -> None:
    """``results`` keeps superseded rows (asked again on request); ``begun_attempts`` holds only what never ended."""
    for statement in _M001.split(";"):
        connection.execute(statement)


_M002 = """
ALTER TABLE results RENAME TO results_1;
ALTER TABLE calls RENAME TO calls_1;
ALTER TABLE outputs RENAME TO outputs_1;
ALTER TABLE attempts RENAME TO attempts_1;
ALTER TABLE scores RENAME TO scores_1;
ALTER TABLE trials ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN monotonic_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN utc_ns INTEGER NOT NULL DEFAULT 0;
CREATE TABLE observers (
    session INTEGER PRIMARY KEY REFERENCES sessions (session), seen TEXT NOT NULL
);
CREATE TABLE graders (
    grader INTEGER PRIMARY KEY, grader_id TEXT NOT NULL, type TEXT NOT NULL, UNIQUE (grader_id, type)
);
CREATE TABLE results (
    result INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions (session), status TEXT NOT NULL,
    numbers BLOB NOT NULL, gaps BLOB, remarks TEXT
);
CREATE TABLE superseded (
    result INTEGER PRIMARY KEY REFERENCES results (result), trial INTEGER NOT NULL REFERENCES trials (position)
);
CREATE TABLE outputs (
    result INTEGER PRIMARY KEY REFERENCES results (result) ON UPDATE CASCADE, calls TEXT NOT NULL
);
"""


def m002_packed(connection: sqlite3.Connection) -> None:
    """Numbers and stamps of a result in two short strings of bytes (``numbers.py``), its texts beside them; steps,
    trials added to the plan (``added``), what a session saw of its client.

    Results are written by today's writer: whoever changes their tables next keeps a copy of it here, as ``schema_1``
    keeps the reader.
    """
    for statement in _M002.split(";"):
        connection.execute(statement)
    for superseded in (True, False):
        for number, result in schema_1.read_results(connection, superseded=superseded):
            position = result_rows.write_result(
                connection, result, session=Session(number=number, monotonic_ns=0, utc_ns=0)
            )
            if superseded:
                result_rows.supersede(connection, position)
    for table in ("scores_1", "attempts_1", "outputs_1", "calls_1", "results_1"):
        connection.execute(f"DROP TABLE {table}")


_M003 = """
CREATE TABLE baseline (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    kind TEXT NOT NULL, run_id TEXT NOT NULL, sha256 TEXT NOT NULL, content BLOB NOT NULL
);
"""


def m003_baseline(connection: sqlite3.Connection) -> None:
    """What the run was compared with (``baseline_rows.py``)."""
    for statement in _M003.split(";"):
        connection.execute(statement)


#: In order; the schema version of a file is how many of them it has seen. Append, never edit one that was released.
MIGRATIONS: tuple[Migration, ...] = (m001_initial, m002_packed, m003_baseline)


def version(connection: sqlite3.Connection) -> int:
    """How many migrations the file has seen; 0 for an empty file."""
    has_table = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'migrations'").fetchone()[0]
    return connection.execute("SELECT count(*) FROM migrations").fetchone()[0] if has_table else 0


def migrate(connection: sqlite3.Connection, *, applied_utc: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the file up to date: each missing migration in a transaction together with the record of it.

    Raises ``StoreError`` for a file newer than this program.
    """
    refuse_newer(connection, len(migrations))
    for number in range(version(connection), len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations"
                " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_utc TEXT NOT NULL)"
            )
            migrations[number](connection)
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, ?)", (number + 1, migrations[number].__name__, applied_utc)
            )
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def refuse_newer(connection: sqlite3.Connection, known: int = len(MIGRATIONS)) -> None:
    found = version(connection)
    if found > known:
        raise StoreError(
            f"the run folder has schema {found}, this evalharness knows schemas up to {known}",
            hint="it was written by a newer evalharness: upgrade this one to read it",
        )
