"""Request bodies, each stored once, and the long texts inside them (images as ``data:`` URLs), each stored once too.

A body is the same for every repeat of a case on an arm; an image is the same for every arm as well.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evalharness.core.model import Json
from evalharness.store.cells import TextCell, json_cell, json_of, text_cell, text_of, utf8

#: From here on a string is worth a row of its own.
LONG_TEXT_CHARS = 2048
# Strings of a body that begin like a reference are moved out too, however short: so none can be mistaken for one.
_REFERENCE = "\x00long_text:"


def sha256_of(cell: str | bytes) -> str:
    return hashlib.sha256(utf8(cell) if isinstance(cell, str) else cell).hexdigest()


def keep_body(connection: sqlite3.Connection, body: Mapping[str, Json]) -> int:
    """The number of ``body`` in the table ``requests``, written if it is new."""

    def keep_text(text: str) -> str:
        cell = text_cell(text)
        assert cell is not None
        sha256 = sha256_of(cell)
        connection.execute("INSERT INTO long_texts (sha256, text) VALUES (?, ?) ON CONFLICT DO NOTHING", (sha256, cell))
        return _REFERENCE + sha256

    cell = json_cell(_replace(body, _is_long, keep_text))
    sha256 = sha256_of(cell)
    connection.execute("INSERT INTO requests (sha256, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (sha256, cell))
    row = connection.execute("SELECT request FROM requests WHERE sha256 = ?", (sha256,)).fetchone()
    return int(row[0])


class Bodies(Mapping[int, Mapping[str, Json]]):
    """Bodies by number, each decoded when it is first asked for; equal long texts are one object in memory."""

    def __init__(self, cells: Mapping[int, TextCell], long_texts: Mapping[str, str]) -> None:
        self._cells, self._long_texts = cells, long_texts
        self._decoded: dict[int, Mapping[str, Json]] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[int]:
        return iter(self._cells)

    def __getitem__(self, number: int) -> Mapping[str, Json]:
        body = self._decoded.get(number)
        if body is None:
            texts = self._long_texts
            body = _replace(json_of(self._cells[number]), texts.__contains__, texts.__getitem__)
            self._decoded[number] = body
        return body


def read_bodies(connection: sqlite3.Connection) -> Bodies:
    """All bodies by number."""
    texts = connection.execute("SELECT sha256, text FROM long_texts")
    return Bodies(
        dict(connection.execute("SELECT request, body FROM requests")),
        {_REFERENCE + sha256: text_of(cell) or "" for sha256, cell in texts},
    )


def _is_long(text: str) -> bool:
    return len(text) >= LONG_TEXT_CHARS or text.startswith(_REFERENCE)


def _replace(value: Any, wanted: Callable[[str], bool], replacement: Callable[[str], str]) -> Any:
    """``value`` with every wanted string (keys are left alone) replaced."""
    if isinstance(value, str):
        return replacement(value) if wanted(value) else value
    if isinstance(value, Mapping):
        return {key: _replace(item, wanted, replacement) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace(item, wanted, replacement) for item in value]
    return value
