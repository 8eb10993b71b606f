"""kill -9 at random moments: nothing acknowledged is lost, nothing is stored twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from evalharness.core.errors import StoreError
from evalharness.store import lock
from evalharness.store.load import load, lost_attempts
from evalharness.store.verify import verify
from tests.support.stored import IN_FLIGHT, KILLED_RUN, create, rounded, write_until_killed

KILLS = int(os.environ.get("EVALHARNESS_TEST_KILLS", "30"))
SEED = 20261122


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.BaseContext:
    """Children are forked from a small server that has everything imported: 30 starts are quick, and safe."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.stored"])
    return context


def killed_after(context, folder: Path, n_acknowledged: int, extra_s: float) -> set[str]:
    """Let a process write until it has acknowledged so many trials and a moment longer; all it acknowledged."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=write_until_killed, args=(folder, sender))
    process.start()
    sender.close()
    acknowledged = set(received(receiver, n_acknowledged))
    time.sleep(extra_s)
    process.kill()
    process.join()
    acknowledged |= set(received(receiver, sys.maxsize))
    receiver.close()
    return acknowledged


def received(receiver: Connection, n: int):
    try:
        for _ in range(n):
            yield receiver.recv()
    except EOFError:
        return


def test_kill_at_any_moment_loses_nothing_acknowledged_and_repeats_nothing(
    tmp_path: Path, processes: multiprocessing.context.BaseContext
) -> None:
    draw = random.Random(SEED)
    with create(tmp_path, KILLED_RUN) as store:
        folder = store.folder
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        mean = len(KILLED_RUN.results) / KILLS
        now = killed_after(processes, folder, draw.randrange(round(mean * 1.5)), draw.random() * 0.004)
        assert not now & acknowledged, f"kill {kill}: asked again"
        acknowledged |= now
        stored = [row[0] for row in rows(folder, "SELECT trial_id FROM results JOIN trials ON position = result")]
        assert acknowledged <= set(stored), f"kill {kill}: lost"
        assert len(stored) == len(set(stored)), f"kill {kill}: stored twice"
        lost = [attempt for attempt in lost_attempts(folder) if attempt.session == kill + 2]
        assert len(lost) <= IN_FLIGHT
    killed_after(processes, folder, sys.maxsize, 0.0)
    run = load(folder)
    assert run.results == {trial_id: rounded(result) for trial_id, result in KILLED_RUN.results.items()}
    assert run.manifest == KILLED_RUN.manifest
    assert verify(folder) == []


def rows(folder: Path, query: str) -> list[tuple[str]]:
    connection = sqlite3.connect(folder / "run.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def hold_until_killed(suite_folder: Path, sender: Connection) -> None:
    with lock.hold(suite_folder):
        sender.send(os.getpid())
        time.sleep(60)


def test_a_second_process_is_refused_and_a_killed_owner_leaves_no_lock(
    tmp_path: Path, processes: multiprocessing.context.BaseContext
) -> None:
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=hold_until_killed, args=(tmp_path, sender))
    process.start()
    sender.close()
    pid = receiver.recv()
    with pytest.raises(StoreError, match=f"process {pid}, started"), lock.hold(tmp_path):
        pass
    process.kill()
    process.join()
    receiver.close()
    with lock.hold(tmp_path):
        pass


def test_a_run_can_be_read_while_another_process_writes_it(
    tmp_path: Path, processes: multiprocessing.context.BaseContext
) -> None:
    with create(tmp_path, KILLED_RUN) as store:
        folder = store.folder
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=write_until_killed, args=(folder, sender))
    process.start()
    sender.close()
    for n_acknowledged, trial_id in enumerate(received(receiver, sys.maxsize), start=1):
        if n_acknowledged % 100 == 0:
            assert load(folder).results[trial_id] == rounded(KILLED_RUN.results[trial_id])
    process.join()
    receiver.close()
    assert process.exitcode == 0
    assert load(folder).manifest == KILLED_RUN.manifest
