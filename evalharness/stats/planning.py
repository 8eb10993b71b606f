"""How many cases would settle an open question?"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy import special

MOST_CASES = 1e9
#: A number of cases that is whole but for rounding is that number.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Does an interval leave out a limit? ``distance`` (above 0) is from the estimate to the limit.

    ``variance`` is that of a single case's difference at the present repeats, ``variance_at_limit`` that which the
    interval would have if the limit were the truth: a score interval takes the latter. ``excess``: the standard errors
    that the interval of n skewed values takes beyond the normal ones, times sqrt(n), at or above 0.
    """

    distance: float
    variance: float
    variance_at_limit: float
    excess: float = 0.0

    def answered_share(self, n: float, critical: float) -> float:
        """How often ``n`` cases give an interval of ``critical`` standard errors that leaves the limit out."""
        errors = critical + self.excess / math.sqrt(n)
        slack = self.distance * math.sqrt(n) - errors * math.sqrt(self.variance_at_limit)
        return float(special.ndtr(slack / math.sqrt(self.variance))) if self.variance else float(slack >= 0)

    def cases(self, critical: float, power: float) -> float:
        """distance sqrt(n) = (critical + excess / sqrt(n)) s_limit + z_power s, which without an excess is
        n = ((critical s_limit + z_power s) / distance)^2. Source: Miller 2024, arXiv 2411.00640, section 5."""
        at_limit = math.sqrt(self.variance_at_limit)
        spread = critical * at_limit + float(special.ndtri(power)) * math.sqrt(self.variance)
        half = spread / (2 * self.distance)
        return (half + math.sqrt(half**2 + self.excess * at_limit / self.distance)) ** 2


def cases_to_settle(questions: Sequence[Question], *, critical: float, power: float = 0.8) -> int | None:
    """Cases that answer all questions at once with ``power``, were the present estimates the truth.

    The questions are taken as independent, which needs somewhat more cases than answers that go together, as those
    against several rivals do. None without a question, or from a billion cases.
    """
    least = max((question.cases(critical, power) for question in questions), default=math.inf)
    if not least < MOST_CASES:
        return None
    apart = max(question.cases(critical, power ** (1 / len(questions))) for question in questions)
    candidates = range(max(1, math.ceil(least)), math.ceil(apart) + 1)
    return candidates.start + bisect_left(
        candidates, power, key=lambda n: math.prod(question.answered_share(n, critical) for question in questions)
    )


def normal_critical(critical: float, df: float) -> float:
    """The critical value of many cases at the same error as ``critical`` has with ``df`` degrees of freedom."""
    return -float(special.ndtri(special.stdtr(df, -critical)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Variances of a paired comparison of two arms, on the squared scale of the score.

    ``between``: omega^2, of the cases' true differences. ``within``: sA^2 + sB^2, of one trial in each arm.
    ``inflation``: how many cases are worth an independent one (``cluster_inflation``). ``right_or_wrong``: every trial
    scores 0 or 1.
    """

    between: float
    within: float
    inflation: float = 1.0
    right_or_wrong: bool = True

    def of_case(self, repeats: int) -> float:
        """Variance of one case's measured difference with so many repeats in each arm."""
        return self.between + self.within / repeats

    def at(self, difference: float) -> Spread:
        """What is left of it at a true ``difference``: arms that are nearly always alike cannot be so far apart.

        One answer in each arm, right or wrong, changes in at least that share of the cases: its variance is at least
        difference * (1 - difference).
        """
        least = difference * (1 - difference) if self.right_or_wrong else 0.0
        return replace(self, within=max(self.within, least - self.between))


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A population of right-or-wrong answers, for planning before anything was measured.

    ``share``: answers right. ``agreement``: correlation of two answers to one case in one arm. ``correlation``: of the
    cases' own shares between the arms. The defaults are a case's share spread evenly over 0 to 1, as in Miller 2024,
    arXiv 2411.00640, section 5, whose example has variances of 1/9 and 2/6.
    """

    share: float = 1 / 2
    agreement: float = 1 / 3
    correlation: float = 1 / 3

    @property
    def spread(self) -> Spread:
        """omega^2 = 2 v icc (1 - rho), sA^2 + sB^2 = 2 v (1 - icc), with v = p(1-p) in both arms."""
        both = 2 * self.share * (1 - self.share)
        return Spread(between=both * self.agreement * (1 - self.correlation), within=both * (1 - self.agreement))


MILLER = Assumption()


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """How sure a plan is to be. ``comparisons`` are shown together: each is held to its part of 1 - ``level``.

    That is Bonferroni's bound. The joint interval of a report is no wider, so a plan asks for some cases too many.
    """

    power: float = 0.8
    level: float = 0.95
    comparisons: int = 1

    @property
    def critical(self) -> float:
        """Standard errors to either side of a difference."""
        return -float(special.ndtri((1 - self.level) / 2 / self.comparisons))

    @property
    def reach(self) -> float:
        """Standard errors from no difference to one that is found with ``power``: z_{1-alpha/2} + z_power."""
        return self.critical + float(special.ndtri(self.power))

    @property
    def allowance(self) -> float:
        """Cases beyond the formula for known variances, about 5, whatever the difference.

        critical^3 / reach: the score interval adds the squared difference it sees to the variance, so that it takes
        critical * sqrt(1 + critical^2 / n) standard errors to leave out 0. critical^2 / 2: the t quantile in place of z
        (Guenther 1981). Both to first order in 1/n.
        """
        return self.critical**3 / self.reach + self.critical**2 / 2


def cases_for(difference: float, repeats: int, *, spread: Spread, odds: Odds) -> int | None:
    """Cases that show a true ``difference`` (above 0). None from a billion.

    n = (z_{1-alpha/2} + z_power)^2 (omega^2 + (sA^2 + sB^2)/K) / difference^2 + ``allowance``, times the inflation.
    Source: Miller 2024, section 5.
    """
    independent = spread.at(difference).of_case(repeats) * (odds.reach / difference) ** 2 + odds.allowance
    needed = independent * spread.inflation
    return math.ceil(needed - ROUNDING) if needed < MOST_CASES else None


def repeats_for(difference: float, n_cases: int, *, spread: Spread, odds: Odds) -> int | None:
    """Repeats in each arm that show a true ``difference`` on so many cases; None where no number does.

    None does where the cases' own differences spread too far: more answers to the same cases cannot tell how the next
    case would differ. None too from a billion.
    """
    there = spread.at(difference)
    left = _worth(n_cases, spread, odds) * (difference / odds.reach) ** 2 - there.between
    needed = there.within / left if left > 0 else math.inf
    return max(1, math.ceil(needed - ROUNDING)) if needed < MOST_CASES else None


def detectable_difference(
    n_cases: float, repeats: int, *, spread: Spread = MILLER.spread, odds: Odds = Odds()
) -> float:
    """The smallest true difference of two paired arms that such a run shows, at most 1: ``cases_for`` inverted.

    Source: Miller 2024, equation for the minimum detectable effect; the variance grows with the difference by
    ``Spread.at``, where the larger of two roots holds.
    """
    worth = _worth(n_cases, spread, odds) / odds.reach**2
    if worth <= 0:
        return 1.0
    found = math.sqrt(spread.of_case(repeats) / worth)
    if spread.right_or_wrong:
        # worth x^2 = between (1 - 1/K) + x (1 - x) / K
        square, constant = worth + 1 / repeats, spread.between * (1 - 1 / repeats)
        found = max(found, (1 / repeats + math.sqrt(1 / repeats**2 + 4 * square * constant)) / (2 * square))
    return min(1.0, found)


def _worth(n_cases: float, spread: Spread, odds: Odds) -> float:
    """Independent cases that are left for the difference."""
    return n_cases / spread.inflation - odds.allowance


def cluster_inflation(sizes: Sequence[int], correlation: float) -> float:
    """How many cases are worth an independent one: 1 + (m-1) rho, 1 for cases by themselves.

    ``sizes`` of the clusters; m is their mean weighted by size, so that a large one counts as it does in the variance.
    ``correlation``: of the differences of two cases of a cluster. Source: Kish 1965, section 5.4.
    """
    m = sum(size * size for size in sizes) / sum(sizes)
    return 1 + (m - 1) * correlation
