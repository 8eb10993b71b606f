"""Keeps a secret out of everything that is written down."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

T = TypeVar("T")

REDACTED = "[redacted]"
#: Below this a secret is a word of ordinary text, and taking it out would destroy messages without hiding anything.
MIN_SECRET_CHARS = 4
#: Below this a key is a placeholder such as "none" or "1234", which an answer may well say: it is not taken out there.
MIN_SECRET_CHARS_IN_ANSWERS = 12

_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+")


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` without the secrets: as they are, URL-encoded, in hexadecimal, in base64, and after ``Bearer``."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARS:
            for form in _forms(secret):
                text = text.replace(form, REDACTED)
    return _BEARER.sub(rf"\1{REDACTED}", text)


def without_secrets(value: T, secrets: tuple[str, ...]) -> T:
    """What a service sent, without the secrets wherever they stand in it: texts, keys and values of JSON, fields.

    The same object where nothing was found. What follows ``Bearer`` stays: an answer may be about just that.
    """
    forms, is_plain = _forms_in_answers(secrets)
    if not forms:
        return value
    if is_plain:  # a third of the time of looking at each text by itself, and there is hardly ever anything
        written = repr(value)
        if not any(form in written for form in forms):
            return value
    cleaned: T = _without(value, forms)
    return cleaned


@lru_cache(maxsize=64)
def _forms_in_answers(secrets: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """The forms, and whether ``repr`` writes each of them as it is."""
    known = [form for secret in secrets if len(secret) >= MIN_SECRET_CHARS_IN_ANSWERS for form in _forms(secret)]
    return tuple(known), all(repr(form) == f"'{form}'" for form in known)


def _without(value: Any, forms: tuple[str, ...]) -> Any:
    if type(value) is str:  # words of an enumeration stay what they are
        for form in forms:
            if form in value:
                value = value.replace(form, REDACTED)
        return value
    if isinstance(value, Mapping):
        pairs = [(_without(key, forms), _without(item, forms)) for key, item in value.items()]
        same = all(new is key and kept is item for (new, kept), (key, item) in zip(pairs, value.items(), strict=True))
        return value if same else dict(pairs)
    if isinstance(value, (list, tuple)):
        items = [_without(item, forms) for item in value]
        return type(value)(items) if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if is_dataclass(value) and not isinstance(value, type):
        old = {field.name: getattr(value, field.name) for field in fields(value)}
        new = {name: cleaned for name, item in old.items() if (cleaned := _without(item, forms)) is not item}
        return replace(value, **new) if new else value
    return value


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
