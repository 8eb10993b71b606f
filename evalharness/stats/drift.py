"""Did the service get slower or faster while we measured?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evalharness.stats.sample import Floats, Ints
from evalharness.stats.trend import spearman

FEWEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """``rho`` of residual log times with send order, ``half_ratio`` second half over first, ``lag1`` autocorrelation.

    ``n`` residuals: of trials, or of cases where each was sent once. ``drifting``: |rho| or lag1 beyond 2/sqrt(n), or
    the p of rho below .01; then say so above every time figure. A negative lag1 is no drift: taking out case means
    alone makes one where a case's trials are neighbours.
    """

    rho: float
    p_value: float
    half_ratio: float
    lag1: float
    n: int
    drifting: bool


def send_order_drift(values: Floats, case: Ints, arm: Ints, sent_at: Floats) -> Drift | None:
    """Drift of positive times (N trials) over their send stamps, once case and arm are taken out.

    With repeats a residual is log time minus arm mean minus case mean. Without, a case is sent once, its arms next to
    each other, and its mean would take the drift out with it: then the residual is the case's mean (arms taken out),
    one per case, which is fair because cases are sent in random order.
    NaN and +inf are left out: a failed trial has no time to compare. None below 8 residuals, or where nothing varies.
    """
    use = np.isfinite(values) & (values > 0)
    if not use.any():
        return None
    of_case, of_arm, at = case[use], arm[use], sent_at[use]
    log_ms = np.log(values[use])
    residuals = log_ms - group_means(log_ms, of_arm)
    slots = np.unique(np.column_stack([of_case, of_arm]), axis=0)
    if len(residuals) > len(slots):
        residuals = residuals - group_means(residuals, of_case)
    else:
        first = np.unique(of_case, return_index=True)[1]
        residuals, at = group_means(residuals, of_case)[first], group_means(at, of_case)[first]
    return _of_residuals(residuals[np.argsort(at, kind="stable")])


def _of_residuals(residuals: Floats) -> Drift | None:
    n, half = len(residuals), len(residuals) // 2
    association = spearman(np.arange(n, dtype=float), residuals) if n >= FEWEST else None
    if association is None:
        return None
    rho, p = association.rho, association.p_value
    centred = residuals - residuals.mean()
    lag1 = float((centred[1:] * centred[:-1]).sum() / np.square(centred).sum())
    return Drift(
        rho=rho,
        p_value=p,
        half_ratio=math.exp(float(np.median(residuals[half:]) - np.median(residuals[:half]))),
        lag1=lag1,
        n=n,
        drifting=max(abs(rho), lag1) > 2 / math.sqrt(n) or p < 0.01,
    )


def group_means(x: Floats, group: Ints) -> Floats:
    """(N) the mean of each value's group."""
    _, index = np.unique(group, return_inverse=True)
    means = np.bincount(index, x) / np.bincount(index)
    return means[index]
