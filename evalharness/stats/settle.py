"""What would settle an inconclusive gate: how many cases, how many repeats, or nothing at all?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from scipy import special

from evalharness.core.findings import Settling
from evalharness.stats.evidence import ALPHA, Gap
from evalharness.stats.planning import ROUNDING, Question, cases_to_settle

POWER = 0.8
#: Beyond this many times the present cases the distance to the limit is less than half of its own standard error: a
#: number of cases made from it would be noise.
MOST_TIMES = 30
#: More repeats of a case than this are no plan.
MOST_REPEATS = 1_000


def settle(
    gaps: Sequence[Gap], *, effect: float | None = None, alpha: float = ALPHA, power: float = POWER
) -> Settling | None:
    """The numbers at which all of ``gaps``, of one quantity, are decided with ``power``, were its estimate the truth.

    n' = ((z_alpha s_limit + z_power s) / h)^2, which is (z_.95 + z_.80)^2 (omega^2 + (sA^2 + sB^2)/K) / h^2 where the
    interval takes the same variance at the limit, and more where a bound of skewed values lies further out
    (``Question``). ``effect``: a planned value of the quantity in place of the
    estimate. None without a gap. Source: Miller 2024, arXiv 2411.00640, section 5.
    """
    if not gaps:
        return None
    first = gaps[0]
    questions = [_question(gap, effect) for gap in gaps]
    planned = effect is not None and first.scale is not None
    needed = _cases(questions, -float(special.ndtri(alpha)), power)
    if needed is None or (needed > MOST_TIMES * first.n_cases and not planned):
        return Settling(near_limit=True)
    enough = max(needed, first.least)
    found = Settling(cases=None if first.same_cases else max(enough, first.n_cases + 1))
    if first.between is None or first.variance == 0 or enough > needed:
        return found
    # Both variances shrink alike with more repeats, so that the number of cases does as well.
    repeats = _repeats(first, first.variance * first.n_cases / needed)
    if repeats is not None:
        return replace(found, repeats=repeats)
    return replace(found, cases_at_most_repeats=math.ceil(needed * first.between / first.variance))


def _question(gap: Gap, effect: float | None) -> Question:
    point = gap.point if effect is None or gap.scale is None else gap.scale(effect)
    return Question(
        distance=abs(point - gap.limit),
        variance=gap.variance,
        variance_at_limit=gap.at_limit,
        excess=gap.excess * math.sqrt(gap.n_cases),
    )


def _cases(questions: Sequence[Question], critical: float, power: float) -> int | None:
    if any(question.distance == 0 for question in questions):
        return None
    return cases_to_settle(questions, critical=critical, power=power)


def _repeats(gap: Gap, wanted: float) -> int | None:
    """The repeats at which the variance of a case is down to ``wanted``."""
    assert gap.between is not None  # the caller knows the parts of the variance
    if wanted <= gap.between:
        return None
    repeats = math.ceil((gap.variance - gap.between) * gap.repeats / (wanted - gap.between) - ROUNDING)
    return max(repeats, math.floor(gap.repeats) + 1) if repeats <= MOST_REPEATS else None
