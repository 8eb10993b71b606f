"""Does a model that judges agree with people? Sensitivity, specificity and kappa from outputs that both have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.proportions import difference_limits, normal_quantile, t_quantile, wilson
from evalharness.stats.sample import Floats, Ints, Mask, Settings, cluster_variance, groups, sample_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Outputs with the judge's verdict and a person's, 1 right and 0 wrong: ``judge`` and ``label`` (M), no NaN.

    ``cluster`` (M): label of the independent unit an output belongs to (its case, where cases are their own).
    Several votes of the judge on one output are one verdict here, by majority: they are no further outputs.
    """

    judge: Floats
    label: Floats
    cluster: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a judge does by a person's labels. None: no output of that class, or for kappa nothing that could differ.

    ``sensitivity``: share of right outputs that it passes; ``specificity``: of wrong ones that it fails. ``informed``
    is sensitivity + specificity - 1: 1 for a perfect judge, 0 for one that guesses. ``kappa`` is Cohen's, agreement
    beyond chance.
    """

    sensitivity: Estimate | None
    specificity: Estimate | None
    informed: Estimate | None
    kappa: Estimate | None
    n_right: int
    n_wrong: int


def agreement(labelled: Labelled, settings: Settings) -> Agreement:
    """Every output counts the same; limits are score limits at the effective number of outputs where cases repeat.

    ``informed`` combines the limits of its two parts. For new cases whatever ``settings.scope`` says.
    Raises ``ValueError`` for verdicts or labels other than 0 and 1.
    Source: Newcombe 1998 (square-and-add); ``_kappa``.
    """
    if not is_binary(labelled):
        raise ValueError("agreement needs verdicts and labels that are 1 (right) or 0; set `pass_at` for scales")
    right = labelled.label == 1
    sensitivity = _share(labelled.judge, labelled.cluster, right, settings)
    specificity = _share(1 - labelled.judge, labelled.cluster, ~right, settings)
    return Agreement(
        sensitivity=sensitivity,
        specificity=specificity,
        informed=_informed(sensitivity, specificity),
        kappa=_kappa(labelled, settings),
        n_right=int(right.sum()),
        n_wrong=int((~right).sum()),
    )


def is_binary(labelled: Labelled) -> bool:
    return all(bool(np.isin(column, (0.0, 1.0)).all()) for column in (labelled.judge, labelled.label))


def _share(values: Floats, cluster: Ints, rows: Mask, settings: Settings) -> Estimate | None:
    """Each output is a unit of its own in the mean: the share that corrects a rate is that of outputs, not of cases."""
    m = int(rows.sum())
    # With every output as a case of its own, ``scope`` suite has nothing to estimate from.
    of_new_cases = Settings(seed=settings.seed, level=settings.level, exact=settings.exact)
    return estimate_share(sample_of(values[rows], np.arange(m), cluster[rows]), of_new_cases)


def _informed(sensitivity: Estimate | None, specificity: Estimate | None) -> Estimate | None:
    if sensitivity is None or specificity is None:
        return None
    passed_wrong = 1 - specificity.point
    of_right, of_wrong = score_limits(sensitivity), score_limits(specificity)
    lower, upper = difference_limits(sensitivity.point, of_right, passed_wrong, (1 - of_wrong[1], 1 - of_wrong[0]))
    return Estimate(
        point=sensitivity.point - passed_wrong,
        lower=lower,
        upper=upper,
        method="Newcombe score",
        n=sensitivity.n + specificity.n,
        unit="share",
        level=sensitivity.level,
    )


def score_limits(estimate: Estimate) -> tuple[float, float]:
    """The limits of a share, which always has both."""
    assert estimate.lower is not None and estimate.upper is not None
    return estimate.lower, estimate.upper


def agreement_gaps(
    candidate: Labelled, baseline: Labelled, settings: Settings
) -> tuple[Estimate | None, Estimate | None]:
    """Candidate minus baseline of sensitivity and of specificity, with limits as of independent outputs.

    None where an arm has no output of the class, and both for scales. Source: Newcombe 1998.
    """
    if not (is_binary(candidate) and is_binary(baseline)):
        return None, None
    b, a = agreement(candidate, settings), agreement(baseline, settings)
    return _gap(b.sensitivity, a.sensitivity), _gap(b.specificity, a.specificity)


def _gap(b: Estimate | None, a: Estimate | None) -> Estimate | None:
    if b is None or a is None:
        return None
    lower, upper = difference_limits(b.point, score_limits(b), a.point, score_limits(a))
    return Estimate(
        point=b.point - a.point,
        lower=lower,
        upper=upper,
        method="Newcombe score",
        n=b.n + a.n,
        unit="share",
        level=b.level,
    )


def joined(one: Labelled, other: Labelled) -> Labelled:
    """The outputs of both; equal cluster labels are one cluster."""
    return Labelled(
        judge=np.concatenate([one.judge, other.judge]),
        label=np.concatenate([one.label, other.label]),
        cluster=np.concatenate([one.cluster, other.cluster]),
    )


def _kappa(labelled: Labelled, settings: Settings) -> Estimate | None:
    """Cohen's kappa with Wilson limits of the agreement, read at the margins seen.

    The effective n of the agreement is chosen such that the limits have the width of kappa's own variance, which is
    the delta method's over clusters. Unlike kappa +- z * error they stay inside [-1, 1] and open up at full agreement.
    Source: Cohen 1960; Fleiss, Cohen and Everitt 1969 for the variance (equal to the delta method's).
    """
    judge, label = labelled.judge, labelled.label
    m = len(judge)
    if m == 0:
        return None
    same, a, b = (judge == label).astype(float), float(label.mean()), float(judge.mean())
    observed, chance = float(same.mean()), a * b + (1 - a) * (1 - b)
    if chance == 1:
        return None
    n_groups = groups(labelled.cluster)[1]
    by_chance = (2 * b - 1) * (label - a) + (2 * a - 1) * (judge - b)
    influence = ((same - observed) * (1 - chance) - (1 - observed) * by_chance) / (1 - chance) ** 2
    variance = cluster_variance(influence, labelled.cluster)
    n_effective = float(n_groups)
    if variance > 0 and 0 < observed < 1:
        n_effective = min(float(m), observed * (1 - observed) / (1 - chance) ** 2 / variance)
    z = normal_quantile(settings.level)
    if n_groups > 1:
        n_effective *= (z / t_quantile(settings.level, n_groups - 1)) ** 2
    lower, upper = (max(-1.0, (limit - chance) / (1 - chance)) for limit in wilson(observed, n_effective, z))
    return Estimate(
        point=(observed - chance) / (1 - chance),
        lower=lower,
        upper=upper,
        method="Wilson limits of the agreement, at the margins seen",
        n=m,
        unit="kappa",
        level=settings.level,
        n_clusters=n_groups,
        n_effective=n_effective,
    )
