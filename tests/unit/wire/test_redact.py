from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from evalharness.wire.redact import redact
from evalharness.wire.settings import CodecSettings

KEY = "sk-proj-a+b/c=d0123456789"


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
        base64.b64encode(KEY.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(b"user:" + KEY.encode() + b"@host").decode(),
        base64.b64encode(b"Bearer " + KEY.encode()).decode(),
        base64.b64encode(b"ab" + KEY.encode() + b"xyz").decode(),
    ],
    ids=["raw", "url", "hex", "HEX", "base64", "in base64url", "bearer base64", "shifted base64"],
)
def test_no_form_of_the_key_survives(form: str):
    cleaned = redact(f"before {form} after", [KEY])
    assert "[redacted]" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    # Of the base64 forms only the characters that also depend on neighbours may remain.
    assert len(cleaned) < len("before [redacted] after") + 16


def test_whatever_follows_bearer_goes_even_when_the_key_is_not_known():
    assert redact("authorization: Bearer abc.def-123, x", []) == "authorization: Bearer [redacted], x"


def test_ordinary_text_stays():
    assert redact("the answer is 12", [KEY, "", "an"]) == "the answer is 12"


def test_settings_do_not_show_the_secret():
    assert KEY not in repr(CodecSettings(secrets=(KEY,)))
