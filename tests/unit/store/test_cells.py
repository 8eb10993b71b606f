from __future__ import annotations

from types import MappingProxyType

import pytest

from evalharness.store.cells import json_cell, json_of, text_cell, text_of


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
