"""The arms that a decision is between, and what the scores say of each pair of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from evalharness.core.findings import Estimate
from evalharness.core.model import DecisionRule
from evalharness.stats.multiple import simultaneous_differences
from evalharness.stats.sample import filled, means_matrix
from evalharness.verdict.differences import Scores, bonferroni, differences, joint_intervals
from evalharness.verdict.families import Pair
from evalharness.verdict.view import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The arms that may be used and what is known between them.

    ``contenders`` broke no limit, ``eligible`` keep them all. ``gaps`` are joint intervals of first minus second,
    ``worst`` the same with missing scores counted against the first and for the second. Both hold every ordered pair of
    contenders that can be compared. ``variances`` are those of a single case, ``critical`` is the factor of the joint
    intervals.
    """

    margin: float
    contenders: tuple[int, ...]
    eligible: frozenset[int]
    gaps: Mapping[Pair, Estimate]
    worst: Mapping[Pair, Estimate]
    variances: Mapping[Pair, float | None]
    critical: float

    def rivals(self, arm: int) -> tuple[int, ...]:
        return tuple(other for other in self.contenders if other != arm)

    def within(self, arm: int, rival: int) -> bool:
        """Shown to be worse than the rival by less than the margin, if at all."""
        return self._shown_above(arm, rival, -self.margin)

    def excludes(self, rival: int, arm: int) -> bool:
        """Shown to be better than the arm by more than the margin."""
        return rival in self.eligible and self._shown_above(rival, arm, self.margin)

    def _shown_above(self, first: int, second: int, limit: float) -> bool:
        lower = self.lower(first, second)
        return lower is not None and lower > limit

    def lower(self, first: int, second: int) -> float | None:
        gap = self.worst.get((first, second))
        return None if gap is None else gap.lower


def field(view: RunView, rule: DecisionRule, kept: Sequence[bool | None]) -> Field:
    """``kept``: by arm, whether it keeps the limits; None where that is open."""
    contenders = tuple(arm for arm, state in enumerate(kept) if state is not False)
    scores = Scores(view=view, grader=rule.metric)
    undrawn = replace(scores, view=replace(view, settings=replace(view.settings, n_resamples=1)))  # p is not used
    members = differences(undrawn, list(combinations(contenders, 2)))
    joint = joint_intervals(scores, members) if members else None
    gaps = dict(zip(members, joint.estimates, strict=True)) if joint else {}
    known = {pair: gap for pair, gap in gaps.items() if gap is not None}
    both = known | {(second, first): _turned(gap) for (first, second), gap in known.items()}
    return Field(
        margin=rule.margin,
        contenders=contenders,
        eligible=frozenset(arm for arm, state in enumerate(kept) if state is True),
        gaps=both,
        worst=_worst(scores, both),
        variances=_both_ways({pair: member.variance for pair, member in members.items()}),
        critical=joint.critical if joint else 0.0,
    )


def _turned(gap: Estimate) -> Estimate:
    return replace(
        gap,
        point=-gap.point,
        lower=None if gap.upper is None else -gap.upper,
        upper=None if gap.lower is None else -gap.lower,
    )


def _both_ways(values: Mapping[Pair, float | None]) -> Mapping[Pair, float | None]:
    return {**values, **{(second, first): value for (first, second), value in values.items()}}


def _worst(scores: Scores, gaps: Mapping[Pair, Estimate]) -> Mapping[Pair, Estimate]:
    """Joint intervals with every missing score counted against the first arm of a pair and for the second."""
    view = scores.view
    samples = [view.scores(scores.grader, arm) for arm in range(len(view.arms))]
    if not any(sample.n_missing for sample in samples) or not gaps:
        return gaps
    against, favour = [filled(sample, 0.0) for sample in samples], [filled(sample, 1.0) for sample in samples]
    pairs = tuple(gaps)
    if view.settings.scope == "population":
        shifted = tuple((first, len(samples) + second) for first, second in pairs)
        means = means_matrix([*against, *favour])
        joint = simultaneous_differences(means, view.clusters, shifted, view.settings)
    else:
        joint = bonferroni([(against[first], favour[second]) for first, second in pairs], pairs, view.settings)
    return {pair: gap for pair, gap in zip(pairs, joint.estimates, strict=True) if gap is not None}
