"""What a router scores and costs: each case's trials by arm and repeat, and a choice among the arms for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.means import estimate_mean
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.paired import Difference, compare_scores, compare_values
from evalharness.stats.sample import Floats, Ints, Mask, Sample, Settings, sample_of

#: Means closer than this are equal: sums of thirds differ in the last bits.
DECIMALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A router: its mean score, the paired difference from the best single arm, and what it costs.

    ``cost`` per trial and ``extra_cost`` (router minus best arm) are None without costs. ``choices`` is the share of
    its trials that go to each arm.
    """

    score: Estimate
    gain: Difference
    cost: Estimate | None
    extra_cost: Estimate | None
    choices: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RepeatTable:
    """Scores and costs by case, arm and repeat (n, arms, K), NaN beyond the ``repeats`` that all arms of a case have.

    ``preference`` lists the arms from the best mean score down, the cheaper first where they tie.
    """

    scores: Floats
    costs: Floats | None
    repeats: Ints
    cluster: Ints
    preference: Ints
    settings: Settings

    @property
    def best_arm(self) -> int:
        return int(self.preference[0])

    def preferred(self, means: Floats) -> Ints:
        """(n) the arm with the highest of ``means`` (n, arms), the preferred one where they tie."""
        order = self.preference
        return np.asarray(order[means[:, order].round(DECIMALS).argmax(axis=1)])


def repeat_table(
    scores: Sequence[Sample], costs: Sequence[Sample] | None, complete: Mask, settings: Settings
) -> RepeatTable:
    repeats = np.where(complete, np.min([sample.trials for sample in scores], axis=0), 0)
    values = np.stack([_by_repeat(sample, sample.values, repeats) for sample in scores], axis=1)
    spent = None
    if costs is not None:
        if any(not np.array_equal(cost.case, sample.case) for cost, sample in zip(costs, scores, strict=True)):
            raise ValueError("costs must list the same trials as scores, row by row")
        columns = [_by_repeat(sample, cost.values, repeats) for cost, sample in zip(costs, scores, strict=True)]
        spent = np.stack(columns, axis=1)
    overall = case_means(values)[complete].mean(axis=0).round(DECIMALS)
    dearness = [0.0 if spent is None else _mean_of_known(spent[:, arm]) for arm in range(len(scores))]
    return RepeatTable(
        scores=values,
        costs=spent,
        repeats=repeats,
        cluster=scores[0].cluster,
        preference=np.lexsort((np.array(dearness), -overall)),
        settings=settings,
    )


def _by_repeat(sample: Sample, values: Floats, repeats: Ints) -> Floats:
    """(n, K) of ``values`` of the scored trials of each case, in their order, NaN from its number of ``repeats``."""
    rows = np.flatnonzero(~np.isnan(sample.values))
    rows = rows[np.argsort(sample.case[rows], kind="stable")]
    case = sample.case[rows]
    place = np.arange(len(rows)) - (np.cumsum(sample.trials) - sample.trials)[case]
    used = place < repeats[case]
    table = np.full((sample.n_cases, int(repeats.max())), np.nan)
    table[case[used], place[used]] = values[rows[used]]
    return table


def case_means(table: Floats) -> Floats:
    """Means over the last axis of what is there, NaN where nothing is."""
    present = ~np.isnan(table)
    means = np.full(table.shape[:-1], np.nan)
    n = present.sum(axis=-1)
    np.divide(np.where(present, table, 0.0).sum(axis=-1), n, out=means, where=n > 0)
    return means


def _mean_of_known(table: Floats) -> float:
    known = table[~np.isnan(table)]
    return float(known.mean()) if len(known) else np.inf


def routed(trials: RepeatTable, arms: Ints, cases: Mask | None = None) -> Routed:
    """A router that sends repeat k of case i to ``arms[i, k]``, on ``cases`` (all that are complete if not given)."""
    cases = trials.repeats > 0 if cases is None else cases & (trials.repeats > 0)
    score, best = _two_columns(trials.scores, arms, trials.best_arm, cases)
    router, single = one_each(score, trials.cluster), one_each(best, trials.cluster)
    share, gain = estimate_share(router, trials.settings), compare_scores(router, single, trials.settings)
    assert share is not None and gain is not None  # every router has a complete case
    cost = extra = None
    if trials.costs is not None:
        spent, usual = (
            one_each(column, trials.cluster) for column in _two_columns(trials.costs, arms, trials.best_arm, cases)
        )
        cost = estimate_mean(spent, trials.settings, unit="usd")
        more = (
            compare_values(spent, usual, trials.settings, unit="usd") if (spent.scored & usual.scored).any() else None
        )
        extra = more.estimate if more is not None else None
    sent = np.bincount(arms[cases[:, None] & ~np.isnan(trials.scores[:, 0])], minlength=len(trials.preference))
    return Routed(score=share, gain=gain, cost=cost, extra_cost=extra, choices=tuple((sent / sent.sum()).tolist()))


def _two_columns(table: Floats, arms: Ints, best_arm: int, cases: Mask) -> tuple[Floats, Floats]:
    """(n) case means along the router's arms and in the best arm, NaN outside ``cases``."""
    along = np.take_along_axis(table, arms[:, None, :], axis=1)[:, 0]
    columns = case_means(along), case_means(table[:, best_arm])
    return np.where(cases, columns[0], np.nan), np.where(cases, columns[1], np.nan)


def one_each(values: Floats, cluster: Ints) -> Sample:
    return sample_of(values, np.arange(len(values)), cluster)
