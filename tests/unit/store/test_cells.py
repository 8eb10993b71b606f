from __future__ import annotations

from array import array
from types import MappingProxyType

import pytest

from evalharness.store.cells import json_cell, json_of, pack_arrivals, text_cell, text_of, unpack_arrivals


@pytest.mark.parametrize("text", ["", "plain", "grüße 💶", "\x00\x1b[31m", "\ud800", "\ud83d\ude00", "a\udfffb"])
def test_text_comes_back_as_it_was(text: str) -> None:
    assert text_of(text_cell(text)) == text


def test_text_with_a_utf8_form_is_stored_as_text_a_person_can_query() -> None:
    assert text_cell("grüße 💶") == "grüße 💶"


def test_two_lone_surrogates_do_not_become_one_character_inside_json() -> None:
    assert json_of(json_cell(["\ud83d\ude00"])) == ["\ud83d\ude00"]


def test_numbers_in_json_are_exact() -> None:
    numbers = [10**40, -(2**63) - 1, 0.1, 5e-324, 1.7976931348623157e308]
    assert json_of(json_cell(numbers)) == numbers


def test_keys_keep_the_order_in_which_they_were_sent() -> None:
    assert list(json_of(json_cell(MappingProxyType({"z": 1, "a": 2})))) == ["z", "a"]


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set is no JSON"):
        json_cell({"a": {1}})


def test_arrivals_come_back_within_half_a_microsecond_however_many_there_are() -> None:
    arrivals = array("q", (7_000_000_123 + index * 9_999_499 for index in range(5_000)))
    back = unpack_arrivals(pack_arrivals(arrivals))
    assert len(back) == len(arrivals)
    assert back[0] == arrivals[0]
    assert max(abs(stored - seen) for stored, seen in zip(back, arrivals, strict=True)) <= 500


def test_an_hour_between_two_arrivals_is_kept() -> None:
    arrivals = array("q", (5_000, 5_000 + 3_600 * 10**9, 6_000 + 3_600 * 10**9))
    assert unpack_arrivals(pack_arrivals(arrivals)) == arrivals


def test_no_arrivals_are_an_empty_cell() -> None:
    assert pack_arrivals(array("q")) is None
    assert unpack_arrivals(None) == array("q")


def test_arrivals_take_less_than_four_bytes_each() -> None:
    packed = pack_arrivals(array("q", (index * 10_000_000 + index % 7 * 31_000 for index in range(50))))
    assert packed is not None
    assert len(packed) < 50 * 4
