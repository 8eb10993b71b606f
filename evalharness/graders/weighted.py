"""The weighted mean of the children's values: sum of weight x value, divided by the sum of the weights.

Values count, not whether a child reaches its `pass_at`. One child that could not grade (None) makes the whole None:
a mean over the others would mean something else in each trial.
Children are written inline under `of:`, with the keys of their type and a `weight` (default 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import CodeAnswer, Transcript
from evalharness.core.record import Score
from evalharness.graders._children import Composite, WeightedChild, reasons
from evalharness.graders._judgement import judgement
from evalharness.graders._params import GraderParams


class Params(GraderParams):
    of: Annotated[
        list[WeightedChild],
        Field(min_length=1, description="The children, written inline like graders, with `weight`."),
    ]


class Grader(Composite):
    def __init__(self, params: Params) -> None:
        super().__init__(params.of)
        self._weights = [child.weight for child in params.of]

    def decide(self, case: Case, transcript: Transcript, answers: Sequence[CodeAnswer]) -> Score:
        scores = self.scores(case, transcript, answers)
        values = [score.value for score in scores if score.value is not None]
        if len(values) < len(scores):
            return judgement(None, reasons([score for score in scores if score.value is None]))
        total = math.fsum(weight * value for weight, value in zip(self._weights, values, strict=True))
        mean = min(1.0, total / math.fsum(self._weights))
        return judgement(mean, None if mean == 1 else reasons([score for score in scores if score.value != 1]))
