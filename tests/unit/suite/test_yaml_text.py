from __future__ import annotations

import pytest

from evalharness.core.errors import SuiteError
from evalharness.suite import yaml_text


def load(text):
    return yaml_text.load(text, "f.yaml").value


# Expected values: the "Core Schema" of the YAML 1.2.2 specification, section 10.3.2, with one stricter rule of ours.
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("none", "none"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-19", -19),
        ("+7", 7),
        ("0o14", 12),
        ("0x3A", 58),
        ("0.5", 0.5),
        ("-2E+05", -2e5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("012", "012"),  # ours: a leading zero makes an id
        ("007", "007"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("2026-11-01", "2026-11-01"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("1.2.3", "1.2.3"),
        ("- ", [None]),
    ],
)
def test_scalars_are_resolved_as_in_yaml_1_2(written, value):
    found = load(f"key:\n  {written}\n")["key"]
    assert found == value and type(found) is type(value)


def test_a_number_keeps_the_text_it_was_written_as():
    document = yaml_text.load("a: [{expected: 1.10}]", "f.yaml")
    assert document.value == {"a": [{"expected": 1.1}]}
    assert document.nearest(("a", 0, "expected")).source == "1.10"


def test_places_count_from_one_and_point_at_keys_and_values():
    document = yaml_text.load("é: x\nlist:\n  - {ä: 1, b: 2}\n", "f.yaml")
    assert document.key_place(("list", 0, "b")) == (3, 12)
    assert document.place(("list", 0, "b")) == (3, 15)
    assert document.place(("list", 7)) == document.place(("list",)) == (3, 3)


@pytest.mark.parametrize("text", ["\ufeffa: 1", "a: 1\r\n", "---\na: 1\n...\n"])
def test_byte_order_mark_line_ends_and_document_marks_are_accepted(text):
    assert load(text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested more than"),
        ("{a: " * 51, "nested more than"),
        ("- x\n" * 100_001, "more than 100000 values"),
        ("x" * (5 * 2**20 + 1), "more than 5 MiB"),
        ("é" * (3 * 2**20), "more than 5 MiB"),
        ("9" * 301, "more than 300 digits"),
        ("a: 1e999", "too large"),
        ("a: .nan", "no number that JSON can carry"),
        ("a: -.Inf", "no number that JSON can carry"),
        ("<<: *x", "alias"),
        ("a: 1\n--- \nb: 2", "second document"),
        ("a: {b: 1, 'b': 2}", "written twice"),
        ("true: 1", "a key must be text, not true"),
        ("? {a: b}\n: c", "a key must be text, not a list or mapping"),
        ("a: '\ud800'", "not Unicode scalar values"),
        ("a: \x07", "control characters"),
        ("a: %x", "cannot start any token"),
    ],
)
def test_hostile_text_is_refused_with_a_sentence(text, message):
    with pytest.raises(SuiteError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert message in problem.message


def test_names_from_the_file_are_shortened_and_shown_without_control_characters():
    assert yaml_text.quoted("a\x1b[31mb") == "`a?[31mb`"
    assert len(yaml_text.quoted("x" * 1000)) < 70
