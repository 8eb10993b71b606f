"""Did the service get slower or faster while we measured?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evalharness.stats.blocks import block_labels
from evalharness.stats.sample import Floats, Ints
from evalharness.stats.trend import spearman

FEWEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """``rho`` of residual log times with send order, ``half_ratio`` second half over first, ``lag1`` autocorrelation.

    ``n`` residuals: of trials, or of cases where each was sent once. ``drifting``: |rho| or lag1 beyond 2/sqrt(n), or
    the p of rho below .01; then say so above every time figure. A negative lag1 is no drift: taking out case means
    alone makes one where a case's trials are neighbours. ``effective_share``: independent residuals that would tell as
    much about their mean, over ``n``. ``sequential``: the arms were sent one after the other; rho and ``half_ratio``
    are then within arms.
    """

    rho: float
    p_value: float
    half_ratio: float
    lag1: float
    n: int
    drifting: bool
    effective_share: float
    sequential: bool = False

    @property
    def confounded(self) -> bool:
        """Whether a difference between arms may come from when they ran: no comparison of their times decides."""
        return self.drifting and self.sequential


def send_order_drift(values: Floats, case: Ints, arm: Ints, sent_at: Floats) -> Drift | None:
    """Drift of positive times (N trials) over their send stamps, once case and arm are taken out.

    With repeats a residual is log time minus arm mean minus case mean. Without, a case is sent once, its arms next to
    each other, and its mean would take the drift out with it: then the residual is the case's mean (arms taken out),
    one per case, which is fair because cases are sent in random order. Arms that were sent one after the other have a
    residual per trial, and its place in time is that within the arm: arm means took out what drifted between them.
    NaN and +inf are left out: a failed trial has no time to compare. None below 8 residuals, or where nothing varies.
    """
    use = np.isfinite(values) & (values > 0)
    if not use.any():
        return None
    of_case, of_arm, at = case[use], arm[use], sent_at[use]
    log_ms = np.log(values[use])
    residuals = log_ms - group_means(log_ms, of_arm)
    sequential = one_after_the_other(of_arm, at)
    slots = np.unique(np.column_stack([of_case, of_arm]), axis=0)
    if len(residuals) > len(slots):
        residuals = residuals - group_means(residuals, of_case)
    elif not sequential:
        first = np.unique(of_case, return_index=True)[1]
        residuals, at = group_means(residuals, of_case)[first], group_means(at, of_case)[first]
    order = np.argsort(at, kind="stable")
    place = _place_in_arm(of_arm[order]) if sequential else np.arange(len(order), dtype=float)
    return _of_residuals(residuals[order], place, sequential=sequential)


def one_after_the_other(arm: Ints, sent_at: Floats) -> bool:
    """Whether two or more arms (N trials) were sent in turn, each begun after the last trial of the one before."""
    order = np.argsort(sent_at, kind="stable")
    changes = int((np.diff(arm[order]) != 0).sum())
    return 0 < changes == len(np.unique(arm)) - 1


def _place_in_arm(arm: Ints) -> Floats:
    """(N) 0 to 1: how far into its arm each trial was sent; ``arm`` in the order of sending."""
    place = np.empty(len(arm))
    for one in np.unique(arm):
        rows = np.flatnonzero(arm == one)
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return place


def _of_residuals(residuals: Floats, place: Floats, *, sequential: bool) -> Drift | None:
    """``residuals`` in the order of sending, ``place`` in time by which they are ranked and halved."""
    n, half = len(residuals), len(residuals) // 2
    association = spearman(place, residuals) if n >= FEWEST else None
    if association is None:
        return None
    rho, p = association.rho, association.p_value
    centred = residuals - residuals.mean()
    lag1 = float((centred[1:] * centred[:-1]).sum() / np.square(centred).sum())
    by_place = residuals[np.argsort(place, kind="stable")]
    return Drift(
        rho=rho,
        p_value=p,
        half_ratio=math.exp(float(np.median(by_place[half:]) - np.median(by_place[:half]))),
        lag1=lag1,
        n=n,
        drifting=max(abs(rho), lag1) > 2 / math.sqrt(n) or p < 0.01,
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


def time_blocks(moment: Floats) -> Ints:
    """(n cases) labels of blocks of ``moving_block`` cases that were sent next to each other, by ``moment`` of sending.

    As clusters in place of the cases' own they let the intervals of times hold where times drift.
    """
    n = len(moment)
    labels = np.empty(n, dtype=np.int64)
    labels[np.argsort(moment, kind="stable")] = block_labels(n, max(1, n // moving_block(n)))
    return labels


def group_means(x: Floats, group: Ints) -> Floats:
    """(N) the mean of each value's group."""
    _, index = np.unique(group, return_inverse=True)
    means = np.bincount(index, x) / np.bincount(index)
    return means[index]
