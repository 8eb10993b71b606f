"""How a run's database is opened, for writing and for reading, and what its errors mean to a person."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from evalharness.core.errors import StoreError
from evalharness.store import schema

DATABASE = "run.db"
_BUSY_S = 10.0
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def store_error(error: Exception, path: Path) -> StoreError:
    """One line with path and cause, and what to do about it."""
    if isinstance(error, OSError) and error.strerror:
        return StoreError(f"{error.filename or path}: {error.strerror}", hint=_hint(error))
    return StoreError(f"{path}: {error}", hint=_hint(error))


def _hint(error: Exception) -> str | None:
    if is_full(error):
        return "free some disk space and start the same command again: every finished trial is kept"
    text = str(error).lower()
    if "readonly" in text or "read-only" in text or isinstance(error, PermissionError):
        return "the folder cannot be written: check its permissions, or choose another with --out"
    if "disk i/o error" in text or getattr(error, "errno", None) == errno.EIO:
        return "the disk fails, is full or was taken away: when it works again, the same command continues the run"
    if "locked" in text:
        return "another program holds the file open for writing: close it and start the same command again"
    if "not a database" in text or "malformed" in text:
        return "the file is damaged: `evalharness verify` says where"
    return None


def is_full(error: Exception) -> bool:
    """Whether there was no room."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in _NO_ROOM


def connect_for_writing(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """A connection in autocommit mode (transactions are written out) that may change threads.

    ``synchronous`` FULL: a commit is on the disk when it returns. NORMAL: it survives the death of the process and may
    lose the last second at a power cut. Raises ``StoreError``.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(
                f"{path}: the file system cannot keep a write-ahead log (journal mode {mode})",
                hint="network file systems cannot: choose a local folder with --out",
            )
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    return connection


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to the run in ``folder``, which may lie on a read-only medium.

    A run of an older schema is copied into memory and migrated there: its file stays as it is.

    Errors of SQLite inside the ``with`` become ``StoreError``, as does a folder that holds no run.
    """
    path = folder / DATABASE
    if not path.is_file():
        raise StoreError(f"{folder} holds no run", hint=f"a run folder has a file {DATABASE}")
    try:
        with _snapshot(path) as connection:
            schema.refuse_newer(connection)
            if schema.version(connection) == 0:
                raise StoreError(
                    f"{path} holds no run", hint="the run was ended before it was planned: delete the folder"
                )
            if schema.version(connection) == len(schema.MIGRATIONS):
                yield connection
                return
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as newer:
                connection.backup(newer)
                newer.execute("PRAGMA foreign_keys = ON")
                schema.migrate(newer, applied_utc="")
                yield newer
    except (sqlite3.Error, OSError) as error:
        raise store_error(error, path) from error


@contextmanager
def _snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size == 0:
        # No process writes. A plain read-only connection would leave two files behind here, and fail where it may not.
        with closing(_open(path, "immutable=1")) as connection:
            yield connection
        return
    try:
        connection = _open(path, "mode=ro")
    except sqlite3.OperationalError:
        # A killed run on a read-only medium: rows are in the log, and reading a log means writing an index beside it.
        with tempfile.TemporaryDirectory() as elsewhere:
            copy = Path(elsewhere) / path.name
            shutil.copyfile(path, copy)
            shutil.copyfile(log, copy.with_name(log.name))
            with closing(_open(copy, "mode=ro")) as connection:
                yield connection
        return
    with closing(connection):
        yield connection


def _open(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, isolation_level=None, timeout=_BUSY_S)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        # One state for all the queries of a load, even while a run goes on.
        connection.execute("BEGIN")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def create_file(path: Path) -> None:
    """An empty database file only its owner can read (SQLite gives its log files the same mode)."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
