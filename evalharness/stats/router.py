"""What could be gained by sending each case to the arm that suits it? An ideal router, and one that knows only tags.

The maximum over arms of the same trials that are then scored takes luck for skill: four equally good arms, three
repeats and 500 cases show a gain of 21 points where there is none. What is claimed is therefore scored on trials that
had no say in the choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.multiple import holm
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.paired import Difference
from evalharness.stats.routes import DECIMALS, RepeatTable, Routed, case_means, one_each, repeat_table, routed
from evalharness.stats.sample import Floats, Ints, Mask, Sample, Settings, groups, require_scores, sums_by

#: A tag with fewer cases is not routed by: the choice of its arm would be luck.
FEWEST_TAGGED = 10
ONE_REPEAT = "one trial of each case and arm: which arm suits a case cannot be told from luck"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagGain:
    """What the cases of one tag gain when they go to ``arm``, the best for the tag, chosen without the scored case.

    ``gain`` None: too few cases (``FEWEST_TAGGED``). ``p_adjusted`` is Holm's over the tags with a gain.
    """

    tag: str
    n_cases: int
    arm: int | None = None
    gain: Difference | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedShares:
    """Shares of the cases of which no trial of any arm was right, every trial of every arm, and some."""

    by_none: Estimate
    by_all: Estimate
    flipping: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """``best_arm`` is the single arm with the highest mean score. ``naive`` is biased upwards: never a promise.

    The gain of ``held_out`` is on average not above that of an ideal router; None for ``reason``. Its score may be: the
    best single arm, which takes ties, was chosen by the same trials. ``by_tag`` None: no tag has cases enough.
    ``n_left_out`` cases lack a score in some arm.
    """

    best_arm: int
    naive: Routed
    held_out: Routed | None
    reason: str
    by_tag: Routed | None
    tags: tuple[TagGain, ...]
    solved: SolvedShares
    n_cases: int
    n_left_out: int


def ideal_router(
    scores: Sequence[Sample],
    settings: Settings,
    *,
    costs: Sequence[Sample] | None = None,
    tags: Mapping[str, Mask] | None = None,
    pass_at: float = 1.0,
) -> Routing | None:
    """What routing over the arms could gain. ``scores`` in [0, 1] and ``costs`` list the same trials row by row.

    With two or more repeats each is held out in turn: the arm with the best mean of the other repeats of the case is
    scored on the one held out, and the results averaged. So the gain is on average not above that of the ideal router,
    which knows the cases' true rates; it may lie below the best single arm where arms hardly differ. Ties go to the arm
    that is best over all, where the gain is 0; the score has the luck by which that arm is best (four equal arms of 20
    cases, three repeats: 4 points). ``tags`` (cases of the plan each) are routed by a case's rarest tag with ten cases
    or more, to the arm that, without the case's cluster, beats the best of all there by more than a standard error.
    Intervals are those of paired scores, for new cases whatever ``scope`` is. None below two arms, or without a case
    that every arm has a score of. Raises ``ValueError`` where costs do not list the trials of the scores.
    Source: Cameron, Hoos and Leyton-Brown 2016, IJCAI, 712 (bias of the virtual best solver); Fowler et al. 2026,
    arXiv 2606.26836 (the same in frontiers over models); sample splitting as Cox 1975, Biometrika 62:441.
    """
    for sample in scores:
        require_scores(sample)
    complete = np.all([sample.scored for sample in scores], axis=0) if len(scores) > 1 else np.zeros(0, np.bool_)
    if not complete.any():
        return None
    trials = repeat_table(scores, costs, complete, replace(settings, scope="population"))
    known = {tag: cases & complete for tag, cases in (tags or {}).items()}
    repeated = bool((trials.repeats > 1).any())
    return Routing(
        best_arm=trials.best_arm,
        naive=_naive(trials),
        held_out=_held_out(trials) if repeated else None,
        reason="" if repeated else ONE_REPEAT,
        by_tag=_by_tag(trials, known),
        tags=_tag_gains(trials, known),
        solved=_solved(trials, pass_at),
        n_cases=int(complete.sum()),
        n_left_out=int((~complete).sum()),
    )


def _naive(trials: RepeatTable) -> Routed:
    """The best arm of each case by the same trials that are scored."""
    means = case_means(trials.scores)
    arms = trials.preferred(np.nan_to_num(means))
    return routed(trials, np.broadcast_to(arms[:, None], trials.scores[:, 0].shape))


def _held_out(trials: RepeatTable) -> Routed:
    """Each repeat scored in the arm that the case's other repeats prefer; cases with one repeat are left out."""
    present = np.nan_to_num(trials.scores)
    others = (trials.repeats - 1)[:, None, None]
    rest = (present.sum(axis=2, keepdims=True) - present) / np.maximum(1, others)
    arms = np.column_stack([trials.preferred(rest[:, :, repeat]) for repeat in range(rest.shape[2])])
    return routed(trials, arms, trials.repeats > 1)


def _by_tag(trials: RepeatTable, tags: Mapping[str, Mask]) -> Routed | None:
    large = sorted((tag for tag in tags if tags[tag].sum() >= FEWEST_TAGGED), key=lambda tag: (tags[tag].sum(), tag))
    if not large:
        return None
    arms = np.full(len(trials.repeats), trials.best_arm)
    free = np.ones(len(arms), dtype=np.bool_)
    for tag in large:
        here = tags[tag] & free
        arms[here] = _arms_without_own(trials, tags[tag])[here]
        free &= ~here
    return routed(trials, np.broadcast_to(arms[:, None], trials.scores[:, 0].shape))


def _arms_without_own(trials: RepeatTable, cases: Mask) -> Ints:
    """(n) the arm to send ``cases`` to, by those of other clusters than the case's own."""
    gains, index, n_clusters = _gains_over_best(trials, cases), *groups(trials.cluster)
    sums, squares = (
        np.column_stack([sums_by(index, column, n_clusters) for column in table.T]) for table in (gains, gains**2)
    )
    sizes = sums_by(index, cases.astype(float), n_clusters)
    rest = _worthwhile(sums.sum(axis=0) - sums, squares.sum(axis=0) - squares, sizes.sum() - sizes)
    return trials.preferred(rest)[index]


def _gains_over_best(trials: RepeatTable, cases: Mask) -> Floats:
    """(n, arms) each arm's mean score minus that of the best arm over all; 0 outside ``cases``."""
    means = np.nan_to_num(case_means(trials.scores)).round(DECIMALS)
    return np.where(cases[:, None], means - means[:, [trials.best_arm]], 0.0)


def _worthwhile(sums: Floats, squares: Floats, sizes: Floats) -> Floats:
    """(rows, arms) mean gains of ``sizes`` (rows) cases, 0 where not above their standard error.

    Without that bar the lead of a single case would decide, and be lost wherever that case is the one left out: 20
    cases of two tags without any effect would seem to lose 6 points. Source: Breiman et al. 1984 (one standard error).
    """
    n = np.maximum(sizes, 1.0)[:, None]
    means = sums / n
    errors = np.sqrt(np.maximum(0.0, squares / n - means**2) / np.maximum(n - 1, 1.0))
    return np.where((means > errors) & (n > 1), means, np.minimum(means, 0.0))


def _tag_gains(trials: RepeatTable, tags: Mapping[str, Mask]) -> tuple[TagGain, ...]:
    """By name; the tags with a gain are one family."""
    gains: dict[str, Difference] = {}
    chosen: dict[str, int] = {}
    for tag, cases in tags.items():
        if cases.sum() < FEWEST_TAGGED:
            continue
        arms = _arms_without_own(trials, cases)
        gains[tag] = routed(trials, np.broadcast_to(arms[:, None], trials.scores[:, 0].shape), cases).gain
        whole = _gains_over_best(trials, cases)
        sums, squares = whole.sum(axis=0), np.square(whole).sum(axis=0)
        chosen[tag] = int(trials.preferred(_worthwhile(sums[None], squares[None], cases.sum(keepdims=True)))[0])
    p_values = [1.0 if gain.p_value is None else gain.p_value for gain in gains.values()]
    adjusted = dict(zip(gains, holm(p_values), strict=True))
    return tuple(
        TagGain(
            tag=tag,
            n_cases=int(tags[tag].sum()),
            arm=chosen.get(tag),
            gain=gains.get(tag),
            p_adjusted=adjusted.get(tag),
        )
        for tag in sorted(tags)
    )


def _solved(trials: RepeatTable, pass_at: float) -> SolvedShares:
    right = np.nan_to_num(trials.scores) >= pass_at - 10.0**-DECIMALS
    known = ~np.isnan(trials.scores)
    some = np.asarray((right & known).any(axis=(1, 2)))
    every = np.asarray((right | ~known).all(axis=(1, 2)))

    def share(cases: Mask) -> Estimate:
        values = np.where(trials.repeats > 0, cases, np.nan)
        estimate = estimate_share(one_each(values, trials.cluster), trials.settings)
        assert estimate is not None  # there is a complete case
        return estimate

    return SolvedShares(by_none=share(~some), by_all=share(every), flipping=share(some & ~every))
