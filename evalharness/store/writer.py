"""One thread that writes: group commit without waiting.

Whatever is queued when the thread is free becomes one transaction, so that a commit's sync to the disk is shared by all
who wait for it, and nobody ever waits for company. SQLite has one writer at a time: more threads would queue inside it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from evalharness.core.errors import StoreError
from evalharness.store.connect import connect_for_writing, is_full, store_error
from evalharness.store.reserve import Reserve

#: Files that are packed when they are done, in pages of 4 KiB. Smaller: nobody would notice. Larger: it would take
#: seconds, and nearly all of such a file is text.
_WORTH_PACKING = range(1_000, 100_000)

#: What one value can do wrong without the database being at fault: it fails its own job and no other.
_UNFIT = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError),
    *(TypeError, ValueError, OverflowError, RecursionError),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """``durable``: on the disk before ``done`` is set; else it survives the process but perhaps no power cut.

    ``what`` names it in an error message.
    """

    what: str
    work: Callable[[sqlite3.Connection], None]
    durable: bool
    done: Future[None] = field(default_factory=Future)


class Writer:
    """The thread and its two connections; the only writer of the file while the run lock is held.

    A job's future is set after its commit, to ``StoreError`` where it could not be written. After an error of the
    database itself nothing more is accepted. A full disk is met in two steps: the reserve is given back and the
    transaction tried again, durable jobs are still accepted (results of calls in flight) and others (attempts about to
    be sent) refused.
    """

    def __init__(self, path: Path, reserve: Reserve) -> None:
        """Raises ``StoreError``."""
        self._path = path
        self._reserve = reserve
        self._durable = connect_for_writing(path, synchronous="FULL")
        self._quick = connect_for_writing(path, synchronous="NORMAL")
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._full: Exception | None = None
        self._failure: Exception | None = None
        self._is_done = False
        self._thread = Thread(target=self._run, name="evalharness-store", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Future[None]:
        """Queue ``job``. From here on it will be written even if nobody waits for it any more (a cancelled task).

        Raises ``RuntimeError`` after ``close``.
        """
        if not self._thread.is_alive():
            raise RuntimeError("the store is closed")
        job.done.set_running_or_notify_cancel()
        self._queue.put(job)
        return job.done

    def close(self, *, is_done: bool = False) -> None:
        """Write what is queued, move the log into the database file, end the thread. Safe to call twice.

        ``is_done``: nothing more will be written, so the file may be packed.
        """
        if self._thread.is_alive():
            self._is_done = is_done
            self._queue.put(None)
            self._thread.join()
        self._reserve.release()

    def _run(self) -> None:
        open_for_jobs = True
        while open_for_jobs:
            batch = self._take()
            open_for_jobs = None not in batch
            jobs = [job for job in batch if job is not None]
            # Attempts first: they are quick, and their requests wait to be sent.
            for connection, durable in ((self._quick, False), (self._durable, True)):
                self._write(connection, [job for job in jobs if job.durable is durable])
        self._quick.close()
        if self._is_done:
            self._pack()
        with contextlib.suppress(sqlite3.Error):
            self._durable.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._durable.close()

    def _pack(self) -> None:
        """Trials end out of order, which leaves a tenth of each page empty. One transaction of SQLite's own, which
        needs room for a second copy: without it the file stays as it is.
        """
        with contextlib.suppress(sqlite3.Error):
            if self._durable.execute("PRAGMA page_count").fetchone()[0] in _WORTH_PACKING:
                self._durable.execute("VACUUM")

    def _take(self) -> list[Job | None]:
        """All that is queued, at least one."""
        batch = [self._queue.get()]
        with contextlib.suppress(Empty):
            while True:
                batch.append(self._queue.get_nowait())
        return batch

    def _write(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        if not jobs:
            return
        refused = self._failure or (self._full if not jobs[0].durable else None)
        if refused is None:
            try:
                self._commit(connection, jobs)
                return
            except Exception as error:
                # Whatever it was: those who wait must hear of it, and the thread must go on to tell the next ones.
                refused = self._failure = error
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(store_error(refused, self._path))

    def _commit(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        try:
            unfit = _transaction(connection, jobs)
        except sqlite3.Error as error:
            if not is_full(error) or not self._reserve.release():
                raise
            self._full = error
            unfit = _transaction(connection, jobs)
        for job in jobs:
            if job in unfit:
                job.done.set_exception(StoreError(f"{self._path}: {job.what} cannot be stored: {unfit[job]}"))
            else:
                job.done.set_result(None)


def _transaction(connection: sqlite3.Connection, jobs: list[Job]) -> dict[Job, Exception]:
    """All jobs in one transaction but those whose own values cannot be stored, which are returned with the reason."""
    unfit: dict[Job, Exception] = {}
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            connection.execute("SAVEPOINT job")
            try:
                job.work(connection)
            except _UNFIT as error:
                unfit[job] = error
                connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
        connection.execute("COMMIT")
    except BaseException:
        # Some errors have rolled back already; then there is no transaction to end.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return unfit
