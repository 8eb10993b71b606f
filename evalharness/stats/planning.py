"""How many cases would settle an open question?"""

from __future__ import annotations

import math

from scipy import special


def cases_to_settle(variance: float, gap: float, *, critical: float, power: float = 0.8) -> int | None:
    """Cases needed until an interval of half-width ``critical`` standard errors leaves out a limit ``gap`` away.

    ``variance`` is that of a single case's difference at the present repeats, ``gap`` the distance from the estimate
    to the limit. None for no gap: then no number of cases would do.
    n = (critical + z_power)^2 * variance / gap^2. Source: Miller 2024, arXiv 2411.00640, section 5.
    """
    if gap == 0 or not math.isfinite(gap):
        return None
    needed = (critical + float(special.ndtri(power))) ** 2 * variance / gap**2
    return max(1, math.ceil(needed)) if needed < 1e9 else None


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
