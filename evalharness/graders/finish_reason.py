"""The call stopped for the expected reason: `completed`, or the service's reason for an incomplete answer.

To look at answers that were cut off, list them: `grades: [ok, incomplete]`. Some servers report `completed` also where
they stopped at the limit of tokens.
"""

from __future__ import annotations

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, judgement, right_or
from evalharness.graders._params import GraderParams, Text


class Params(GraderParams):
    expected: Text = Field(
        default="completed",
        description="The stop reason, in the service's own word, e.g. `max_output_tokens` or `content_filter`.",
    )


class Grader:
    def __init__(self, params: Params) -> None:
        self._expected = params.expected

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        reason = transcript.answer.stop_reason
        if reason is None:
            return judgement(None, "the service gave no stop reason")
        return right_or(reason == self._expected, f"stopped with {excerpt(reason)}")
