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
