"""What was found beyond one comparison: what a step buys, what routing could gain, which arms are worth having, where
a difference comes from.

Units as in ``findings.py``: shares and scores are fractions, times milliseconds, money US dollars. ``math.nan`` and
infinity never appear here: missing is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evalharness.core.estimate import Estimate

# ---------------------------------------------------------------- what a step buys


class NoPrice(StrEnum):
    """Why a step has no price. ``CANNOT_TELL``: that it gains, or that it takes more, is not shown."""

    CANNOT_TELL = "cannot tell"
    NO_GAIN = "no gain"
    LOSES = "scores lower"
    SAVES = "takes no more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a step takes for what it gains: extra dollars or milliseconds of a trial for each whole unit of mean score,
    which of 0/1 scores is one more right answer. An upper limit of None: the gain may be next to nothing.

    ``why_not`` is None where there is an estimate.
    """

    estimate: Estimate | None
    why_not: NoPrice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedFindings:
    """Whether a metric moves with the effort along ``arms`` (ids, lowest effort first), by Page's L.

    ``correlation``: of a case's ranks with the effort, -1 to 1. ``p_adjusted``: Holm's over the metrics tested.
    ``rises``: None where neither a rise nor a fall is shown.
    """

    metric: str
    arms: tuple[str, ...]
    correlation: Estimate
    p_value: float
    p_method: str
    p_adjusted: float | None
    rises: bool | None


# ---------------------------------------------------------------- what routing could gain


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedShares:
    """Shares of the cases of which no trial of any arm was right, every trial of every arm, and some."""

    by_none: Estimate
    by_all: Estimate
    flipping: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A router's mean score, its ``gain`` over the best single arm and ``extra_cost_usd`` of a trial (None: unknown).

    ``is_shown``: the gain may be claimed. ``choices``: share of the trials that go to each arm, by id.
    """

    score: Estimate
    gain: Estimate
    is_shown: bool
    extra_cost_usd: Estimate | None
    choices: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRoute:
    """What the cases of a tag gain when they go to the arm that is best for the tag, chosen without the scored case.

    ``gain`` None: too few cases. ``p_adjusted``: Holm's over the tags. ``is_shown``: the gain may be claimed.
    """

    tag: str
    n_cases: int
    arm_id: str | None = None
    gain: Estimate | None = None
    p_adjusted: float | None = None
    is_shown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFindings:
    """What sending each case to the arm that suits it could gain over ``best_arm``, the best single one of ``arms``.

    ``naive_gain`` is found on the trials that chose the arms: too high even where all arms are alike, never a promise.
    ``held_out`` is scored on trials that had no say; None for ``reason``. ``by_tag``: a router that knows a case's
    tags alone, None where no tag has cases enough. ``n_left_out`` cases lack a score in some arm.
    """

    arms: tuple[str, ...]
    best_arm: str
    naive_gain: float
    held_out: Route | None
    reason: str
    by_tag: Route | None
    tags: tuple[TagRoute, ...]
    solved: SolvedShares
    n_cases: int
    n_left_out: int


# ---------------------------------------------------------------- which arms are worth having


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPlace:
    """``front_share``: in which share of the draws no arm is at least as good on every axis and better on one.

    ``dominated_by``: arm ids with the share of the draws in which they are, most often first. Shares are never 0 or 1.
    """

    on_front: bool
    front_share: float
    dominated_by: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontFindings:
    """``axes`` of ``quality``, ``cost`` and ``time`` (total_ms at ``time_quantile``); ``places`` by arm id."""

    axes: tuple[str, ...]
    time_quantile: float | None
    places: Mapping[str, FrontPlace]


# ---------------------------------------------------------------- where a difference comes from


class CaseReading(StrEnum):
    """What may be said of one case. ``changed``: its scores differ, and its repeats do not show that the arms do."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFlip:
    """A case whose mean score differs between two arms. ``p_adjusted``: Benjamini and Hochberg's over the cases that
    could show something by themselves; None for others (fewer than 3 repeats in an arm, graded scores)."""

    case_id: str
    baseline_score: float
    candidate_score: float
    reading: CaseReading = CaseReading.CHANGED
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagEffect:
    """An arm minus the baseline on the cases of one tag. ``raw``: by itself. ``shrunk``: drawn towards all tags, None
    where fewer than two have cases enough.

    ``p_adjusted``: Holm's over all tags and arms of the run that have cases enough. ``is_shown``: the tag may be said
    to differ; ``reason``: why not, one clause.
    """

    tag: str
    raw: Estimate
    shrunk: Estimate | None
    p_adjusted: float | None
    is_shown: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTable:
    """One arm against the baseline, by tag. ``p_tags_differ``: Cochran's Q, by Holm over the arms; None below two tags
    with cases enough."""

    effects: tuple[TagEffect, ...]
    p_tags_differ: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileShift:
    """candidate / baseline at the quantile ``q``; limits hold for all quantiles at once. ``estimate`` None: ``reason``
    says why. ``drawn``: the point for a chart, smoothed with few cases."""

    q: float
    estimate: Estimate | None
    drawn: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftFindings:
    """Which part of the waiting times of two arms (ids) differs, by quantiles of ``metric``."""

    metric: str
    candidate: str
    baseline: str
    quantiles: tuple[QuantileShift, ...]
    n_pairs: int
