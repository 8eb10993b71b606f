"""At least one child holds: 1 where one reaches its `pass_at`, else 0.

A child that could not grade (None) leaves the whole open, unless another child holds: that settles it at 1.
Children are written inline under `of:`, with the keys of their type and their own `pass_at` (default 1).
"""

from __future__ import annotations

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._children import Children, built_children, reasons
from evalharness.graders._judgement import judgement
from evalharness.graders._params import GraderParams


class Params(GraderParams):
    of: Children


class Grader:
    def __init__(self, params: Params) -> None:
        self._children = built_children(params.of)

    def grade(self, case: Case, transcript: Transcript) -> Score:
        scores = [child.grade(case, transcript) for child in self._children]
        if any(score.passed for score in scores):
            return judgement(1.0)
        if unknown := [score for score in scores if score.passed is None]:
            return judgement(None, reasons(unknown))
        return judgement(0.0, reasons(scores))
