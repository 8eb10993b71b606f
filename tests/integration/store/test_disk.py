"""Disks that are full, too small or read-only. Small file systems are mounted where this process may do so."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evalharness.core.errors import ExitCode, StoreError
from evalharness.core.model import Status
from evalharness.core.record import RunRecord
from evalharness.store import run_store
from evalharness.store.load import load
from evalharness.store.reserve import RESERVE_BYTES
from evalharness.store.run_store import RunStore
from evalharness.store.verify import verify
from tests.support.runs import make_run
from tests.support.stored import append_all, create, rounded, store_run

MIB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """20 MiB: 4 MiB more than the reserve."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={RESERVE_BYTES + 4 * MIB}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        assert not os.environ.get("CI"), mounted.stderr
        pytest.skip("a small file system can be mounted by root only")
    yield disk
    subprocess.run(["umount", disk], check=True)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def wide(run: RunRecord, n_bytes: int) -> list:
    """Results with an answer of so many bytes each."""
    return [
        replace(
            result,
            calls=tuple(
                replace(call, answer=replace(call.answer, text=os.urandom(n_bytes // 2).hex())) for call in result.calls
            ),
        )
        for result in run.results.values()
    ]


def test_when_the_disk_fills_up_calls_in_flight_are_stored_and_nothing_more_is_sent(small_disk: Path) -> None:
    run = make_run(arms=2, cases=100, repeats=1, seed=1, failures=0.0)
    results, stored = wide(run, 256 * 1024), []

    async def until_refused(store: RunStore) -> None:
        in_flight = 4
        for first in range(0, len(results), in_flight):
            together = results[first : first + in_flight]
            for result in together:
                await store.begin_attempt(result.trial_id, 0, 0)
            await asyncio.gather(*(store.append(result) for result in together))
            stored.extend(together)

    with create(small_disk, run) as store:
        with pytest.raises(StoreError, match=r"run\.db: database or disk is full") as caught:
            asyncio.run(until_refused(store))
        assert caught.value.exit_code == ExitCode.STORE
        # It was an attempt that was refused: whatever had been paid for found room in the reserve.
        assert len(stored) % 4 == 0
        assert len(stored) * 256 * 1024 > 2 * MIB
        asyncio.run(store.finish(replace(run.manifest, stop_message="no room")))
    expected = {result.trial_id: rounded(result) for result in stored}
    ended = {key: result for key, result in load(store.folder).results.items() if result.status is not Status.PENDING}
    assert ended == expected
    assert verify(store.folder) == []

    with pytest.raises(StoreError, match="no room for a run") as caught:
        run_store.open(store.folder)
    assert "free some disk space" in (caught.value.hint or "")
    remount(small_disk, f"size={200 * MIB}")
    with run_store.open(store.folder) as resumed:
        append_all(resumed, [result for result in results if result.trial_id not in expected])
    assert load(store.folder).results == {result.trial_id: rounded(result) for result in results}


def test_a_disk_without_room_is_refused_before_any_call_and_left_as_it_was(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(6 * MIB))
    run = make_run(arms=1, cases=1, repeats=1)
    with pytest.raises(StoreError, match="16 MiB are kept in reserve"):
        create(small_disk, run)
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["ballast"]


def test_a_run_on_a_read_only_disk_is_read_and_not_continued(small_disk: Path) -> None:
    run = make_run(arms=2, cases=3, repeats=1, seed=2)
    folder = store_run(small_disk, run)
    remount(small_disk, "ro")
    assert load(folder).results == {trial_id: rounded(result) for trial_id, result in run.results.items()}
    with pytest.raises(StoreError, match="Read-only file system") as caught:
        run_store.open(folder)
    assert "--out" in (caught.value.hint or "")
    with pytest.raises(StoreError, match="Read-only file system"):
        create(small_disk / "other", run)


def test_a_killed_run_on_a_read_only_disk_is_read_with_its_last_rows(small_disk: Path) -> None:
    run = make_run(arms=2, cases=3, repeats=1, seed=2)
    with create(small_disk, run) as store:
        append_all(store, run.results.values())
        for name in ("run.db", "run.db-wal"):
            (small_disk / name).write_bytes((store.folder / name).read_bytes())
    remount(small_disk, "ro")
    assert load(small_disk).results == {trial_id: rounded(result) for trial_id, result in run.results.items()}


LIMITED = """
import asyncio, json, resource, signal, sys
from pathlib import Path
from evalharness.core.errors import StoreError
from evalharness.store import run_store

folder = Path(sys.argv[1])
from tests.support.stored import KILLED_RUN

acknowledged = []

async def run(store):
    for result in KILLED_RUN.results.values():
        await store.begin_attempt(result.trial_id, 0, 0)
        await store.append(result)
        acknowledged.append(result.trial_id)

with run_store.open(folder) as store:
    # From here on every write beyond this offset of any file fails, as it does on a broken disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        asyncio.run(run(store))
    except StoreError as error:
        print(json.dumps({"acknowledged": acknowledged, "message": error.message}))
"""


@pytest.mark.parametrize("limit_bytes", [300_000, 700_000, 1_000_000])
def test_when_writes_fail_in_the_middle_what_was_acknowledged_is_there(tmp_path: Path, limit_bytes: int) -> None:
    from tests.support.stored import KILLED_RUN

    with create(tmp_path, KILLED_RUN) as store:
        folder = store.folder
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, folder, str(limit_bytes)], capture_output=True, text=True, check=True
    )
    outcome = json.loads(child.stdout)
    assert "run.db: disk I/O error" in outcome["message"]
    stored = load(folder).results
    assert outcome["acknowledged"]
    for trial_id in outcome["acknowledged"]:
        assert stored[trial_id] == rounded(KILLED_RUN.results[trial_id])
    assert verify(folder) == []
