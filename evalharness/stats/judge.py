"""How good is an arm that only a model has judged? The judge's rate, corrected by labels that people gave.

The labels are of a random draw of this arm's own outputs, so nothing is assumed of how the judge errs. For labels of
outside outputs see ``judge_calibration``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.judge_agreement import Agreement, Labelled, agreement, is_binary
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.proportions import normal_quantile, t_quantile, wilson
from evalharness.stats.sample import Floats, Ints, Settings, groups, sample_of, sums_by

#: Fewer labelled units, or fewer of a class, do not show how the judge errs: the labels then speak alone.
FEWEST_LABELS = 30
FEWEST_OF_A_CLASS = 5
#: The error is never taken to be less than that of so many errors of the judge among the labelled units. With 20,000
#: outputs, 50 labels and a judge that fails 3% of the right ones, often none of these is labelled: 71% were covered.
FEWEST_ERRORS = 4
FEW_LABELS = "too few labels, or too few of a class, to use the judge: the labels alone are shown"
ALL_LABELLED = "every judged output is labelled: the labels alone are shown"
AT_THE_END = "the corrected rate lies at 0 or 1: the labels alone are shown"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """One arm's outputs: ``judge`` (N) the judge's score in [0, 1], NaN where it gave none; ``label`` (N) a person's,
    NaN where nobody was asked. Labels must be a random draw. ``case`` (N) and ``cluster`` (n cases) as in ``Sample``.

    Several votes of a judge on one output are one score here: they are repeats of the grader, no further outputs.
    """

    judge: Floats
    label: Floats
    case: Ints
    cluster: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """``raw``: what the judge alone says. ``corrected``: None where ``refused`` says why. To be shown together.

    ``agreement`` is that of the labelled outputs, None where scores or labels are not just right or wrong. ``cautions``
    are clauses that belong beside the figure.
    """

    raw: Estimate | None
    corrected: Estimate | None
    agreement: Agreement | None
    refused: str | None = None
    cautions: tuple[str, ...] = ()


def correct_by_labels(judged: Judged, settings: Settings) -> Corrected:
    """PPI++: the judge's mean over unlabelled outputs plus its mean error over labelled ones, at the judge's worth.

    As ``rectified``; limits are Wilson's at the effective n with t of the labelled clusters. Where that returns a
    reason, ``estimate_share`` of the labels alone. Outputs that the judge did not score are left out: 0 and 1 in their
    place give the bounds. For new cases whatever ``settings.scope`` says.
    Raises ``ValueError`` for scores or labels outside [0, 1].
    """
    settings = replace(settings, scope="population")
    raw, of_labels = (
        estimate_share(sample_of(column, judged.case, judged.cluster), settings)
        for column in (judged.judge, judged.label)
    )
    labelled = own_labels(judged)
    agreed = agreement(labelled, settings) if is_binary(labelled) else None
    if of_labels is None:
        return Corrected(raw=raw, corrected=None, agreement=agreed, refused="no output is labelled")
    fit = rectified(judged)
    if isinstance(fit, str):
        return Corrected(raw=raw, corrected=of_labels, agreement=agreed, cautions=(fit,))
    return Corrected(raw=raw, corrected=_estimate(judged, fit, settings), agreement=agreed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rectified:
    """A rate in (0, 1) corrected by labels; ``influence`` (G clusters of the plan): each one's part of its error.

    ``worth`` is the weight lambda of the judge, ``n_labelled`` the clusters with a label.
    """

    point: float
    influence: Floats
    worth: float
    n_labelled: int

    @property
    def least_variance(self) -> float:
        return FEWEST_ERRORS / self.n_labelled**2

    @property
    def variance(self) -> float:
        return max(self.least_variance, error_variance(self.influence, self.n_labelled))


def error_variance(influence: Floats, n_labelled: int) -> float:
    """Sum of squares over clusters, with the small-sample factor of the labelled ones: they make most of the error."""
    return n_labelled / (n_labelled - 1) * float(np.square(influence).sum())


def rectified(judged: Judged) -> Rectified | str:
    """est = lambda * mean(f_U) + mean(Y - lambda * f), lambda = clip(cov(Y, f) / ((1 + n/N) var f), 0, 1).

    f_U are the judge's scores of the N unlabelled outputs, Y - lambda * f is over the n labelled ones. Outputs of
    a case share its weight. The variance is that of cluster totals, because a case may have outputs of both kinds, with
    the floor of ``FEWEST_ERRORS``.
    A reason in words where the judge cannot be used. Source: Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453.
    """
    scored = ~np.isnan(judged.judge)
    with_label = scored & ~np.isnan(judged.label)
    without = scored & np.isnan(judged.label)
    if not without.any():
        return ALL_LABELLED
    index, n_groups = groups(judged.cluster)
    at = index[judged.case]
    n_labelled = _enough_labels(judged.label[with_label], at[with_label], n_groups)
    if n_labelled is None:
        return FEW_LABELS
    weight = 1 / np.maximum(1, np.bincount(judged.case[scored], minlength=len(judged.cluster)))[judged.case]
    worth = _worth(judged.label[with_label], judged.judge[with_label], judged.judge[scored], int(without.sum()))
    point, influence = 0.0, np.zeros(n_groups)
    for rows, x in ((without, worth * judged.judge), (with_label, judged.label - worth * judged.judge)):
        share = weight[rows] / weight[rows].sum()
        mean = float(share @ x[rows])
        point += mean
        influence += sums_by(at[rows], share * (x[rows] - mean), n_groups)
    if not 0 < point < 1:
        return AT_THE_END
    return Rectified(point=point, influence=influence, worth=worth, n_labelled=n_labelled)


def _enough_labels(label: Floats, at: Ints, n_groups: int) -> int | None:
    """The number of labelled clusters, None where they or those of a class are too few (fractions for repeats)."""
    n = np.bincount(at, minlength=n_groups)
    seen = n > 0
    right = float((sums_by(at, label, n_groups)[seen] / n[seen]).sum())
    n_labelled = int(seen.sum())
    enough = n_labelled >= FEWEST_LABELS and min(right, n_labelled - right) >= FEWEST_OF_A_CLASS
    return n_labelled if enough else None


def _worth(label: Floats, judge: Floats, judge_of_all: Floats, n_without: int) -> float:
    spread = float(judge_of_all.var(ddof=1))
    if spread == 0:
        return 0.0
    together = float(np.cov(label, judge, ddof=0)[0, 1])  # as the authors' own program does
    return min(1.0, max(0.0, together / ((1 + len(label) / n_without) * spread)))


def _estimate(judged: Judged, fit: Rectified, settings: Settings) -> Estimate:
    z, t = normal_quantile(settings.level), t_quantile(settings.level, fit.n_labelled - 1)
    n_effective = fit.point * (1 - fit.point) / fit.variance * (z / t) ** 2
    lower, upper = wilson(fit.point, n_effective, z)
    scored = ~np.isnan(judged.judge)
    cases = np.unique(judged.case[scored])
    return Estimate(
        point=fit.point,
        lower=lower,
        upper=upper,
        method=f"PPI++ with {fit.n_labelled} labelled units, Wilson at the effective number of labels",
        n=len(cases),
        unit="share",
        level=settings.level,
        n_trials=int(scored.sum()),
        n_clusters=groups(judged.cluster[cases])[1],
        n_effective=n_effective,
    )


def own_labels(judged: Judged) -> Labelled:
    """This arm's outputs that have both a score and a label."""
    both = ~np.isnan(judged.judge) & ~np.isnan(judged.label)
    return Labelled(judge=judged.judge[both], label=judged.label[both], cluster=judged.cluster[judged.case[both]])
