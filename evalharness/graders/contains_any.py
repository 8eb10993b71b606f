"""At least one of the listed texts occurs in the answer."""

from __future__ import annotations

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, right_or
from evalharness.graders._params import GraderParams, Texts
from evalharness.graders._text import comparable


class Params(GraderParams):
    values: Texts = Field(
        description='The texts to look for; at least one, none blank. `"{{ expected }}"` takes the list of a case.'
    )
    ignore_case: bool = Field(default=False, description="Treat upper and lower case as equal.")


class Grader:
    def __init__(self, params: Params) -> None:
        self._ignore_case = params.ignore_case
        self._values = [comparable(value, ignore_case=params.ignore_case) for value in params.values]

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        text = comparable(transcript.answer.text, ignore_case=self._ignore_case)
        found = any(value in text for value in self._values)
        return right_or(found, "none of: " + ", ".join(excerpt(value) for value in self._values[:5]))
