from __future__ import annotations

import json

import pytest

from evalharness.wire.strict_json import MAX_DEPTH, MalformedJsonError, parse_json


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


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":[1],"b":', "}"), ('[{"a":[', "]}]")])
def test_nesting_is_bounded_by_a_number_and_not_by_what_is_left_of_the_stack(opening: str, closing: str):
    levels = sum(opening.count(bracket) for bracket in "[{") - opening.count("]")

    def nested(times: int) -> bytes:
        return (opening * times + "[]" + closing * times).encode()

    most = (MAX_DEPTH - 1) // levels
    assert json.loads(nested(most)) == parse_json(nested(most))
    with pytest.raises(MalformedJsonError, match="nested too deeply"):
        parse_json(nested(most + 1))


def test_many_brackets_that_are_not_nested_are_read():
    assert parse_json(b"[" + b"[{}]," * 5_000 + b"1]")[-1] == 1
