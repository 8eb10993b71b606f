from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from evalharness.core.errors import StoreError
from evalharness.store.verify import verify
from tests.support.runs import make_run
from tests.support.stored import store_run

RUN = make_run(arms=2, cases=3, repeats=2, seed=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return store_run(tmp_path, RUN)


def alter(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "run.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_run_as_it_was_written_has_no_fault(folder: Path) -> None:
    assert verify(folder) == []


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE cases SET expected = '\"8\"' WHERE position = 1", "the plan was altered"),
        ("UPDATE manifest SET plan_hash = 'x'", "the manifest belongs to another plan"),
        ("UPDATE requests SET body = replace(body, 'apples', 'pears')", "requests was altered"),
        ("DELETE FROM trials WHERE position = 1", "row 1 of results belongs to no trial of the plan"),
        ("UPDATE results SET status = 'splendid' WHERE result = 1", "a row cannot be read"),
        ("UPDATE results SET numbers = substr(numbers, 1, 20) WHERE result = 2", "a row cannot be read"),
        ("UPDATE results SET gaps = substr(gaps, 1, 9) WHERE result = 3", "a row cannot be read"),
        ("DELETE FROM outputs WHERE result = 1", "a row cannot be read"),
    ],
)
def test_an_altered_row_is_found(folder: Path, statement: str, sentence: str) -> None:
    alter(folder, statement)
    assert any(sentence in fault for fault in verify(folder))


def test_a_damaged_file_is_found(folder: Path) -> None:
    path = folder / "run.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 8] = bytes(4096 * 5)
    path.write_bytes(content)
    assert verify(folder) != []


def test_a_cut_file_is_found(folder: Path) -> None:
    path = folder / "run.db"
    path.write_bytes(path.read_bytes()[:8192])
    assert verify(folder) != []


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        verify(tmp_path)
