"""Numbers in running text. The expected values are what a person reads in each sentence."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evalharness.graders import load
from tests.support.graders import graded

READ_BY_A_PERSON = [
    # plain, signs, currency, units
    ("7", "7"),
    ("It is 7.", "7"),
    ("**7**", "7"),
    ("_7_", "7"),
    ("\\boxed{42}", "42"),
    ("minus: −7", "-7"),
    ("-$5", "-5"),
    ("$-5", "-5"),
    ("€ 1,50 is 2", "2"),
    ("7kg", "7"),
    ("7 km/h", "7"),
    ("5-7", "7"),
    ("5 – 7", "7"),
    (".5", "0.5"),
    ("0.10", "0.1"),
    # thousands
    ("1,234,567.89", "1234567.89"),
    ("1'234", "1234"),
    ("1\u202f234\u00a0567", "1234567"),
    ("$1,234.50 in total", "1234.5"),
    # fractions and powers of ten
    ("3/4", "0.75"),
    ("1 3/4 cups", "1.75"),
    ("-1/2", "-0.5"),
    ("\\frac{3}{4}", "0.75"),
    ("1.2e-3", "0.0012"),
    ("2 × 10^3 m", "2000"),
    ("2\\times 10^{-3}", "0.002"),
    ("10⁶", "1000000"),
    ("3.0x10⁻²", "0.03"),
    # percent
    ("60%", "60"),
    ("60 percent", "60"),
    # other scripts
    ("٤٢", "42"),
    ("４２", "42"),
    # which one: the conclusion
    ("The answer is 7 because 3 + 4", "7"),
    ("Answer: 3 + 4 = 7", "7"),
    ("The answer is: **7**, since x = 3", "7"),
    ("First 3, then 4, so 7", "7"),
    ("5 apples\n#### 12\n", "12"),
    ("Answer: 3. No, wait. Answer: 4", "4"),
    ("answer: none, I counted 9", "9"),
    # the digits of names are no numbers
    ("GPT-4 counts 12", "12"),
    ("12 says GPT-4", "12"),
    ("12 of H2O", "12"),
    ("12 with v1.2.3", "12"),
    ("12 in 1.2.3", "12"),
]


@pytest.mark.parametrize(("text", "number"), READ_BY_A_PERSON)
def test_reads_the_number_a_person_reads(text: str, number: str) -> None:
    score = graded("numeric", text, expected=number)
    assert score.value == 1.0, score.reason


@pytest.mark.parametrize("text", ["", "seven", "GPT-4", "1.2.3", "1,23,4", "x-3", "1/0", "∞"])
def test_answer_without_a_number_is_wrong_and_says_so(text: str) -> None:
    score = graded("numeric", text, expected="7")
    assert (score.value, score.passed) == (0.0, False)
    assert "no number" in (score.reason or "")


def test_one_tenth_is_exactly_one_tenth() -> None:
    assert graded("numeric", "0.3", expected=0.3).value == 1.0
    assert graded("numeric", "0.30000000000000004", expected=0.3).value == 0.0
    assert graded("numeric", "12345678901234567890.1", expected="12345678901234567890.1").value == 1.0
    assert graded("numeric", "12345678901234567890.2", expected="12345678901234567890.1").value == 0.0


def test_tolerances_include_their_edge_and_the_larger_counts() -> None:
    assert graded("numeric", "7.1", expected=7, tolerance="0.1").value == 1.0
    assert graded("numeric", "7.11", expected=7, tolerance=0.1).value == 0.0
    assert graded("numeric", "101", expected=100, relative_tolerance=0.01).value == 1.0
    assert graded("numeric", "-101", expected=-100, relative_tolerance=0.01).value == 1.0
    assert graded("numeric", "101.1", expected=100, relative_tolerance=0.01, tolerance=1).value == 0.0
    assert graded("numeric", "101.1", expected=100, relative_tolerance=0.01, tolerance=2).value == 1.0


@pytest.mark.parametrize(("which", "value"), [("first", 1.0), ("last", 0.0), ("final", 0.0), ("only", 0.0)])
def test_which_number_counts_is_chosen(which: str, value: float) -> None:
    assert graded("numeric", "3 and 4", expected=3, which=which).value == value


def test_only_takes_one_number_said_twice() -> None:
    assert graded("numeric", "7, yes, 7.0", expected=7, which="only").value == 1.0


def test_percent_as_share_applies_to_both_sides() -> None:
    assert graded("numeric", "60%", expected="0.6", percent="share").value == 1.0
    assert graded("numeric", "0.6", expected="60%", percent="share").value == 1.0
    assert graded("numeric", "60", expected="60%", percent="share").value == 0.0
    assert graded("numeric", "60%", expected="0.6").value == 0.0


def test_decimal_comma_when_asked_for() -> None:
    assert graded("numeric", "1.234.567,89", expected="1234567,89", decimal_mark=",").value == 1.0
    assert graded("numeric", "3,5", expected="3,5", decimal_mark=",").value == 1.0


@pytest.mark.parametrize("expected", ["", "abc", "3 or 4", True, [7], None, "nan"])
def test_unusable_expectation_is_not_graded(expected: Any) -> None:
    score = graded("numeric", "7", expected=expected)
    assert (score.value, score.passed) == (None, None)
    assert "expected" in (score.reason or "")


@pytest.mark.parametrize("key", ["tolerance", "relative_tolerance"])
@pytest.mark.parametrize("value", [-1, "-0.1", "much", float("inf"), True])
def test_unusable_tolerance_is_refused_when_the_suite_is_read(key: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=key):
        load("numeric").Params.model_validate({"expected": 7, key: value})


def test_reason_names_both_numbers_and_stays_short() -> None:
    assert graded("numeric", "8 km", expected="7").reason == "expected 7, read 8"
    assert len(graded("numeric", "1e-999999", expected="7").reason or "") < 60
    assert len(graded("numeric", "9" * 5000, expected="7").reason or "") < 60
