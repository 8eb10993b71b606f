"""Graders inside graders: what the composites share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from evalharness.core.errors import UsageError
from evalharness.core.model import Case
from evalharness.core.ports import CodeAnswer, CodeQuestion, Transcript
from evalharness.core.record import Score
from evalharness.graders import build, load
from evalharness.graders._named import NamedGrader


class Child(BaseModel):
    """A grader written inline: ``type``, ``pass_at`` and the keys of its type beside them."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(description="The child's type, as at the top level.")
    pass_at: float = Field(default=1.0, gt=0, le=1, description="The child's value from which it holds.")

    @property
    def own_params(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="after")
    def _has_the_keys_of_its_type(self, validation: ValidationInfo) -> Self:
        try:
            module = load(self.type)
        except UsageError as error:
            raise ValueError(f"{error.message} ({error.hint})") from None
        # A ValidationError raised here keeps its key path below this child's.
        module.Params.model_validate(self.own_params, context=validation.context)
        return self


class WeightedChild(Child):
    weight: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Its share of the value, before division by the sum."
    )


Children = Annotated[list[Child], Field(min_length=1, description="The children, written inline like graders.")]


class Composite:
    """Asks what its children ask, and hands each the answers to its own questions."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = built_children(children)

    def questions(self, case: Case, transcript: Transcript) -> Sequence[CodeQuestion]:
        return [question for child in self._children for question in child.questions(case, transcript)]

    def scores(self, case: Case, transcript: Transcript, answers: Sequence[CodeAnswer]) -> list[Score]:
        """Of the children, in their order."""
        left = iter(answers)
        return [
            child.decide(case, transcript, list(islice(left, len(child.questions(case, transcript)))))
            for child in self._children
        ]


def built_children(children: Sequence[Child]) -> list[NamedGrader]:
    """Named by place and type (``1 numeric``), since a reason has to say which child it speaks of."""
    return [
        build(f"{index} {child.type}", child.type, child.own_params, child.pass_at)
        for index, child in enumerate(children, start=1)
    ]


def reasons(scores: Sequence[Score]) -> str:
    """``1 numeric: expected 7, read 8; 3 contains: …``"""
    return "; ".join(f"{score.grader}: {score.reason or f'value {score.value:g}'}" for score in scores)[:500]
