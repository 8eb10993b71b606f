"""Is B better than A when a model judges both? A judge may favour one of them, so its errors are measured in each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import SMALLEST_P
from evalharness.stats.judge import Corrected, Judged, error_variance, own_labels, rectified
from evalharness.stats.judge_agreement import Labelled, agreement, agreement_gaps, joined, score_limits
from evalharness.stats.judge_calibration import RoganGladen, correct_by_calibration, weaknesses
from evalharness.stats.paired import Difference, compare_scores
from evalharness.stats.proportions import Interval, difference_limits, normal_quantile, t_quantile
from evalharness.stats.sample import Settings, sample_of, with_level

#: Sensitivities (and specificities) of two arms that differ by less than this, with 95% confidence, may be pooled: two
#: one-sided tests, which is an interval of 90%.
POOLING_MARGIN = 0.1
POOLING_LEVEL = 0.9
FAVOUR = "judge only: the judge may favour one of the arms, and the labels do not show that it does not"


class Basis(StrEnum):
    """What a corrected difference rests on."""

    LABELS = "labels of both arms"
    PER_ARM = "calibration of each arm"
    POOLED = "calibration pooled over the arms"
    JUDGE_ONLY = "judge only"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedDifference:
    """Candidate minus baseline. ``judge_only`` is the gap without any correction, and equals ``estimate`` where
    ``basis`` says so: it is then no finding about the arms unless the judge treats both alike.

    ``sensitivity_gap`` and ``specificity_gap``: candidate minus baseline; None where an arm has no label of the class.
    """

    estimate: Estimate
    p_value: float | None
    p_method: str
    basis: Basis
    judge_only: Difference
    sensitivity_gap: Estimate | None
    specificity_gap: Estimate | None
    cautions: tuple[str, ...] = ()


def compare_judged(
    candidate: Judged, baseline: Judged, settings: Settings, *, outside: tuple[Labelled, Labelled] | None = None
) -> JudgedDifference | None:
    """The difference of corrected rates; ``outside`` are calibrations of candidate and baseline, each its own.

    Without ``outside``: difference of the PPI++ estimates, with t limits from cluster totals over both arms, so that
    cases they share count as pairs. With it: Newcombe's limits from both Rogan-Gladen intervals, wider than needed for
    paired cases. Where an arm's labels do not suffice: the judge's gap divided by the sensitivity + specificity - 1 of
    the pooled labels, if both are shown (95%) to differ by less than 0.1 between the arms; else the judge's gap alone.
    None where the judge scored no case in either arm. For new cases whatever ``settings.scope`` says.
    Raises ``ValueError`` for arms of different cases, and as ``correct_by_labels`` and ``correct_by_calibration``.
    """
    settings = replace(settings, scope="population")
    if not np.array_equal(candidate.cluster, baseline.cluster):
        raise ValueError("both arms must index the same cases and clusters")
    b, a = (sample_of(arm.judge, arm.case, arm.cluster) for arm in (candidate, baseline))
    naive = compare_scores(b, a, settings)
    if naive is None:
        return None
    labelled = outside or (own_labels(candidate), own_labels(baseline))
    if outside:
        found = _of_calibrations(candidate, baseline, outside, settings)
    else:
        found = _of_labels(candidate, baseline, naive, settings)
    found = found or _pooled(naive, labelled, settings) or _judge_only(naive)
    gaps = agreement_gaps(*labelled, settings)
    return JudgedDifference(
        estimate=found.estimate,
        p_value=found.p_value,
        p_method=found.p_method,
        basis=found.basis,
        judge_only=naive,
        sensitivity_gap=gaps[0],
        specificity_gap=gaps[1],
        cautions=found.cautions,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    estimate: Estimate
    p_value: float | None
    p_method: str
    basis: Basis
    cautions: tuple[str, ...] = ()


def _judge_only(naive: Difference) -> _Finding:
    return _Finding(
        estimate=replace(naive.estimate, method=f"{naive.estimate.method}, judge only"),
        p_value=naive.p_value,
        p_method=naive.p_method,
        basis=Basis.JUDGE_ONLY,
        cautions=(FAVOUR,),
    )


def _of_labels(candidate: Judged, baseline: Judged, naive: Difference, settings: Settings) -> _Finding | None:
    """Both arms' PPI++ influences index the same clusters, so their difference holds what the arms share."""
    b, a = rectified(candidate), rectified(baseline)
    if isinstance(b, str) or isinstance(a, str):
        return None
    n_labelled = min(b.n_labelled, a.n_labelled)
    point, variance = b.point - a.point, error_variance(b.influence - a.influence, n_labelled)
    error = math.sqrt(max(variance, b.least_variance + a.least_variance))
    half = t_quantile(settings.level, n_labelled - 1) * error
    return _Finding(
        estimate=replace(
            naive.estimate,
            point=point,
            lower=max(-1.0, point - half),
            upper=min(1.0, point + half),
            method="difference of PPI++ estimates, t on cluster totals",
        ),
        p_value=max(SMALLEST_P, 2 * float(special.stdtr(n_labelled - 1, -abs(point) / error))),
        p_method="t",
        basis=Basis.LABELS,
    )


def _of_calibrations(
    candidate: Judged, baseline: Judged, outside: tuple[Labelled, Labelled], settings: Settings
) -> _Finding | None:
    found = [
        correct_by_calibration(arm, own, settings) for arm, own in zip((candidate, baseline), outside, strict=True)
    ]
    fits = [_rogan_gladen(each) for each in found]
    if fits[0] is None or fits[1] is None or found[0].corrected is None:
        return None
    b, a = fits[0], fits[1]

    def limits(z: float) -> Interval:
        of_b, of_a = (fit.limits(z) or (fit.point, fit.point) for fit in (b, a))
        return difference_limits(b.point, of_b, a.point, of_a)

    lower, upper = limits(normal_quantile(settings.level))
    estimate = replace(
        found[0].corrected,
        point=b.point - a.point,
        lower=lower,
        upper=upper,
        method="Newcombe's limits from both Rogan-Gladen intervals",
    )
    return _Finding(
        estimate=estimate,
        p_value=_inverted(limits),
        p_method="inverted interval",
        basis=Basis.PER_ARM,
        cautions=tuple(dict.fromkeys(caution for each in found for caution in each.cautions)),
    )


def _rogan_gladen(found: Corrected) -> RoganGladen | None:
    if found.corrected is None or found.raw is None or found.agreement is None:
        return None
    sensitivity, specificity = found.agreement.sensitivity, found.agreement.specificity
    assert sensitivity is not None and specificity is not None
    return RoganGladen.of(found.raw, sensitivity, specificity)


def _inverted(limits: Callable[[float], Interval]) -> float:
    """The p at whose z the interval just reaches 0, by bisection on log p."""
    low, high = math.log(SMALLEST_P), 0.0
    for _ in range(50):
        middle = (low + high) / 2
        lower, upper = limits(-float(special.ndtri(math.exp(middle) / 2)))
        if lower > 0 or upper < 0:
            high = middle
        else:
            low = middle
    return math.exp(high)


def _pooled(naive: Difference, labelled: tuple[Labelled, Labelled], settings: Settings) -> _Finding | None:
    """(raw_B - raw_A) / (Se + Sp - 1), where both arms share Se and Sp; None where that is not shown."""
    one_sided = agreement_gaps(*labelled, with_level(settings, POOLING_LEVEL))
    if not all(gap is not None and max(map(abs, score_limits(gap))) < POOLING_MARGIN for gap in one_sided):
        return None
    informed = agreement(joined(*labelled), settings).informed
    gap, limits = naive.estimate, (naive.estimate.lower, naive.estimate.upper)
    if informed is None or limits[0] is None or limits[1] is None:
        return None
    ratio = ratio_limits(gap.point, (limits[0], limits[1]), informed.point, score_limits(informed))
    if ratio is None or ratio[0] >= 1 or ratio[1] <= -1:
        return None
    estimate = replace(
        gap,
        point=min(1.0, max(-1.0, gap.point / informed.point)),
        lower=max(-1.0, ratio[0]),
        upper=min(1.0, ratio[1]),
        method="judge's gap over sensitivity + specificity - 1 of the pooled labels",
    )
    return _Finding(
        estimate=estimate,
        p_value=naive.p_value,
        p_method=naive.p_method,
        basis=Basis.POOLED,
        cautions=weaknesses(informed),
    )


def ratio_limits(top: float, of_top: Interval, bottom: float, of_bottom: Interval) -> Interval | None:
    """Limits of top / bottom from the separate limits of two independent figures; ``top`` may have either sign.

    None unless those of ``bottom`` are above 0. Source: Donner and Zou 2012, Statistical Methods in Medical Research
    21:347 (MOVER).
    """
    if of_bottom[0] <= 0:
        return None
    lower = _lower_of_ratio(top, of_top[0], bottom, of_bottom)
    upper = -_lower_of_ratio(-top, -of_top[1], bottom, of_bottom)
    return lower, upper


def _lower_of_ratio(top: float, least: float, bottom: float, of_bottom: Interval) -> float:
    """The ratio r at which the lower limit of top - r * bottom is 0; r has the sign of ``least``."""
    apart = of_bottom[1] - bottom if least > 0 else bottom - of_bottom[0]
    a, c = bottom**2 - apart**2, top**2 - (top - least) ** 2
    root = math.sqrt(max(0.0, (top * bottom) ** 2 - a * c))
    # The same root of a r^2 - 2 top bottom r + c twice: the first form holds where a is 0 or below.
    return c / (top * bottom + root) if least > 0 else (top * bottom - root) / a
