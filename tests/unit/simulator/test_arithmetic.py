"""The sums are checked against Python's own evaluation of the same text."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.simulator.arithmetic import find_expression, number_text, work_out

numbers = st.integers(min_value=0, max_value=999).map(lambda n: f"Fraction({n})")
expressions = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    max_leaves=8,
)


@given(expressions)
def test_every_expression_has_the_value_python_gives_it(expression: str) -> None:
    text = expression.replace("Fraction(", "(")
    try:
        expected = eval(expression, {"Fraction": Fraction})
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            work_out(text)
        return
    steps = work_out(text)
    assert (steps[-1].value if steps else expected) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3 + 4?", "7"),
        ("what is 17 * 23", "391"),
        ("What is 17 × 23?\nGive only the number.", "391"),
        ("Compute (12+7)*38 - 5/2.", "719.5"),
        ("What is 1,200 / 8?", "150"),
        ("What is 15% of 80?", "12"),
        ("What is 3 plus 4 times 2?", "11"),
        ("What is the sum of 19 and 23?", "42"),
        ("10 divided by 4", "2.5"),
        ("What is (-3) * -4?", "12"),
        ("10 - -4 - 3", "11"),
        ("2 - 3 - 4", "-5"),
        ("What is 10 / 3?", "3.33"),
    ],
)
def test_an_expression_is_found_in_its_sentence(text: str, value: str) -> None:
    expression = find_expression(text)
    assert expression is not None
    assert number_text(work_out(expression)[-1].value) == value


@pytest.mark.parametrize("text", ["Say hello in exactly 3 words.", "Count from 1 to 5.", "", "v1.2-rc3", "A-1 and B-2"])
def test_a_text_without_arithmetic_has_no_expression(text: str) -> None:
    assert find_expression(text) is None


@pytest.mark.parametrize("text", ["3 +", "(3 + 4", "3 ** 4", "3 + x", "+".join("1" * 200)])
def test_a_broken_or_endless_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        work_out(text)


def test_longer_numbers_and_more_operations_are_more_complex() -> None:
    def complexity(text: str) -> float:
        return sum(step.complexity for step in work_out(text))

    assert complexity("3 + 4") < complexity("13 + 44") < complexity("13 * 44") < complexity("13 * 44 - 271")
