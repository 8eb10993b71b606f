"""The graders that need no explanation, and how every score gets its name."""

from __future__ import annotations

import pytest

from evalharness.core.errors import UsageError
from evalharness.core.model import Status
from evalharness.core.record import Answer, Score
from evalharness.graders import build, load, names
from evalharness.graders._named import NamedGrader
from tests.support.graders import CASE, graded, transcript


@pytest.mark.parametrize(
    ("grader_type", "params", "text", "value"),
    [
        ("exact", {"expected": "Paris"}, " Paris\n", 1.0),
        ("exact", {"expected": "Paris"}, "Paris.", 0.0),
        ("exact", {"expected": "Paris"}, "paris", 0.0),
        ("exact", {"expected": "Straße", "ignore_case": True}, "STRASSE", 1.0),
        ("exact", {"expected": "caf\u00e9"}, "cafe\u0301", 1.0),
        ("exact", {"expected": "10²"}, "102", 0.0),
        ("exact", {"expected": ""}, " ", 1.0),
        ("contains", {"expected": "cat"}, "category", 1.0),
        ("contains", {"expected": " cat "}, "category", 0.0),
        ("contains", {"expected": "CAT"}, "category", 0.0),
        ("contains", {"expected": "CAT", "ignore_case": True}, "category", 1.0),
        ("contains_all", {"values": ["a", "b", "c"]}, "a c", 2 / 3),
        ("contains_all", {"values": ["a", "b"]}, "b a", 1.0),
        ("contains_any", {"values": ["a", "b"]}, "xxb", 1.0),
        ("contains_any", {"values": ["a", "b"]}, "xxc", 0.0),
        ("starts_with", {"expected": "Dear"}, "\n Dear Ada", 1.0),
        ("starts_with", {"expected": "Dear"}, "My Dear", 0.0),
        ("word_count", {"max": 2}, "one two", 1.0),
        ("word_count", {"max": 2}, "one two three", 0.0),
        ("word_count", {"min": 2}, "one - !", 0.0),
        ("word_count", {"min": 1, "max": "2"}, "don't stop", 1.0),
        ("word_count", {"max": 0}, "", 1.0),
        ("refusal", {}, "I can't help with that.", 0.0),
        ("refusal", {"phrases": ["I can't help"]}, "Sorry, i can’t help with that.", 1.0),
        ("refusal", {"phrases": ["I can't help"]}, "x" * 300 + "I can't help", 0.0),
    ],
)
def test_value_of_an_answer(grader_type: str, params: dict[str, object], text: str, value: float) -> None:
    score = graded(grader_type, text, **params)
    assert score.value == pytest.approx(value), score.reason
    assert (score.reason is None) == (value == 1.0)


def test_similarity_of_the_textbook_example() -> None:
    """kitten -> sitting takes three edits (Levenshtein 1966's standard example), of at most seven letters."""
    assert graded("similarity", "kitten", expected="sitting", pass_at=0.5).value == pytest.approx(1 - 3 / 7)
    assert graded("similarity", "", expected="abc").value == 0.0


def test_similarity_of_two_very_long_texts_is_not_graded() -> None:
    assert graded("similarity", "a" * 40_000, expected="b" * 40_000).value is None


@pytest.mark.parametrize(
    ("stop_reason", "expected", "value"),
    [("completed", "completed", 1.0), ("max_output_tokens", "completed", 0.0), (None, "completed", None)],
)
def test_finish_reason(stop_reason: str | None, expected: str, value: float | None) -> None:
    answer = Answer(text="x", stop_reason=stop_reason)
    assert graded("finish_reason", answer, expected=expected).value == value


def test_refusal_by_part_or_by_status() -> None:
    assert graded("refusal", Answer(refusal="I won't.")).value == 1.0
    assert graded("refusal", transcript("", status=Status.REFUSED)).value == 1.0


@pytest.mark.parametrize(
    ("measured", "value"),
    [({"ttfo_ms": 100.0}, 1.0), ({"ttfo_ms": 100.1}, 0.0), ({"ttfo_ms": None}, None), ({}, None)],
)
def test_limit_and_what_was_not_measured(measured: dict[str, float | None], value: float | None) -> None:
    score = graded("limit", transcript("x", measured=measured), metric="ttfo_ms", at_most="100")
    assert score.value == value
    assert (score.reason is None) == (value == 1.0)


def test_not_a_number_was_not_measured() -> None:
    given = transcript("x", measured={"cost_usd": float("nan")})
    assert graded("limit", given, metric="cost_usd", at_most=1).value is None


@pytest.mark.parametrize(("pass_at", "passed"), [(0.5, True), (2 / 3, True), (0.7, False)])
def test_passed_compares_the_value_with_pass_at(pass_at: float, passed: bool) -> None:
    score = graded("contains_all", "a b", pass_at=pass_at, values=["a", "b", "c"])
    assert score == Score(grader="g", value=2 / 3, passed=passed, reason="missing: 'c'")


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_value_outside_its_range_is_no_value(value: float) -> None:
    class Wild:
        def grade(self, case: object, transcript: object) -> Score:
            return Score(grader="", value=value, passed=None)

    score = NamedGrader(grader_id="g", pass_at=1, inner=Wild()).grade(CASE, transcript("x"))
    assert (score.value, score.passed) == (None, None)
    assert "outside 0 to 1" in (score.reason or "")


def test_misspelt_type_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        load("numerc")
    assert caught.value.hint == "did you mean `numeric`?"
    with pytest.raises(UsageError) as caught:
        build("g", "_", {}, 1.0)
    assert all(name in (caught.value.hint or "") for name in names())


def test_values_may_come_from_a_template_but_not_be_a_text() -> None:
    params = load("contains_all").Params
    params.model_validate({"values": "{{ expected }}"})
    assert graded("contains_all", "a", values="a").value is None
    assert graded("contains_all", "a", values=["a", " "]).value is None
