"""What the answers of an arm are worth less what they cost, by case and between arms: the rule ``best_value``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.core.model import DecisionRule
from evalharness.metrics.table import Floats
from evalharness.stats.multiple import simultaneous_differences
from evalharness.stats.sample import Sample, cluster_variance
from evalharness.verdict.families import Pair
from evalharness.verdict.field import Field
from evalharness.verdict.unknown_spending import most_spent
from evalharness.verdict.view import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """US dollars per case, one sample by arm. ``worst`` and ``best``: with missing scores wrong and right, and unknown
    costs the most and the least that they can be. ``unlimited``: arms with an unknown cost that nothing limits, of
    which ``worst`` says nothing."""

    observed: Sequence[Sample]
    worst: Sequence[Sample]
    best: Sequence[Sample]
    unlimited: frozenset[int]

    @property
    def n_missing(self) -> int:
        return sum(sample.n_missing for sample in self.observed)


def worth(view: RunView, rule: DecisionRule) -> Worth:
    """``value_per_correct_usd`` x score - cost of each trial."""
    value = rule.value_per_correct_usd or 0.0
    score, cost = view.table.scores[rule.metric], view.table.metrics["cost_usd"]
    most = np.array([most_spent(view, "cost_usd", arm) for arm in range(len(view.arms))])[view.table.arm_index]
    worst = value * _filled(score, 0.0) - np.where(np.isnan(cost), most, cost)
    best = value * _filled(score, 1.0) - _filled(cost, 0.0)
    endless = np.isinf(worst)
    columns = (value * score - cost, np.where(endless, np.nan, worst), best)
    observed, low, high = ([view.sample(column, arm) for arm in range(len(view.arms))] for column in columns)
    unlimited = frozenset(view.table.arm_index[endless].tolist())
    return Worth(observed=observed, worst=low, best=high, unlimited=unlimited)


def _filled(column: Floats, value: float) -> Floats:
    return np.where(np.isnan(column), value, column)


def worth_field(view: RunView, rule: DecisionRule, kept: Sequence[bool | None]) -> Field:
    """As ``field``, of worth: joint intervals in US dollars, without a margin.

    Cases are drawn together whatever the scope: money has no limits from which single cases could be judged.
    """
    found = worth(view, rule)
    contenders = tuple(arm for arm, state in enumerate(kept) if state is not False)
    pairs = [pair for first, second in combinations(contenders, 2) for pair in ((first, second), (second, first))]
    means = [sample.means for sample in found.observed]
    gaps, critical = _joint(view, means, means, pairs)
    extremes = [sample.means for sample in found.worst], [sample.means for sample in found.best]
    limited = [pair for pair in pairs if pair[0] not in found.unlimited]
    return Field(
        margin=rule.margin,
        contenders=contenders,
        eligible=frozenset(arm for arm, state in enumerate(kept) if state is True),
        gaps=gaps,
        worst=_joint(view, *extremes, limited)[0] if found.n_missing else gaps,
        variances={pair: _variance(view, means[pair[0]], means[pair[1]]) for pair in pairs},
        critical=critical,
    )


def _joint(
    view: RunView, first: Sequence[Floats], second: Sequence[Floats], pairs: Sequence[Pair]
) -> tuple[Mapping[Pair, Estimate], float]:
    """Intervals of a column of ``first`` less one of ``second`` that hold together, and their factor."""
    columns = np.column_stack([*first, *second])
    shifted = [(one, len(first) + other) for one, other in pairs]
    joint = simultaneous_differences(columns, view.clusters, shifted, view.settings, unit="usd", bounded=False)
    return {pair: gap for pair, gap in zip(pairs, joint.estimates, strict=True) if gap is not None}, joint.critical


def _variance(view: RunView, first: Floats, second: Floats) -> float | None:
    both = ~(np.isnan(first) | np.isnan(second))
    if not both.any():
        return None
    return cluster_variance(first[both] - second[both], view.clusters[both]) * int(both.sum())
