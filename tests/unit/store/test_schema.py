from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from evalharness.core.errors import StoreError
from evalharness.store import schema

NOW = "2026-11-22T14:02:16.000Z"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def m004_adds_a_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE added (x)")


def m004_fails_half_way(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE half (x)")
    raise RuntimeError("the machine went away")


def test_an_older_file_gets_the_missing_migrations_with_a_record_of_each(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, applied_utc=NOW)
    migrations = (*schema.MIGRATIONS, m004_adds_a_table)
    for _ in range(2):
        schema.migrate(connection, applied_utc=NOW, migrations=migrations)
    recorded = connection.execute("SELECT version, name FROM migrations ORDER BY version").fetchall()
    assert recorded == [(1, "m001_initial"), (2, "m002_packed"), (3, "m003_baseline"), (4, "m004_adds_a_table")]


def test_a_migration_that_fails_leaves_the_file_as_it_was(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, applied_utc=NOW)
    with pytest.raises(RuntimeError):
        schema.migrate(connection, applied_utc=NOW, migrations=(*schema.MIGRATIONS, m004_fails_half_way))
    assert schema.version(connection) == 3
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)


def test_a_file_of_a_newer_program_is_refused_with_advice(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, applied_utc=NOW, migrations=(*schema.MIGRATIONS, m004_adds_a_table))
    with pytest.raises(StoreError, match="schema 4, this evalharness knows schemas up to 3") as caught:
        schema.migrate(connection, applied_utc=NOW)
    assert "upgrade" in (caught.value.hint or "")
