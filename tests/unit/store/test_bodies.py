from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from evalharness.store import schema
from evalharness.store.bodies import LONG_TEXT_CHARS, keep_body, read_bodies

IMAGE = "data:image/png;base64," + "iVBOR" * LONG_TEXT_CHARS


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection, applied_utc="2026-11-22T14:02:16.000Z")
    yield connection
    connection.close()


def count(connection: sqlite3.Connection, table: str) -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def body(effort: str) -> dict[str, object]:
    content = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": IMAGE}]
    return {"model": "m", "reasoning": {"effort": effort}, "input": [{"role": "user", "content": content}]}


def test_the_same_body_is_stored_once(connection: sqlite3.Connection) -> None:
    assert keep_body(connection, body("low")) == keep_body(connection, body("low"))
    assert count(connection, "requests") == 1


def test_an_image_is_stored_once_for_all_arms(connection: sqlite3.Connection) -> None:
    bodies = {keep_body(connection, body(effort)): body(effort) for effort in ("low", "medium", "high")}
    assert count(connection, "requests") == 3
    assert count(connection, "long_texts") == 1
    assert read_bodies(connection) == bodies
    stored = connection.execute("SELECT max(length(body)) FROM requests").fetchone()[0]
    assert stored < len(IMAGE)


def test_a_text_that_looks_like_a_reference_is_not_taken_for_one(connection: sqlite3.Connection) -> None:
    keep_body(connection, body("low"))
    (sha256,) = connection.execute("SELECT sha256 FROM long_texts").fetchone()
    hostile = {"input": f"\x00long_text:{sha256}", "\x00long_text:key": 1}
    number = keep_body(connection, hostile)
    assert read_bodies(connection)[number] == hostile
