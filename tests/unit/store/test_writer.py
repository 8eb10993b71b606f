from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Event

import pytest

from evalharness.core.errors import StoreError
from evalharness.store import writer
from evalharness.store.connect import connect_for_writing, create_file
from evalharness.store.reserve import Reserve
from evalharness.store.writer import Job, Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "suite" / "run" / "run.db"
    path.parent.mkdir(parents=True)
    create_file(path)
    connection = connect_for_writing(path, synchronous="FULL")
    connection.execute("CREATE TABLE rows (row)")
    connection.close()
    return path


@pytest.fixture
def reserve(path: Path) -> Reserve:
    return Reserve(path.with_name("reserve"), n_bytes=4096)


@pytest.fixture
def opened(path: Path, reserve: Reserve) -> Iterator[Writer]:
    opened = Writer(path, reserve)
    yield opened
    opened.close()


def insert(opened: Writer, content: str, *, durable: bool = True) -> Future[None]:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO rows VALUES (?)", (content,))

    return opened.submit(Job(what=f"row {content}", work=work, durable=durable))


def stored(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [row for (row,) in connection.execute("SELECT row FROM rows ORDER BY rowid")]
    finally:
        connection.close()


def test_what_is_queued_while_the_disk_is_busy_becomes_one_commit_with_attempts_first(
    opened: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions, started, go_on = [], Event(), Event()
    real = writer._transaction

    def recorded(connection: sqlite3.Connection, jobs: list[Job]) -> dict[Job, Exception]:
        transactions.append([job.what for job in jobs])
        started.set()
        go_on.wait(10)
        return real(connection, jobs)

    monkeypatch.setattr(writer, "_transaction", recorded)
    futures = [insert(opened, "a")]
    started.wait(10)
    futures += [insert(opened, "b"), insert(opened, "c", durable=False), insert(opened, "d")]
    go_on.set()
    for future in futures:
        assert future.result(timeout=10) is None
    assert transactions == [["row a"], ["row c"], ["row b", "row d"]]
    assert stored(path) == ["a", "c", "b", "d"]


def test_a_job_is_done_when_others_can_read_it_and_not_before(opened: Writer, path: Path) -> None:
    for number in range(20):
        insert(opened, str(number)).result(timeout=10)
        assert len(stored(path)) == number + 1


def test_the_reserve_lets_results_in_and_no_more_attempts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full until the reserve is given back."""

    class Room(Reserve):
        def release(self) -> bool:
            released = super().release()
            if released:
                opened._durable.execute("PRAGMA max_page_count = 100000")
            return released

    def connect_limited(path: Path, *, synchronous: str) -> sqlite3.Connection:
        connection = connect_for_writing(path, synchronous=synchronous)
        connection.execute("PRAGMA max_page_count = 8")
        return connection

    monkeypatch.setattr(writer, "connect_for_writing", connect_limited)
    opened = Writer(path, Room(path.with_name("reserve"), n_bytes=4096))
    wide = "x" * 40_000
    try:
        insert(opened, "attempt", durable=False).result(timeout=10)
        insert(opened, wide).result(timeout=10)
        with pytest.raises(StoreError, match="full"):
            insert(opened, "another attempt", durable=False).result(timeout=10)
        insert(opened, "another result").result(timeout=10)
    finally:
        opened.close()
    assert stored(path) == ["attempt", wide, "another result"]


def test_an_error_nobody_foresaw_reaches_those_who_wait_and_all_who_come_later(opened: Writer, path: Path) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO rows VALUES ('half')")
        raise MemoryError("out of memory")

    insert(opened, "before").result(timeout=10)
    with pytest.raises(StoreError, match="out of memory"):
        opened.submit(Job(what="it", work=broken, durable=True)).result(timeout=10)
    with pytest.raises(StoreError, match="out of memory"):
        insert(opened, "after").result(timeout=10)
    opened.close()
    assert stored(path) == ["before"]


def test_closing_writes_what_is_queued_and_gives_the_reserve_back(opened: Writer, path: Path) -> None:
    futures = [insert(opened, str(number)) for number in range(100)]
    opened.close()
    assert all(future.done() for future in futures)
    assert len(stored(path)) == 100
    assert [other.name for other in path.parent.iterdir()] == ["run.db"]
