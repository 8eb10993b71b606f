from __future__ import annotations

import pytest

from evalharness.graders import load
from tests.support.graders import graded

CAPITALS = ["Rome", "Paris", "Oslo", "Bonn"]
CHOSE_B = [
    "B",
    "b",
    "b.",
    " (B) ",
    "**B**",
    "`B`",
    "[B]",
    "The answer is B.",
    "the answer is b.",
    "The correct answer is: **B**",
    "Answer: (B) because A is far away",
    "The answer is A. No: the answer is B",
    "Option B is right",
    "\\boxed{B}",
    "B) Paris",
    "B. Paris",
    "(B) Paris",
    "B: Paris",
    "B\nBecause it is in France.",
    "I thought about it.\n\nB",
    "It is Paris, of course.",
]
CHOSE_NOTHING = ["", "A cat", "A or B", "The answer is A or B", "the answer is a dog", "BB", "Rome or Paris", "E", "I"]


@pytest.mark.parametrize("text", CHOSE_B)
def test_letter_is_found_in_any_usual_dress(text: str) -> None:
    score = graded("choice", text, expected="B", options=CAPITALS)
    assert score.value == 1.0, score.reason
    assert graded("choice", text, expected="A", options=CAPITALS).value == 0.0


@pytest.mark.parametrize("text", CHOSE_NOTHING)
@pytest.mark.parametrize("expected", ["A", "B"])
def test_letters_in_prose_are_not_guessed_at(text: str, expected: str) -> None:
    score = graded("choice", text, expected=expected, options=CAPITALS)
    assert score.value == 0.0
    assert "no choice" in (score.reason or "")


def test_option_texts_count_only_when_exactly_one_occurs() -> None:
    assert graded("choice", "paris", expected="b", options=CAPITALS).value == 1.0
    assert graded("choice", "paris", expected="b").value == 0.0


def test_options_may_come_from_a_template() -> None:
    load("choice").Params.model_validate({"expected": "{{ expected }}", "options": "{{ options }}"})
    assert graded("choice", "Paris", expected="B", options="Rome, Paris").value is None


def test_other_letters_can_be_declared() -> None:
    assert graded("choice", "E", expected="e", letters="ABCDE").value == 1.0


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"expected": "E"}, "not one of the letters"),
        ({"expected": "AB"}, "not one of the letters"),
        ({"expected": "A", "letters": "AAB"}, "twice"),
        ({"expected": "A", "letters": "A"}, "letters"),
        ({"expected": "A", "options": ["one"]}, "1 `options` for 4 `letters`"),
    ],
)
def test_unusable_keys_are_not_graded(params: dict[str, object], complaint: str) -> None:
    score = graded("choice", "A", **params)
    assert score.value is None
    assert complaint in (score.reason or "")
