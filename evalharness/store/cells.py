"""What a value looks like inside one cell of the database, exactly recoverable.

Text is TEXT. Only text that has no UTF-8 form (lone surrogates, which a JSON escape can bring) is a BLOB in Python's
``surrogatepass`` encoding, so that it comes back as it was. JSON is kept unescaped for the person who queries it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

#: What a text cell holds.
TextCell: TypeAlias = str | bytes | None


def text_cell(text: str | None) -> TextCell:
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return utf8(text)
    return text


def text_of(cell: TextCell) -> str | None:
    return cell.decode("utf-8", "surrogatepass") if isinstance(cell, bytes) else cell


def utf8(text: str) -> bytes:
    """The bytes of any string: UTF-8 where it has one, lone surrogates as three bytes each."""
    return text.encode("utf-8", "surrogatepass")


def json_cell(value: Any) -> str | bytes:
    """JSON without spaces, keys in their order: a body stays as it was sent.

    Raises ``TypeError``, ``ValueError`` or ``RecursionError`` for what is no JSON.
    """
    cell = text_cell(_ENCODER.encode(value))
    assert cell is not None
    return cell


def json_of(cell: TextCell) -> Any:
    """The value of a cell; None for an empty cell."""
    text = text_of(cell)
    return None if text is None else json.loads(text)


def _plain(value: object) -> dict[Any, Any]:
    """Mappings that are no ``dict`` (frozen views) are written as what they show."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
