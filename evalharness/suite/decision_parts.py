"""The section ``decision``: how the report chooses an arm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalharness.suite.part import NotNegative, Part, Positive

#: What an arm can be limited in: metrics of single calls, not of the whole run.
LimitMetric = Literal[
    "headers_ms",
    "ttfe_ms",
    "ttfr_ms",
    "ttft_ms",
    "ttfo_ms",
    "latency_ms",
    "total_ms",
    "tpot_ms",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
]


class DecisionLimitPart(Part):
    """What an arm has to keep to be chosen."""

    quantile: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="without it: the mean")
    at_most: NotNegative = Field(description="an arm above it is not eligible")


class DecisionPart(Part):
    """How to choose an arm among those that keep the limits; without it the report states facts only.

    `cheapest_within_margin`: the cheapest arm that is shown to be at most `margin` worse than the best.
    `best_within_limits`: the best of the arms that are shown to be at most `margin` worse than any other.
    `best_value`: the most of `value_per_correct_usd` x metric - cost.
    """

    rule: Literal["cheapest_within_margin", "best_within_limits", "best_value"] = Field(description="see above")
    metric: str = Field(description="id of a grader")
    margin: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None,
        description="on the scale of the metric: 0.02 = two points; `cheapest_within_margin` needs one, "
        "`best_within_limits` takes 0 without it, `best_value` has none",
    )
    value_per_correct_usd: Positive | None = Field(
        None, description="what a right answer is worth, in US dollars; of `best_value`, which needs it"
    )
    limits: dict[LimitMetric, DecisionLimitPart] = Field(default_factory=dict, description="metric: limit")
