"""The answer begins with the expected text; white space before it is ignored."""

from __future__ import annotations

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, right_or
from evalharness.graders._params import GraderParams, Text
from evalharness.graders._text import comparable


class Params(GraderParams):
    expected: Text = Field(description="The beginning to look for; not blank.")
    ignore_case: bool = Field(default=False, description="Treat upper and lower case as equal.")


class Grader:
    def __init__(self, params: Params) -> None:
        self._ignore_case = params.ignore_case
        self._expected = comparable(params.expected, ignore_case=params.ignore_case)

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        text = comparable(transcript.answer.text.lstrip(), ignore_case=self._ignore_case)
        return right_or(text.startswith(self._expected), f"the answer begins with {excerpt(text)}")
