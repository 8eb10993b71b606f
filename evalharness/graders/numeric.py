"""The answer's number equals the expected one, inside a tolerance. Numbers are decimals: 0.1 is exactly one tenth.

Which number of the answer counts (`which`):

- `final` (default): the first number after the last mark of a conclusion (`answer is`, `answer:`, `answer =`, the same
  with `result`, `####`, `\\boxed{`) on that line; without a mark the last number of the answer. "The answer is 7
  because 3 + 4" and "Answer: 3 + 4 = 7" are 7. "So 12 apples for 3 people" is 3: ask for the number alone, or for
  a line "Answer: …".
- `first`, `last`: in the order of the text. `only`: all numbers of the answer must be the same one.

How numbers are read, in the answer and in `expected`:

- Signs, with every usual minus; currency signs and units are stripped: `-$5`, `7 km` and `7kg` are -5, 7 and 7. Units
  are not converted and words are not numbers: `7k`, `3 million` and `seven` are read as 7, 3 and nothing.
- Thousands: `1,234,567`, `1'234`, and with spaces that do not break. A group of other than three digits makes it no
  number: `1,23,4`. With `decimal_mark: ","` it is `1.234.567,89`.
- `3/4`, `1 3/4`, `\\frac{3}{4}` are fractions; `1.2e-3`, `1.2×10^-3`, `10⁶` are powers of ten. Other powers and sums
  are not computed.
- Percent: `60%` is 60, so an expected 60 takes `60`, `60%` and `60 percent`. With `percent: share` it is 0.6, so that
  an expected 0.6 takes `0.6` and `60%`.
- Digits of every script count. Not numbers: the digits of `H2O`, `GPT-4`, `v1.2.3`. Dates and times are read as the
  numbers they are made of.

An answer without a number is wrong (0); an `expected` that holds no number, or several, cannot be graded (None).
"""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, judgement, right_or
from evalharness.graders._numbers import ARITHMETIC, Reading, final_number, numbers_in
from evalharness.graders._params import Amount, GraderParams, decimal_of, is_template


def _number_or_text(value: object) -> object:
    """One message instead of one for each type of the union; ``true`` would count as 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number, or text with one number")
    return value


class Params(GraderParams):
    expected: Annotated[int | float | str, BeforeValidator(_number_or_text)] = Field(
        description='The right number, or text with one number: `"{{ expected }}"`.'
    )
    tolerance: Amount = Field(default=Decimal(0), description="Largest absolute difference that is still right.")
    relative_tolerance: Amount = Field(
        default=Decimal(0),
        description="The same as a share of the expected number, 0.01 = 1 %; the larger of the two tolerances counts.",
    )
    which: Literal["final", "first", "last", "only"] = Field(
        default="final", description="Which number of the answer counts."
    )
    percent: Literal["number", "share"] = Field(default="number", description="Read `60%` as 60, or as 0.6.")
    decimal_mark: Literal[".", ","] = Field(default=".", description="What separates the decimals.")

    @model_validator(mode="after")
    def _expects_one_number(self, validation: ValidationInfo) -> Self:
        if not is_template(self.expected, validation):
            expected_number(self)
        return self


class Grader:
    def __init__(self, params: Params) -> None:
        self._which = params.which
        self._reading = _reading(params)
        self._expected = expected_number(params)
        share = ARITHMETIC.multiply(params.relative_tolerance, ARITHMETIC.abs(self._expected))
        self._tolerance = max(params.tolerance, share)

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        text = transcript.answer.text
        found = self._pick(text)
        if found is None:
            return judgement(0.0, f"no number in {excerpt(text)}")
        # Equality is exact at any length, a difference is rounded to 60 digits.
        difference = ARITHMETIC.abs(ARITHMETIC.subtract(found, self._expected))
        is_right = found == self._expected or difference <= self._tolerance
        return right_or(is_right, f"expected {_brief(self._expected)}, read {_brief(found)}")

    def _pick(self, text: str) -> Decimal | None:
        if self._which == "final":
            return final_number(text, self._reading)
        if self._which == "first":
            return next(numbers_in(text, self._reading), None)
        numbers = list(numbers_in(text, self._reading))
        if self._which == "only" and any(number != numbers[0] for number in numbers):
            return None
        return numbers[-1] if numbers else None


def expected_number(params: Params) -> Decimal:
    """Raises ``ValueError`` unless ``expected`` holds exactly one number."""
    if isinstance(params.expected, int | float):
        return decimal_of(params.expected)
    numbers = list(islice(numbers_in(params.expected, _reading(params)), 2))
    if len(numbers) != 1:
        many = "several numbers" if numbers else "no number"
        raise ValueError(f"`expected` must hold one number, and {excerpt(params.expected)} holds {many}")
    return numbers[0]


def _reading(params: Params) -> Reading:
    return Reading(decimal_mark=params.decimal_mark, percent_as_share=params.percent == "share")


def _brief(number: Decimal) -> str:
    """Short enough for a reason, however long the number is."""
    number = number.normalize(ARITHMETIC)
    return f"{number:f}" if -12 < number.adjusted() < 24 else f"{number:.12e}"
