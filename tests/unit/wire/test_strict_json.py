from __future__ import annotations

import json

import pytest

from evalharness.wire.strict_json import MalformedJsonError, parse_json


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"a":1} x', b"[" * 100_000, b'"\xff"', b'"\xed\xa0\x80"', b"1" * 5000, b"\xff\xfe{\x00}\x00"],
    ids=["empty", "open", "rest", "deep", "bad UTF-8", "raw surrogate", "endless integer", "UTF-16"],
)
def test_what_is_no_json_in_utf8_is_refused(text: bytes):
    with pytest.raises(MalformedJsonError):
        parse_json(text)


def test_numbers_that_json_cannot_write_stay_as_their_text():
    value = parse_json(b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1.5, "e": 12}')
    assert value == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": 1.5, "e": 12}
    json.dumps(value, allow_nan=False)


def test_escaped_surrogates_nul_and_ansi_are_kept_as_they_are():
    assert parse_json(rb'"\ud83d \u0000 \u001b[31m"') == "\ud83d \x00 \x1b[31m"
