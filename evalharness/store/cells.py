"""What a value looks like inside one cell of the database, exactly recoverable.

Text is TEXT. Only text that has no UTF-8 form (lone surrogates, which a JSON escape can bring) is a BLOB in Python's
``surrogatepass`` encoding, so that it comes back as it was. JSON is kept unescaped for the person who queries it.
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

#: What a text cell holds.
TextCell: TypeAlias = str | bytes | None

_HEADER = struct.Struct("<cq")


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
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    cell = text_cell(text)
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


def pack_arrivals(arrivals_ns: array[int]) -> bytes | None:
    """Arrival stamps as one small blob: the first one exact, then gaps of whole microseconds.

    Offsets are rounded before they are subtracted, so no stamp is off by more than half a microsecond however many
    there are. The gaps are int32, split into byte planes (the high bytes are nearly all zero) and deflated; a gap
    beyond 35 minutes makes the blob int64. None for no stamps.
    """
    if not arrivals_ns:
        return None
    first_ns = arrivals_ns[0]
    offsets_us = [(at_ns - first_ns + 500) // 1000 for at_ns in arrivals_ns]
    gaps_us = [later - earlier for earlier, later in pairwise(offsets_us)]
    width = "i" if all(-(2**31) <= gap < 2**31 for gap in gaps_us) else "q"
    packed = struct.pack(f"<{len(gaps_us)}{width}", *gaps_us)
    size = struct.calcsize(f"<{width}")
    planes = b"".join(packed[plane::size] for plane in range(size))
    return _HEADER.pack(width.encode(), first_ns) + zlib.compress(planes)


def unpack_arrivals(blob: bytes | None) -> array[int]:
    """What ``pack_arrivals`` packed, to half a microsecond."""
    if blob is None:
        return array("q")
    code, first_ns = _HEADER.unpack_from(blob)
    planes = zlib.decompress(blob[_HEADER.size :])
    size = struct.calcsize(f"<{code.decode()}")
    n_gaps = len(planes) // size
    packed = bytearray(len(planes))
    for plane in range(size):
        packed[plane::size] = planes[plane * n_gaps : (plane + 1) * n_gaps]
    gaps_us = struct.unpack(f"<{n_gaps}{code.decode()}", packed)
    return array("q", (first_ns + offset_us * 1000 for offset_us in accumulate(gaps_us, initial=0)))
