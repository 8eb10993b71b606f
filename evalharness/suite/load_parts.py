"""The section ``load``: one model per shape, so that a key of another shape is a mistake and not ignored.

The first sentence of a docstring says what the shape does, the rest when to use it: ``docs/suites.md`` shows both.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from evalharness.core.model import Load
from evalharness.suite.part import NotNegative, Part, Positive, PositiveInt

_LOAD = Load()
_SHAPE = "when trials start: one of the table above"


class WarmupPart(Part):
    """Extra trials before the measured ones: exactly one of the two."""

    calls: PositiveInt | None = Field(None, description="how many, at each endpoint, in turn over its arms")
    seconds: Positive | None = Field(None, description="for how long")


class AnyShapePart(Part):
    """What every shape has."""

    think_ms: NotNegative = Field(
        _LOAD.think_ms,
        description="pause between the turns of a conversation; closed: also between a trial and the next of its slot",
    )
    warmup: WarmupPart | None = Field(None, description="default: none")
    order: Literal["interleaved", "sequential"] = Field(
        "interleaved",
        description="interleaved: one case in all arms, then the next; sequential: arm after arm, where no time ends "
        "the run",
    )
    seed: int = Field(_LOAD.seed, description="of the order, of random starts, and of the simulator")


class TimedPart(AnyShapePart):
    """A shape without an end of its own: the list of trials ends it, or a time."""

    duration_s: Positive | None = Field(
        None, description="the run ends then: the list of trials is cut, or sent again; without it: the list once"
    )


class ClosedPart(TimedPart):
    """A fixed number in flight: a trial that ends makes room for the next. For comparing answers, and for what a fixed
    number of workers will see; a slow service is asked less, so its queues stay out of sight."""

    shape: Literal["closed"] = Field("closed", description=_SHAPE)
    concurrency: PositiveInt = Field(_LOAD.concurrency, description="trials in flight")


class ConstantPart(TimedPart):
    """A start every 1/rate seconds, whatever is in flight. For one exact rate, such as a limit in a contract; evenly
    spaced starts are kinder to a service than people are."""

    shape: Literal["constant"] = Field(description=_SHAPE)
    rate_per_s: Positive = Field(description="trials a second, at each endpoint")


class PoissonPart(TimedPart):
    """Independent random starts at a mean rate, whatever is in flight. For what users see who know nothing of each
    other: the usual choice for latency."""

    shape: Literal["poisson"] = Field(description=_SHAPE)
    rate_per_s: Positive = Field(description="trials a second on average, at each endpoint")


class RampPart(AnyShapePart):
    """A rate that rises, or falls, in a straight line, and ends. For finding where it breaks; `steps` says how good it
    is at each rate."""

    shape: Literal["ramp"] = Field(description=_SHAPE)
    from_per_s: NotNegative = Field(description="trials a second at the beginning")
    to_per_s: NotNegative = Field(description="trials a second at the end")
    over_s: Positive = Field(description="seconds from one to the other: the length of the run")


class BurstPart(TimedPart):
    """Many starts at one moment, again and again. For jobs that begin on the hour, and for how a service recovers."""

    shape: Literal["burst"] = Field(description=_SHAPE)
    size: PositiveInt = Field(description="trials that start together")
    every_s: Positive = Field(description="seconds between two bursts")


class StepsPart(AnyShapePart):
    """One level after the other in one run, all arms at each. For latency against load, and the highest rate that holds
    the `slo`; rates are Poisson."""

    shape: Literal["steps"] = Field(description=_SHAPE)
    concurrency: Annotated[list[PositiveInt], Field(min_length=1)] | None = Field(
        None, description="trials in flight, level by level"
    )
    rate_per_s: Annotated[list[Positive], Field(min_length=1)] | None = Field(
        None, description="trials a second on average, level by level; exactly one of the two"
    )
    each_s: Positive | None = Field(
        None, description="seconds of each level; without it: the whole list of trials at each level"
    )


class TracePart(AnyShapePart):
    """The starts that a file recorded. For replaying the traffic of a real day."""

    shape: Literal["trace"] = Field(description=_SHAPE)
    file: str = Field(
        description="path: `.jsonl`, `.json`, `.csv` or `.txt`; numbers of seconds, or rows with `at_s` (seconds) or "
        "`timestamp` (seconds, or ISO 8601 with a time zone); the first start is 0"
    )
    speed: Positive = Field(_LOAD.speed, description="2 replays it in half the time")


#: In the order of the documentation.
SHAPES: dict[str, type[AnyShapePart]] = {
    "closed": ClosedPart,
    "constant": ConstantPart,
    "poisson": PoissonPart,
    "ramp": RampPart,
    "burst": BurstPart,
    "steps": StepsPart,
    "trace": TracePart,
}


def _tag(value: object) -> str:
    shape = value.get("shape", "closed") if isinstance(value, dict) else getattr(value, "shape", "closed")
    return f"<{shape}>"


LoadPart: TypeAlias = Annotated[
    Annotated[ClosedPart, Tag("<closed>")]
    | Annotated[ConstantPart, Tag("<constant>")]
    | Annotated[PoissonPart, Tag("<poisson>")]
    | Annotated[RampPart, Tag("<ramp>")]
    | Annotated[BurstPart, Tag("<burst>")]
    | Annotated[StepsPart, Tag("<steps>")]
    | Annotated[TracePart, Tag("<trace>")],
    Discriminator(_tag),
]


def shapes_with(key: str) -> tuple[str, ...]:
    """The shapes that have a key; empty for a key that none has."""
    return tuple(shape for shape, part in SHAPES.items() if key in part.model_fields)
