"""Data for the page's script: JSON as gzip in base64, which no text in it can break out of."""

from __future__ import annotations

import base64
import json
import math
import zlib

from evalharness.core.model import Json

#: Has zlib write a file of ``gzip``, without name and date: equal content has equal bytes.
_GZIP = 16 + zlib.MAX_WBITS
_DEFLATED_AT_ONCE = 1 << 20


def compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def packed(*texts: str) -> str:
    """The texts joined, as gzip in base64."""
    text = packed_within(math.inf, *texts)
    assert text is not None  # there is no limit
    return text


def packed_within(limit: float, *texts: str) -> str | None:
    """As ``packed``; None, as soon as that is known, where it takes more than ``limit`` bytes."""
    deflater, parts, size = zlib.compressobj(9, zlib.DEFLATED, _GZIP), [], 0
    for text in texts:
        data = memoryview(text.encode())
        for start in range(0, len(data), _DEFLATED_AT_ONCE):
            parts.append(deflater.compress(data[start : start + _DEFLATED_AT_ONCE]))
            size += len(parts[-1])
            if size * 4 > limit * 3:
                return None
    parts.append(deflater.flush())
    encoded = base64.b64encode(b"".join(parts)).decode("ascii")
    return encoded if len(encoded) <= limit else None
