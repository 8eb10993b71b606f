"""Which arm to use, by the rule of the suite, and what would settle it where nothing can be said.

All pairs of arms are compared with joint 95% intervals, so that picking the best needs no further correction: the
arm to use is worse than the best by more than the margin in at most 5% of runs (statistics: Decision).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from evalharness.core.findings import ArmStanding, Decision, Estimate, Outcome, Standing
from evalharness.core.model import DecisionRule
from evalharness.stats.multiple import simultaneous_differences
from evalharness.stats.planning import cases_to_settle
from evalharness.stats.sample import filled, means_matrix
from evalharness.verdict.differences import Scores, bonferroni, differences, joint_intervals
from evalharness.verdict.families import Pair
from evalharness.verdict.limits import keeps, limit_name
from evalharness.verdict.reading import FEWEST_CLUSTERS
from evalharness.verdict.view import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """The arms that may be used and what is known between them.

    ``contenders`` broke no limit, ``eligible`` keep them all. ``gaps`` are joint intervals of first minus second;
    ``lower`` their lower limits with missing scores counted against the first and for the second. Both hold every
    ordered pair of contenders that can be compared.
    """

    margin: float
    contenders: tuple[int, ...]
    eligible: frozenset[int]
    gaps: Mapping[Pair, Estimate]
    lower: Mapping[Pair, float | None]
    variances: Mapping[Pair, float | None]
    critical: float

    def rivals(self, arm: int) -> tuple[int, ...]:
        return tuple(other for other in self.contenders if other != arm)


def decide(view: RunView, rule: DecisionRule | None, cost_usd: Sequence[float | None]) -> Decision:
    """``cost_usd``: mean per trial by arm. Without a rule, or with a single arm, there is nothing to decide.

    Raises ``ValueError`` for a rule or metric that the suite's parser should have refused.
    """
    if rule is None or len(view.arms) < 2:
        return Decision(outcome=Outcome.NO_RULE)
    if rule.rule != "cheapest_within_margin" or rule.metric not in view.grader_ids:
        raise ValueError(f"no decision by {rule.rule} on {rule.metric}")
    kept = [keeps(view, arm, rule.limits) for arm in range(len(view.arms))]
    field = _field(view, rule, [state for state, _ in kept])
    standings = []
    for arm, (state, limit) in enumerate(kept):
        named = None if limit is None else limit_name(limit)
        if state is False:
            standings.append(ArmStanding(arm_id=view.arms[arm].arm_id, standing=Standing.INELIGIBLE, limit=named))
        else:
            standings.append(replace(_standing(view, field, arm), limit=named))
    return _outcome(view, rule, field, tuple(standings), cost_usd)


def _field(view: RunView, rule: DecisionRule, kept: Sequence[bool | None]) -> _Field:
    contenders = tuple(arm for arm, state in enumerate(kept) if state is not False)
    scores = Scores(view=view, grader=rule.metric)
    undrawn = replace(scores, view=replace(view, settings=replace(view.settings, n_resamples=1)))  # p is not used
    members = differences(undrawn, list(combinations(contenders, 2)))
    joint = joint_intervals(scores, members) if members else None
    gaps = dict(zip(members, joint.estimates, strict=True)) if joint else {}
    known = {pair: gap for pair, gap in gaps.items() if gap is not None}
    both = known | {(second, first): _turned(gap) for (first, second), gap in known.items()}
    return _Field(
        margin=rule.margin,
        contenders=contenders,
        eligible=frozenset(arm for arm, state in enumerate(kept) if state is True),
        gaps=both,
        lower=_lowest(scores, both),
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


def _lowest(scores: Scores, gaps: Mapping[Pair, Estimate]) -> Mapping[Pair, float | None]:
    """Joint lower limits with every missing score counted against the first arm of a pair and for the second."""
    view = scores.view
    samples = [view.scores(scores.grader, arm) for arm in range(len(view.arms))]
    if not any(sample.n_missing for sample in samples) or not gaps:
        return {pair: gap.lower for pair, gap in gaps.items()}
    against, favour = [filled(sample, 0.0) for sample in samples], [filled(sample, 1.0) for sample in samples]
    pairs = tuple(gaps)
    if view.settings.scope == "population":
        shifted = tuple((first, len(samples) + second) for first, second in pairs)
        means = means_matrix([*against, *favour])
        joint = simultaneous_differences(means, view.clusters, shifted, view.settings)
    else:
        joint = bonferroni([(against[first], favour[second]) for first, second in pairs], pairs, view.settings)
    return {pair: gap.lower for pair, gap in zip(pairs, joint.estimates, strict=True) if gap is not None}


def _standing(view: RunView, field: _Field, arm: int) -> ArmStanding:
    """The rival that decides it: the one that excludes the arm, else the one it comes closest to losing against."""
    rivals = field.rivals(arm)
    beaten_by = [rival for rival in rivals if rival in field.eligible and _excludes(field, rival, arm)]
    unsettled = [rival for rival in rivals if not _within(field, arm, rival)]
    if beaten_by:
        standing = Standing.EXCLUDED
    elif unsettled or arm not in field.eligible:
        standing = Standing.UNDECIDED
    else:
        standing = Standing.ADMISSIBLE
    against = min(beaten_by or unsettled or rivals, key=lambda rival: _rank(field, arm, rival), default=None)
    return ArmStanding(
        arm_id=view.arms[arm].arm_id,
        standing=standing,
        against=None if against is None else view.arms[against].arm_id,
        gap=None if against is None else field.gaps.get((arm, against)),
        cases_to_settle=_to_settle(view, field, arm, unsettled) if standing is Standing.UNDECIDED else None,
    )


def _within(field: _Field, arm: int, rival: int) -> bool:
    """Shown to be worse than the rival by less than the margin, if at all."""
    lower = field.lower.get((arm, rival))
    return lower is not None and lower > -field.margin


def _excludes(field: _Field, rival: int, arm: int) -> bool:
    """Shown to be better than the arm by more than the margin."""
    lower = field.lower.get((rival, arm))
    return lower is not None and lower > field.margin


def _rank(field: _Field, arm: int, rival: int) -> float:
    lower = field.lower.get((arm, rival))
    return -2.0 if lower is None else lower


def _to_settle(view: RunView, field: _Field, arm: int, unsettled: Sequence[int]) -> int | None:
    """Cases, at the present repeats, that would settle every open pair; None where some pair none would.

    A pair that only missing trials keep open is such a pair: they would be missing among more cases too.
    """
    needed = []
    for rival in unsettled:
        gap, variance = field.gaps.get((arm, rival)), field.variances.get((arm, rival))
        if gap is None or not variance or (gap.lower is not None and gap.lower > -field.margin):
            return None
        n = cases_to_settle(variance, abs(gap.point + field.margin), critical=field.critical)
        if n is None:
            return None
        needed.append(max(n, view.table.n_cases + 1))
    return max(needed, default=None)


def _outcome(
    view: RunView,
    rule: DecisionRule,
    field: _Field,
    standings: tuple[ArmStanding, ...],
    cost_usd: Sequence[float | None],
) -> Decision:
    by_standing = {
        wanted: [arm for arm, standing in enumerate(standings) if standing.standing is wanted] for wanted in Standing
    }
    admissible, possible = by_standing[Standing.ADMISSIBLE], by_standing[Standing.UNDECIDED]
    held_back = _held_back(view, field, admissible, cost_usd)
    if admissible and held_back is None:
        chosen = _cheapest(admissible, cost_usd)
        outcome = Outcome.USE
    else:
        chosen = _cheapest([*admissible, *possible], cost_usd)
        outcome = Outcome.NO_CLEAR_WINNER
    return Decision(
        outcome=outcome,
        rule=rule,
        arm_id=None if chosen is None else view.arms[chosen].arm_id,
        standings=standings,
        held_back=held_back,
    )


def _held_back(view: RunView, field: _Field, admissible: Sequence[int], cost_usd: Sequence[float | None]) -> str | None:
    """Why nothing is chosen although some arm is admissible, or would be if nothing were missing."""
    if not admissible:
        observed = replace(field, lower={pair: gap.lower for pair, gap in field.gaps.items()})
        would = any(_standing(view, observed, arm).standing is Standing.ADMISSIBLE for arm in field.contenders)
        return "missing trials decide" if would else None
    if view.table.n_clusters < FEWEST_CLUSTERS:
        return f"only {view.table.n_clusters} of the cases are independent, {FEWEST_CLUSTERS} are needed"
    if any(cost_usd[arm] is None for arm in admissible):
        return "the cost of an arm that could be used is unknown"
    return None


def _cheapest(arms: Sequence[int], cost_usd: Sequence[float | None]) -> int | None:
    """The lowest mean cost, the first of equals; None where no cost is known."""
    priced = [(cost, arm) for arm in arms if (cost := cost_usd[arm]) is not None]
    return min(priced)[1] if priced else None
