"""How near the answer is to the expected text: 1 - Levenshtein distance / length of the longer one.

Counts the insertions, deletions and substitutions of single characters; white space around both is ignored. 1 is equal,
0 shares nothing. It measures spelling, not meaning: set `pass_at` (0.9, say) with that in mind. The distance takes time
in proportion to the product of both lengths; above a product of 1e9 the value is None.

Source: V. I. Levenshtein, Binary codes capable of correcting deletions, insertions, and reversals, 1966.
"""

from __future__ import annotations

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import judgement
from evalharness.graders._params import GraderParams, Text
from evalharness.graders._text import comparable

_MAX_CELLS = 10**9


class Params(GraderParams):
    expected: Text = Field(description="The text to compare with; not blank.")
    ignore_case: bool = Field(default=False, description="Treat upper and lower case as equal.")


class Grader:
    def __init__(self, params: Params) -> None:
        self._ignore_case = params.ignore_case
        self._expected = comparable(params.expected.strip(), ignore_case=params.ignore_case)

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        from rapidfuzz.distance import Levenshtein  # 27 ms that only suites with this grader pay

        text = comparable(transcript.answer.text.strip(), ignore_case=self._ignore_case)
        if len(text) * len(self._expected) > _MAX_CELLS:
            return judgement(None, f"too long to compare: {len(text):,} with {len(self._expected):,} characters")
        return judgement(Levenshtein.normalized_similarity(text, self._expected))
