"""Identity by content: equal content has an equal id on every machine and in every process."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces. Lone surrogates are escaped, so that any text can be hashed.

    Raises ``TypeError`` for values that are no JSON and ``ValueError`` for NaN and infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def content_id(value: Any, *, digits: int = 16) -> str:
    """The first ``digits`` hexadecimal digits of the SHA-256 of ``value``'s canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()[:digits]
