"""Did the service get slower or faster while we measured, and were calls near in time alike?"""

from __future__ import annotations

import math

import numpy as np

from evalharness.core.findings import Drift
from evalharness.stats.sample import Floats, Ints
from evalharness.stats.trend import spearman

FEWEST = 8
#: Standard errors beyond which a correlation is called a drift: two are looked at, and a steady run shows either in at
#: most one of twenty (two-sided 2.8% and one-sided 1.4%).
CRITICAL = 2.2


def send_order_drift(values: Floats, case: Ints, arm: Ints, sent_at: Floats) -> Drift | None:
    """Drift of positive times (N trials) over their send stamps, once case and arm are taken out.

    A residual is log time minus arm mean minus case mean where the trials of a case are far apart in time (repeats).
    Where they are neighbours its mean would take the drift out with it: then the residual is the case's mean (arms
    taken out), one per case, which is fair because cases are sent in random order. Arms that were sent one after the
    other have their place in time within the arm: arm means took out what drifted between them. Without repeats a suite
    whose cases go from short to long then looks like a drift, and which of them it is cannot be told.
    A negative lag-1 correlation is no drift: taking out case means alone makes one where a case's trials are near.
    NaN and +inf are left out: a failed trial has no time to compare. None below 8 residuals, or where nothing varies.
    """
    use = np.isfinite(values) & (values > 0)
    if use.sum() < FEWEST:
        return None
    of_case, of_arm, at = case[use], arm[use], sent_at[use]
    log_ms = np.log(values[use])
    residuals = log_ms - group_means(log_ms, of_arm)
    sequential = one_after_the_other(of_arm, at)
    place = _place_in_arm(of_arm, at) if sequential else at
    n_cases, n_arms = len(np.unique(of_case)), len(np.unique(of_arm))
    if _share_between(of_case, place) < 0.5:
        residuals, free = residuals - group_means(residuals, of_case), len(residuals) - n_cases - n_arms + 1
    else:
        first = np.unique(of_case, return_index=True)[1]
        residuals, place, free = group_means(residuals, of_case)[first], group_means(place, of_case)[first], n_cases
        at = place
    order = np.argsort(at, kind="stable")
    return _of_residuals(residuals[order], place[order], free, sequential=sequential)


def one_after_the_other(arm: Ints, sent_at: Floats) -> bool:
    """Whether the arms (N trials) ran at different times: over half of the variance of the order of sending is between
    them. It is none of it where they were interleaved, 3/4 or more in turn, and trials asked again change it little."""
    rank = np.empty(len(arm))
    rank[np.argsort(sent_at, kind="stable")] = np.arange(len(arm), dtype=float)
    return _share_between(arm, rank) > 0.5


def _share_between(group: Ints, x: Floats) -> float:
    """Of the variance of ``x`` (N) that between the means of its groups; 0.0 where nothing varies."""
    return float(group_means(x, group).var() / x.var()) if x.var() > 0 else 0.0


def _place_in_arm(arm: Ints, sent_at: Floats) -> Floats:
    """(N) 0 to 1: how far into its arm each trial was sent."""
    place = np.empty(len(arm))
    for one in np.unique(arm):
        rows = np.flatnonzero(arm == one)
        place[rows[np.argsort(sent_at[rows], kind="stable")]] = (np.arange(len(rows)) + 0.5) / len(rows)
    return place


def _of_residuals(residuals: Floats, place: Floats, n: int, *, sequential: bool) -> Drift | None:
    """``residuals`` in the order of sending, ``place`` by which they are ranked and halved; ``n`` of them are free."""
    association = spearman(place, residuals) if n >= FEWEST else None
    if association is None:
        return None
    centred = residuals - residuals.mean()
    lag1 = float((centred[1:] * centred[:-1]).sum() / np.square(centred).sum())
    by_place, half = residuals[np.argsort(place, kind="stable")], len(residuals) // 2
    return Drift(
        rho=association.rho,
        p_value=association.p_value,
        half_ratio=math.exp(float(np.median(by_place[half:]) - np.median(by_place[:half]))),
        lag1=lag1,
        n=n,
        moved=abs(association.rho) > CRITICAL / math.sqrt(n),
        in_spells=lag1 > CRITICAL / math.sqrt(n),
        effective_share=_effective_share(centred),
        sequential=sequential,
    )


def moving_block(n: int) -> int:
    """ceil(n^(1/3)) neighbours in time: the order that is best for a variance.

    Source: Hall, Horowitz and Jing 1995, Biometrika 82:561.
    """
    return max(1, math.ceil(round(math.cbrt(n), 9)))


def _effective_share(centred: Floats) -> float:
    """n_eff/n of a mean: variance of independent values over that of a moving-block bootstrap, 1/n to 1.

    The bootstrap's variance needs no draws: it is that of the sums of all blocks of neighbours, the last joined to the
    first. Source: Künsch 1989, Annals of Statistics 17:1217; Politis and Romano 1992 (circular blocks).
    """
    n, block = len(centred), moving_block(len(centred))
    sums = np.cumsum(np.append(0.0, np.append(centred, centred[: block - 1])))
    of_blocks = float(np.square(sums[block:] - sums[:-block]).mean()) / block
    alone = float(np.square(centred).mean())
    return float(np.clip(alone / of_blocks, 1 / n, 1.0)) if of_blocks > 0 else 1.0


def group_means(x: Floats, group: Ints) -> Floats:
    """(N) the mean of each value's group."""
    _, index = np.unique(group, return_inverse=True)
    means = np.bincount(index, x) / np.bincount(index)
    return means[index]
