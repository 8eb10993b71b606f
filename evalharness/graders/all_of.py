"""All children hold: 1 where every child reaches its `pass_at`, else 0.

A child that could not grade (None) leaves the whole open, unless another child has failed: that settles it at 0.
Children are written inline under `of:`, with the keys of their type and their own `pass_at` (default 1).
"""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.model import Case
from evalharness.core.ports import CodeAnswer, Transcript
from evalharness.core.record import Score
from evalharness.graders._children import Children, Composite, reasons
from evalharness.graders._judgement import judgement
from evalharness.graders._params import GraderParams


class Params(GraderParams):
    of: Children


class Grader(Composite):
    def __init__(self, params: Params) -> None:
        super().__init__(params.of)

    def decide(self, case: Case, transcript: Transcript, answers: Sequence[CodeAnswer]) -> Score:
        scores = self.scores(case, transcript, answers)
        if failed := [score for score in scores if score.passed is False]:
            return judgement(0.0, reasons(failed))
        if unknown := [score for score in scores if score.passed is None]:
            return judgement(None, reasons(unknown))
        return judgement(1.0)
