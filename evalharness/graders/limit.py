"""A measured quantity of the trial is at most a limit: 1 where it is, 0 where it is not.

The value is None with a reason where the quantity was not measured (no usage, no prices, no output): missing is never
counted as fast or free.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import judgement, right_or
from evalharness.graders._params import Amount, GraderParams


class Params(GraderParams):
    metric: Literal["latency_ms", "ttfo_ms", "total_ms", "output_tokens", "cost_usd"] = Field(
        description="What is limited: time of the successful attempt, time to first output, time with queueing and "
        "retries, tokens with reasoning, or US dollars."
    )
    at_most: Amount = Field(description="The limit, in the unit of the metric's name; the limit itself is inside.")


class Grader:
    def __init__(self, params: Params) -> None:
        self._metric = params.metric
        self._at_most = params.at_most

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        measured = transcript.measured.get(self._metric)
        if measured is None or math.isnan(measured):
            return judgement(None, f"{self._metric} was not measured")
        return right_or(measured <= self._at_most, f"{self._metric} was {measured:.6g}, at most {self._at_most} wanted")
