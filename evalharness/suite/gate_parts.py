"""The section ``gates``: what has to hold, one demand each."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from evalharness.core.model import Demand
from evalharness.suite.part import NotNegative, Part, Positive

#: Demands, in the order of the reference page.
DEMANDS = tuple(demand.value for demand in Demand)


class MustPassPart(Part):
    """Cases that have to be right every time: a statement about these answers, without statistics."""

    tag: str = Field(description="every repeat of the cases with this tag is right; one wrong answer fails")


class GatePart(Part):
    """What has to hold, of a metric: exactly one of `at_least`, `at_most`, `non_inferior_margin`, `improved`,
    `equivalent_margin`, `ratio_at_most`; or `must_pass`. Its verdict is pass, fail or inconclusive, by one-sided 95%
    bounds and never by the estimate alone."""

    metric: str | None = Field(
        None, description="id of a grader (its mean), `error_share`, `cost_per_correct_usd`, or a metric of calls"
    )
    arm: dict[str, Any] = Field(
        default_factory=dict, description="axis: value. All arms that match have to pass; default: all arms"
    )
    compare: Literal["arms", "baseline_run"] | None = Field(
        None, description="with the arm that `to` names, or with the same arm of an earlier run (`--baseline`)"
    )
    to: dict[str, Any] | None = Field(
        None, description="axis: value. With `compare: arms`, the arm compared with; it is equal on all other axes"
    )
    tag: str | None = Field(None, description="only the cases with this tag")
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="of a time, of tokens or of money: 0.95 is the 95th percentile; without it: the mean"
    )
    at_least: NotNegative | None = Field(None, description="the value is shown to be no less")
    at_most: NotNegative | None = Field(None, description="the value is shown to be no more")
    non_inferior_margin: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="of a share: shown to be worse by less than this, if at all (0.02 = two points)"
    )
    improved: Literal[True] | None = Field(None, description="shown to be better")
    equivalent_margin: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="of a share: shown to differ by less than this, either way"
    )
    ratio_at_most: Positive | None = Field(
        None, description="of a time, tokens or money: shown to be less than so many times the other's"
    )
    must_pass: MustPassPart | None = Field(None, description="see below")

    @property
    def demands(self) -> tuple[Demand, ...]:
        """All that were written; a gate has one."""
        return tuple(demand for demand in Demand if getattr(self, demand.value) is not None)
