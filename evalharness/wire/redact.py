"""Keeps a secret out of everything that is written down."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

REDACTED = "[redacted]"
#: Below this a secret is a word of ordinary text, and taking it out would destroy messages without hiding anything.
MIN_SECRET_CHARS = 4

_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+")


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` without the secrets: as they are, URL-encoded, in hexadecimal, in base64, and after ``Bearer``."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARS:
            for form in _forms(secret):
                text = text.replace(form, REDACTED)
    return _BEARER.sub(rf"\1{REDACTED}", text)


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield quote(raw, safe="")
    yield raw.hex()
    yield raw.hex().upper()
    for core in _base64_cores(raw):
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _base64_cores(raw: bytes) -> Iterator[str]:
    """What base64 makes of ``raw`` wherever it stands in a longer text: one form for each position modulo 3."""
    for before, first in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + raw).decode("ascii")
        yield encoded[first : (before + len(raw)) * 8 // 6]
