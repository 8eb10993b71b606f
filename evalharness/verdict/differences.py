"""Scores of arms against each other: differences on the same cases, each with the words it may be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalharness.core.findings import Comparison, Estimate
from evalharness.stats.multiple import Simultaneous, simultaneous_differences
from evalharness.stats.paired import Difference, compare_scores
from evalharness.stats.proportions import normal_quantile
from evalharness.stats.sample import Sample, Settings, filled, groups, means_matrix, with_level
from evalharness.verdict.arm_samples import ArmSamples
from evalharness.verdict.families import HOLM, Adjustment, Pair, cautions
from evalharness.verdict.reading import may_decide, reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One grader over the arms of a run, how much of a difference matters, and how p values are corrected."""

    view: ArmSamples
    grader: str
    margin: float | None = None
    adjustment: Adjustment = HOLM

    def samples(self, pair: Pair) -> tuple[Sample, Sample]:
        return self.view.scores(self.grader, pair[0]), self.view.scores(self.grader, pair[1])


def differences(scores: Scores, pairs: Sequence[Pair]) -> Mapping[Pair, Difference]:
    """Each pair compared by itself; pairs that cannot be (an arm without any score) are left out."""
    found = {pair: compare_scores(*scores.samples(pair), scores.view.settings) for pair in dict.fromkeys(pairs)}
    return {pair: difference for pair, difference in found.items() if difference is not None}


def family(scores: Scores, members: Mapping[Pair, Difference]) -> tuple[Comparison, ...]:
    """``members`` as one family shown together: joint intervals and adjusted p values, in the order given."""
    alone = len(members) < 2  # its own interval is enough
    joint = [None] * len(members) if alone else joint_intervals(scores, members).estimates
    adjusted = scores.adjustment.adjusted([member.p_value for member in members.values()])
    return tuple(
        _comparison(scores, pair, member, together, p_adjusted)
        for (pair, member), together, p_adjusted in zip(members.items(), joint, adjusted, strict=True)
    )


def joint_intervals(scores: Scores, members: Mapping[Pair, Difference]) -> Simultaneous:
    """Intervals of the members that hold together, in the order given."""
    view, pairs = scores.view, tuple(members)
    if view.settings.scope == "population" and all(member.design == "paired" for member in members.values()):
        means = means_matrix([view.scores(scores.grader, arm) for arm in range(len(view.arms))])
        return simultaneous_differences(means, view.clusters, pairs, view.settings)
    samples = [scores.samples(pair) for pair in pairs]
    return bonferroni(samples, pairs, view.settings)


def bonferroni(samples: Sequence[tuple[Sample, Sample]], pairs: Sequence[Pair], settings: Settings) -> Simultaneous:
    """Joint intervals where cases are not drawn together (other cases, or ``scope`` suite): no joint bootstrap."""
    narrower = with_level(settings, 1 - settings.alpha / len(pairs))
    found = [compare_scores(candidate, baseline, narrower) for candidate, baseline in samples]
    return Simultaneous(
        pairs=tuple(pairs),
        estimates=tuple(_renamed(difference, settings, len(pairs)) for difference in found),
        critical=normal_quantile(narrower.level),
    )


def _renamed(difference: Difference | None, settings: Settings, n_family: int) -> Estimate | None:
    if difference is None:
        return None
    method = f"{difference.estimate.method}, Bonferroni over {n_family}"
    return replace(difference.estimate, level=settings.level, method=method)


def _comparison(
    scores: Scores, pair: Pair, member: Difference, joint: Estimate | None, p_adjusted: float | None
) -> Comparison:
    shown = joint or member.estimate
    n_clusters = member.estimate.n_clusters or groups(scores.view.clusters)[1]
    p = member.p_value if p_adjusted is None else p_adjusted
    agrees = scores.adjustment.agrees(shown, p)
    bounds = _bounds(scores, pair)
    words = [
        reading(
            estimate,
            higher_is_better=True,
            margin=scores.margin,
            agrees=agrees and may_decide(n_clusters, member.p_method),
        )
        for estimate in (shown, *bounds)
    ]
    notes = cautions(member.design, n_clusters, agrees=agrees, exploratory=scores.adjustment.exploratory)
    if bounds and words[1] is not words[2]:
        notes = (*notes, "missing trials could change this reading")
    return Comparison(
        metric=scores.grader,
        candidate=scores.view.arms[pair[0]].arm_id,
        baseline=scores.view.arms[pair[1]].arm_id,
        kind="difference",
        design=member.design,
        estimate=member.estimate,
        reading=words[0],
        higher_is_better=True,
        simultaneous=joint,
        p_value=member.p_value,
        p_adjusted=p_adjusted,
        p_method=member.p_method,
        adjustment=None if p_adjusted is None else scores.adjustment.name,
        smallest_p=member.smallest_p,
        n_pairs=member.n_pairs,
        gained=member.gained,
        lost=member.lost,
        correlation=member.correlation,
        n_missing=sum(sample.n_missing for sample in scores.samples(pair)),
        worst=bounds[0] if bounds else None,
        best=bounds[1] if bounds else None,
        cautions=notes,
    )


def _bounds(scores: Scores, pair: Pair) -> tuple[()] | tuple[Estimate, Estimate]:
    """(worst, best) for the candidate: all missing scores against it, then all for it. Empty where none is missing."""
    candidate, baseline = scores.samples(pair)
    if not candidate.n_missing and not baseline.n_missing:
        return ()
    undrawn = replace(scores.view.settings, n_resamples=1)  # only intervals are used, and they need no draws
    worst = compare_scores(filled(candidate, 0.0), filled(baseline, 1.0), undrawn)
    best = compare_scores(filled(candidate, 1.0), filled(baseline, 0.0), undrawn)
    return (worst.estimate, best.estimate) if worst and best else ()
