"""The whole answer is the expected text.

White space around both is ignored, and two encodings of the same visible text are equal (Unicode NFC). Everything
else counts: `7.` is not `7`. For numbers use `numeric`, for a letter out of A, B, C, D use `choice`.
"""

from __future__ import annotations

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, right_or
from evalharness.graders._params import GraderParams
from evalharness.graders._text import comparable


class Params(GraderParams):
    expected: str = Field(description='The right answer, e.g. `"{{ expected }}"`.')
    ignore_case: bool = Field(default=False, description="Treat upper and lower case as equal.")


class Grader:
    def __init__(self, params: Params) -> None:
        self._ignore_case = params.ignore_case
        self._expected = comparable(params.expected.strip(), ignore_case=params.ignore_case)

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        text = transcript.answer.text.strip()
        is_right = comparable(text, ignore_case=self._ignore_case) == self._expected
        return right_or(is_right, f"expected {excerpt(self._expected)}, got {excerpt(text)}")
