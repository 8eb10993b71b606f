"""The number of words of the answer lies between `min` and `max`, both included.

A word is a run of characters without white space that holds at least one letter or digit, so a lone dash or bullet
is none. Scripts written without spaces (Chinese, Japanese, Thai) are not split: use another measure for them.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import judgement, right_or
from evalharness.graders._params import Count, GraderParams


class Params(GraderParams):
    min: Count | None = Field(default=None, description="Fewest words that are right.")
    max: Count | None = Field(default=None, description="Most words that are right.")

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give `min`, `max` or both")
        return self


class Grader:
    def __init__(self, params: Params) -> None:
        self._min = params.min
        self._max = params.max

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        n_words = sum(any(map(str.isalnum, run)) for run in transcript.answer.text.split())
        if self._min is not None and n_words < self._min:
            return judgement(0.0, f"{n_words} words, at least {self._min} wanted")
        return right_or(self._max is None or n_words <= self._max, f"{n_words} words, at most {self._max} wanted")
