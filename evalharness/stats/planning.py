"""How many cases would settle an open question?"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

MOST_CASES = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Does an interval leave out a limit? ``distance`` (above 0) is from the estimate to the limit.

    ``variance`` is that of a single case's difference at the present repeats, ``variance_at_limit`` that which the
    interval would have if the limit were the truth: a score interval takes the latter.
    """

    distance: float
    variance: float
    variance_at_limit: float

    def answered_share(self, n: float, critical: float) -> float:
        """How often ``n`` cases give an interval of ``critical`` standard errors that leaves the limit out."""
        slack = self.distance * math.sqrt(n) - critical * math.sqrt(self.variance_at_limit)
        return float(special.ndtr(slack / math.sqrt(self.variance))) if self.variance else float(slack >= 0)

    def cases(self, critical: float, power: float) -> float:
        """n = ((critical * s_limit + z_power * s) / distance)^2. Source: Miller 2024, arXiv 2411.00640, section 5."""
        spread = critical * math.sqrt(self.variance_at_limit) + float(special.ndtri(power)) * math.sqrt(self.variance)
        return (spread / self.distance) ** 2


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


#: Variances of a right-or-wrong score before anything was measured: of the cases' true differences, and of one answer
#: to one case. Source: Miller 2024, arXiv 2411.00640, section 5, whose example reaches 13.3 points at 198 cases.
PRIOR_BETWEEN_CASES = 1 / 9
PRIOR_WITHIN_CASE = 1 / 6


def detectable_difference(n_clusters: int, repeats: int, *, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest true difference of two paired arms that a run finds with ``power``, on the scale of the score.

    For planning without a pilot: the variances are the priors above. Source: Miller 2024, equation for the minimum
    detectable effect, inverted for paired arms with equal repeats.
    """
    variance = PRIOR_BETWEEN_CASES + 2 * PRIOR_WITHIN_CASE / repeats
    reach = float(special.ndtri(0.5 + level / 2) + special.ndtri(power))
    return min(1.0, reach * math.sqrt(variance / n_clusters))
