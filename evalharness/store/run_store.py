"""The run folder while a run goes on: what has ended is on the disk before anybody counts it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from evalharness.core.clock import SystemClock, utc_text
from evalharness.core.errors import StoreError
from evalharness.core.model import Plan, Trial
from evalharness.core.record import ObserverRecord, RunManifest, RunState, TrialResult
from evalharness.store import load, plan_rows, result_rows, schema
from evalharness.store.connect import DATABASE, connect_for_writing, create_file, reading, store_error
from evalharness.store.numbers import Session
from evalharness.store.reserve import Reserve
from evalharness.store.runs import suite_folder
from evalharness.store.writer import Job, Writer

if TYPE_CHECKING:
    from evalharness.verdict.baseline_trials import Kept

RESERVE = ".reserve"
#: What the same command will do hangs on a commit of which nobody knows whether it was kept.
END_IN_DOUBT = (
    "all trials are stored, the end of the run perhaps not: when the disk works again, `evalharness report latest` "
    "shows them, and the same command ends this run or begins a new one"
)


def create(out_dir: Path, manifest: RunManifest, plan: Plan, *, baseline: Kept | None = None) -> RunStore:
    """Make ``out_dir/<suite>/<run_id>/`` with the plan in it, ready to be written to. The caller holds the lock.

    ``baseline``: what the run is compared with, None for nothing.
    Raises ``StoreError`` where the folder exists, cannot be written, or has no room: before any call is paid for.
    """
    folder = suite_folder(out_dir, manifest.suite_name) / manifest.run_id
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise StoreError(
            f"{folder} exists already", hint="start again: a run id holds the second it was made"
        ) from error
    except OSError as error:
        raise store_error(error, folder) from error

    def write(connection: sqlite3.Connection) -> None:
        plan_rows.write_plan(connection, plan)
        plan_rows.write_manifest(connection, manifest)
        _keep(connection, baseline)

    try:
        create_file(folder / DATABASE)
        return _start(folder, write)
    except (StoreError, OSError) as error:
        # Made a moment ago and still without a plan: of no use to anybody.
        shutil.rmtree(folder, ignore_errors=True)
        raise error if isinstance(error, StoreError) else store_error(error, folder) from error


def open(
    folder: Path, manifest: RunManifest | None = None, plan: Plan | None = None, *, baseline: Kept | None = None
) -> RunStore:
    """Continue the run in ``folder``. Its state is running again; the caller holds the lock.

    ``manifest`` and ``plan`` replace what is stored: the same plan (``plan_hash``) may come with another budget,
    decision rule, prices or description. ``baseline`` replaces the stored one, None leaves it. Attempts that an earlier
    session began and never ended stay on record as unknown (``load.lost_attempts``). Raises ``StoreError``.
    """
    with reading(folder) as connection:
        stored = plan_rows.read_manifest(connection)
    if stored is None:
        raise StoreError(f"{folder} holds no plan: the run was ended before it began", hint="delete the folder")
    running = replace(
        manifest or stored,
        state=RunState.RUNNING,
        finished_utc=None,
        stop_reason=None,
        stop_message=None,
        exit_code=None,
    )

    def write(connection: sqlite3.Connection) -> None:
        plan_rows.write_manifest(connection, running)
        if plan is not None:
            plan_rows.replace_suite(connection, plan)
        _keep(connection, baseline)

    return _start(folder, write)


def note_exit_code(folder: Path, exit_code: int) -> None:
    """What the command of a run that has ended came to, its gates included; nothing for one that goes on again.

    Raises ``StoreError``.
    """
    path = folder / DATABASE
    with closing(connect_for_writing(path, synchronous="FULL")) as connection:
        try:
            connection.execute("UPDATE manifest SET exit_code = ? WHERE state != ?", (exit_code, RunState.RUNNING))
        except sqlite3.Error as error:
            raise store_error(error, path) from error


def _keep(connection: sqlite3.Connection, baseline: Kept | None) -> None:
    if baseline is not None:
        from evalharness.store.baseline_rows import write_baseline

        write_baseline(connection, baseline)


def _start(folder: Path, write: Callable[[sqlite3.Connection], None]) -> RunStore:
    reserve = Reserve(folder.parent / RESERVE)
    try:
        return RunStore(folder, _begin_session(folder, write), reserve)
    except BaseException:
        reserve.release()
        raise


def _begin_session(folder: Path, write: Callable[[sqlite3.Connection], None]) -> Session:
    """One durable transaction with ``write`` in it: the test that the folder can be written."""
    path = folder / DATABASE
    monotonic_ns, utc_ns = SystemClock().monotonic_ns(), SystemClock().utc_ns()
    now_utc = utc_text(utc_ns)
    connection = connect_for_writing(path, synchronous="FULL")
    try:
        schema.migrate(connection, applied_utc=now_utc)
        connection.execute("BEGIN IMMEDIATE")
        write(connection)
        cursor = connection.execute(
            "INSERT INTO sessions (opened_utc, pid, monotonic_ns, utc_ns) VALUES (?, ?, ?, ?)",
            (now_utc, os.getpid(), monotonic_ns, utc_ns),
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    finally:
        connection.close()
    assert cursor.lastrowid is not None
    return Session(number=cursor.lastrowid, monotonic_ns=monotonic_ns, utc_ns=utc_ns)


class RunStore:
    """A ``RunWriter`` for one session of a run. Use as a context manager, or ``close`` it."""

    def __init__(self, folder: Path, session: Session, reserve: Reserve) -> None:
        self.folder = folder
        self._session = session
        self._is_done = False
        self._writer = Writer(folder / DATABASE, reserve)

    def finished_trial_ids(self) -> frozenset[str]:
        """Trials that ended in any way but pending. Plan minus these is what a resumed run sends."""
        return load.finished_trial_ids(self.folder)

    async def begin_attempt(self, trial_id: str, turn_index: int, attempt_index: int) -> None:
        """Note that a request is about to be sent. Raises ``StoreError``: then it must not be."""
        row = (trial_id, turn_index, attempt_index, self._session.number, utc_text(SystemClock().utc_ns()))

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO begun_attempts VALUES (?, ?, ?, ?, ?)", row)

        await self._written(f"an attempt of trial {trial_id}", write, durable=False)

    async def append(self, result: TrialResult) -> None:
        """Store how a trial ended, durably; a pending one (cut off by a stop) keeps its calls and may be asked again.

        Raises ``StoreError``, also for a trial that has ended already or is not planned.
        """

        def write(connection: sqlite3.Connection) -> None:
            result_rows.write_result(connection, result, session=self._session)

        await self._written(f"the result of trial {result.trial_id}", write)

    async def add_trials(self, trials: Sequence[Trial]) -> None:
        """Further trials of a run that time ends, after all others in its plan. Raises ``StoreError``, also for one
        that is planned already.
        """
        added = tuple(trials)

        def write(connection: sqlite3.Connection) -> None:
            plan_rows.add_trials(connection, added)

        await self._written("the further trials", write)

    async def observe(self, seen: ObserverRecord) -> None:
        """What this session noticed of the client so far (its number is the store's); replaces what it said before."""
        numbered = replace(seen, session=self._session.number)

        def write(connection: sqlite3.Connection) -> None:
            plan_rows.write_observer(connection, numbered)

        await self._written("what was noticed of the client", write)

    async def reopen(self, trial_ids: Iterable[str]) -> None:
        """Let trials that have ended be asked again. What was recorded of them stays (``load.earlier_results``)."""
        wanted = tuple(trial_ids)

        def write(connection: sqlite3.Connection) -> None:
            for trial_id in wanted:
                query = "SELECT position FROM trials WHERE trial_id = ?"
                for (position,) in connection.execute(query, (trial_id,)).fetchall():
                    result_rows.supersede(connection, position)

        await self._written("the trials to ask again", write)

    async def finish(self, manifest: RunManifest) -> None:
        """Replace the manifest: the state, the end, the exit code. May be called more than once.

        Raises ``StoreError``, after which the state on the disk is the old one or the new one: where a sync fails,
        nobody knows what of it was kept.
        """

        def write(connection: sqlite3.Connection) -> None:
            plan_rows.write_manifest(connection, manifest)

        try:
            await self._written("the manifest", write)
        except StoreError as error:
            if manifest.state is RunState.COMPLETE:
                raise StoreError(error.message, hint=END_IN_DOUBT) from error
            raise
        self._is_done = manifest.state is RunState.COMPLETE

    def close(self) -> None:
        """Commit what is queued and let go of the file. Safe to call twice."""
        self._writer.close(is_done=self._is_done)

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def _written(self, what: str, work: Callable[[sqlite3.Connection], None], *, durable: bool = True) -> None:
        await asyncio.wrap_future(self._writer.submit(Job(what=what, work=work, durable=durable)))
