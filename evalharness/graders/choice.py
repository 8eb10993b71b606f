"""The letter of a multiple-choice answer.

Read in this order; the first rule that finds a letter decides:

1. The whole answer is one letter, in any usual dress: `B`, `b`, `(B)`, `**B**`, `B.`
2. The last "answer is B", "answer: (B)", "option B", "choice B", `\\boxed{B}`.
3. The answer begins with a letter and a mark: `B) because …`, `B. …`, `(B) …`, `B: …`, or a letter alone on the first
   line.
4. The last line is a letter alone.
5. The text of exactly one of `options` occurs in the answer.

Letters inside prose are not guessed at ("A cat" is no A). More than one letter where one is wanted ("A or B") is no
choice; an answer without one is wrong (0).
"""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, ValidationInfo, model_validator

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, judgement, right_or
from evalharness.graders._params import GraderParams, Text, Texts, is_template
from evalharness.graders._text import comparable

_DRESS = " \t\r\n*_`\"'“”.:;,()[]{}$"


class Params(GraderParams):
    expected: Text = Field(description='The right letter, e.g. `"{{ expected }}"`; case is ignored.')
    letters: str = Field(default="ABCD", pattern="^[A-Za-z]{2,26}$", description="The letters there are to choose.")
    options: Texts | None = Field(
        default=None,
        description="The texts behind the letters, in their order, so that an answer in words counts too; "
        '`"{{ options }}"` takes the list of a case.',
    )

    @model_validator(mode="after")
    def _fits_together(self, validation: ValidationInfo) -> Self:
        letters = self.letters.upper()
        if len(set(letters)) != len(letters):
            raise ValueError(f"`letters` names a letter twice: {self.letters}")
        if isinstance(self.options, list) and len(self.options) != len(letters):  # or a template still
            raise ValueError(f"{len(self.options)} `options` for {len(letters)} `letters`")
        if not is_template(self.expected, validation):
            letter = self.expected.strip().upper()
            if len(letter) != 1 or letter not in letters:
                raise ValueError(f"`expected` is {excerpt(self.expected)}, not one of the letters {letters}")
        return self


class Grader:
    def __init__(self, params: Params) -> None:
        self._expected = params.expected.strip().upper()
        self._letters = params.letters.upper()
        self._options = [comparable(option, ignore_case=True) for option in params.options or ()]
        upper, lower = self._letters, self._letters.lower()
        # A small letter needs a mark or the line's end behind it: "the answer is a dog" chooses nothing.
        letter = rf"(?P<letter>[{upper}](?![\w'’])|[{lower}](?=[*_`]{{0,2}}(?:[).:\]}}]|\s*(?:\n|$))))"
        second = rf"(?P<second>[*_`)]{{0,3}}\s?(?:or|and|/|,|&)\s?[(*_`]{{0,3}}[{upper}]\b)?"
        self._stated = re.compile(
            rf"(?i:\banswer(?:\s?(?:is|:|=)){{1,2}}|\b(?:option|choice)\b\s?(?:is|:|=)?|\\boxed\{{)\s?[(\[*_`\"']{{0,4}}\s?{letter}{second}"
        )
        self._opening = re.compile(rf"[(\[*_]{{0,3}}{letter}[*_]{{0,2}}(?:[).:\]]|\s*(?:\n|$))")

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        text = transcript.answer.text.strip()
        last_line = text.rpartition("\n")[2]
        found = _bare(text, self._letters) or self._marked(text) or _bare(last_line, self._letters)
        found = found or self._in_words(text)
        if not found:
            return judgement(0.0, f"no choice of {self._letters} in {excerpt(text)}")
        return right_or(found == self._expected, f"expected {self._expected}, chose {found}")

    def _marked(self, text: str) -> str | None:
        """Rules 2 and 3."""
        stated = list(self._stated.finditer(text))
        if stated and not stated[-1]["second"]:
            return stated[-1]["letter"].upper()
        opening = self._opening.match(text)
        return opening["letter"].upper() if opening else None

    def _in_words(self, text: str) -> str | None:
        """Rule 5."""
        text = comparable(text, ignore_case=True)
        named = [letter for letter, option in zip(self._letters, self._options, strict=False) if option in text]
        return named[0] if len(named) == 1 else None


def _bare(text: str, letters: str) -> str | None:
    """Rules 1 and 4."""
    letter = text.strip(_DRESS).upper()
    return letter if len(letter) == 1 and letter in letters else None
