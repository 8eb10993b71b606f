"""The expected text occurs somewhere in the answer.

Letters next to it do not matter: `cat` occurs in `category`. For whole words use `regex` with `\\b`.
"""

from __future__ import annotations

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, right_or
from evalharness.graders._params import GraderParams, Text
from evalharness.graders._text import comparable


class Params(GraderParams):
    expected: Text = Field(description="The text to look for; not blank.")
    ignore_case: bool = Field(default=False, description="Treat upper and lower case as equal.")


class Grader:
    def __init__(self, params: Params) -> None:
        self._ignore_case = params.ignore_case
        self._expected = comparable(params.expected, ignore_case=params.ignore_case)

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        text = comparable(transcript.answer.text, ignore_case=self._ignore_case)
        return right_or(self._expected in text, f"{excerpt(self._expected)} does not occur")
