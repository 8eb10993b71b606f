"""What would people say of an arm that only a model has judged? Its rate, corrected by labels of outside outputs.

This trusts the judge to err on the arm as it does on the outside outputs. Labels of the arm's own outputs do not need
that (``judge.correct_by_labels``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from evalharness.core.findings import Estimate
from evalharness.stats.judge import Corrected, Judged
from evalharness.stats.judge_agreement import Labelled, agreement, score_limits
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.proportions import Interval, normal_quantile
from evalharness.stats.sample import Settings, sample_of

#: Sensitivity + specificity - 1 below which a correction magnifies every error more than threefold.
WEAK_JUDGE = 0.3
GUESSING = "sensitivity + specificity - 1 is not above 0: the judge tells no more than a guess"
NOT_OF_THIS_JUDGE = "the raw rate lies outside what the calibration allows: the judge errs otherwise here than there"


def correct_by_calibration(judged: Judged, outside: Labelled, settings: Settings) -> Corrected:
    """Rogan and Gladen: (raw + Sp - 1) / (Se + Sp - 1), Se and Sp of outside outputs; limits of Lang and Reiczigel.

    Repeats and clusters enter all three shares by their effective numbers. Refused where Se + Sp - 1 is not above 0,
    where a class has no label, and where the raw rate lies outside all that the calibration allows: then the judge errs
    otherwise here than there. For new cases whatever ``settings.scope`` says. Labels in ``judged`` are not looked at.
    Raises ``ValueError`` for verdicts and labels other than 0 and 1.
    Source: Rogan and Gladen 1978; Lang and Reiczigel 2014, equations 2, 6, 7, 16 and 17.
    """
    settings = replace(settings, scope="population")
    sample = sample_of(judged.judge, judged.case, judged.cluster)
    if not sample.is_binary:
        raise ValueError("a rate of right outputs needs verdicts that are 1 (right) or 0; set `pass_at` for scales")
    raw, agreed = estimate_share(sample, settings), agreement(outside, settings)
    sensitivity, specificity, informed = agreed.sensitivity, agreed.specificity, agreed.informed
    if raw is None:
        return Corrected(raw=None, corrected=None, agreement=agreed, refused="the judge scored nothing")
    if sensitivity is None or specificity is None or informed is None:
        reason = "the calibration has no output of one class, so the judge's errors on it are unknown"
        return Corrected(raw=raw, corrected=None, agreement=agreed, refused=reason)
    fit = RoganGladen.of(raw, sensitivity, specificity)
    if informed.point <= 0 or fit.informed <= 0:
        return Corrected(raw=raw, corrected=None, agreement=agreed, refused=GUESSING)
    limits = fit.limits(normal_quantile(settings.level))
    if limits is None:
        return Corrected(raw=raw, corrected=None, agreement=agreed, refused=NOT_OF_THIS_JUDGE)
    corrected = replace(
        raw,
        point=fit.point,
        lower=limits[0],
        upper=limits[1],
        method="Rogan-Gladen, Lang-Reiczigel limits",
        n_effective=None,
    )
    return Corrected(raw=raw, corrected=corrected, agreement=agreed, cautions=weaknesses(informed))


def weaknesses(informed: Estimate) -> tuple[str, ...]:
    """What to say beside a figure that is divided by sensitivity + specificity - 1."""
    cautions = []
    if informed.point < WEAK_JUDGE:
        cautions.append("weak judge: sensitivity + specificity - 1 is below 0.3, its errors are magnified")
    if score_limits(informed)[0] <= 0:
        cautions.append("the judge may be guessing: the interval of sensitivity + specificity - 1 reaches 0")
    return tuple(cautions)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoganGladen:
    """A raw rate, sensitivity and specificity, each with the effective number of outputs behind it."""

    raw: float
    n: float
    sensitivity: float
    n_right: float
    specificity: float
    n_wrong: float

    @classmethod
    def of(cls, raw: Estimate, sensitivity: Estimate, specificity: Estimate) -> RoganGladen:
        assert raw.n_effective and sensitivity.n_effective and specificity.n_effective
        return cls(
            raw=raw.point,
            n=raw.n_effective,
            sensitivity=sensitivity.point,
            n_right=sensitivity.n_effective,
            specificity=specificity.point,
            n_wrong=specificity.n_effective,
        )

    @property
    def point(self) -> float:
        share = (self.raw + self.specificity - 1) / (self.sensitivity + self.specificity - 1)
        return min(1.0, max(0.0, share))

    def _shrunken(self) -> tuple[float, float]:
        """Sensitivity and specificity with one more output of each kind."""
        right, wrong = self.n_right * self.sensitivity + 1, self.n_wrong * self.specificity + 1
        return right / (self.n_right + 2), wrong / (self.n_wrong + 2)

    @property
    def informed(self) -> float:
        """Sensitivity + specificity - 1 as the limits take it; few labels can turn its sign."""
        return sum(self._shrunken()) - 1

    def limits(self, z: float) -> Interval | None:
        """Limits of Lang and Reiczigel, for ``informed`` above 0; None where they leave nothing of [0, 1]."""
        n = self.n + z * z
        rate = (self.n * self.raw + z * z / 2) / n
        se, sp = self._shrunken()
        share = (rate + sp - 1) / self.informed
        of_se, of_sp = se * (1 - se) / (self.n_right + 2), sp * (1 - sp) / (self.n_wrong + 2)
        variance = (rate * (1 - rate) / n + share**2 * of_se + (1 - share) ** 2 * of_sp) / self.informed**2
        centre, half = share + 2 * z * z * (share * of_se - (1 - share) * of_sp), z * math.sqrt(variance)
        lower, upper = min(self.point, max(0.0, centre - half)), max(self.point, min(1.0, centre + half))
        return (lower, upper) if centre - half < 1 and centre + half > 0 else None
