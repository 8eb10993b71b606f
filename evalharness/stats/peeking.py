"""What looking all the time costs: cases that a sequence takes where a number fixed beforehand would have done.

By simulation of the bets that judge such a run (``stats.betting``), at the truth that the fixed number just shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from evalharness.stats.betting import LARGEST_STAKE, stake
from evalharness.stats.evidence import ALPHA
from evalharness.stats.planning import Question

N_RUNS = 400
#: A sequence that takes so many times the fixed number is not followed further, nor beyond so many cases.
MOST_TIMES, MOST_CASES = 20, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A claim: the mean of the cases' values, which lie between ``low`` and ``high``, is above (else below) ``limit``.

    ``variance``: of one case's value, by the true mean.
    """

    limit: float
    above: bool
    low: float
    high: float
    variance: Callable[[float], float]

    def mean_at(self, distance: float) -> float:
        return self.limit + distance if self.above else self.limit - distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Peeking:
    """At a true ``mean`` that ``n_fixed`` cases show in ``power`` of the runs, judged once.

    ``n_half`` and ``n_power``: cases after which half and ``power`` of the sequences had shown it, None beyond what was
    followed. ``shown_by_fixed``: the share of sequences that had after ``n_fixed``.
    """

    mean: float
    n_fixed: int
    power: float
    n_half: int | None
    n_power: int | None
    shown_by_fixed: float
    n_runs: int = N_RUNS


def cost_of_peeking(sought: Sought, n_fixed: int, *, power: float, seed: int) -> Peeking | None:
    """None where so few cases, judged once, show the claim at no truth. Deterministic for a seed."""
    mean = mean_shown_by(sought, n_fixed, power)
    if mean is None:
        return None
    ends = np.sort(_first_shown(sought, mean, n_fixed, power, np.random.default_rng(seed)))
    half, most = (ends[math.ceil(share * N_RUNS) - 1] for share in (0.5, power))
    return Peeking(
        mean=mean,
        n_fixed=n_fixed,
        power=power,
        n_half=int(half) if math.isfinite(half) else None,
        n_power=int(most) if math.isfinite(most) else None,
        shown_by_fixed=float((ends <= n_fixed).mean()),
    )


def mean_shown_by(sought: Sought, n: int, power: float) -> float | None:
    """The true mean nearest to the limit that ``n`` cases show in ``power`` of the runs, one-sided at 5%."""
    near, far = 0.0, (sought.high - sought.limit if sought.above else sought.limit - sought.low)
    if far <= 0 or _shown(sought, far, n) < power:
        return None
    for _ in range(60):
        middle = (near + far) / 2
        if _shown(sought, middle, n) < power:
            near = middle
        else:
            far = middle
    return sought.mean_at(far)


def _shown(sought: Sought, distance: float, n: int) -> float:
    question = Question(
        distance=distance,
        variance=sought.variance(sought.mean_at(distance)),
        variance_at_limit=sought.variance(sought.limit),
    )
    return question.answered_share(n, -float(special.ndtri(ALPHA)))


def _first_shown(
    sought: Sought, mean: float, n_fixed: int, power: float, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(N_RUNS) cases after which each sequence first shows the claim, +inf where it was not followed so far.

    Values are 0, 1 and one between (of a share its mean, of a difference none), with the mean and the variance asked
    for: what a bet makes depends on little else.
    """
    span = sought.high - sought.low
    mu, m = (mean - sought.low) / span, (sought.limit - sought.low) / span
    middle = mu if sought.low == 0 else 0.5
    spread = sought.variance(mean) / span**2
    of_middle = max(0.0, min(1.0, (mu - mu**2 - spread) / (middle * (1 - middle)) if 0 < middle < 1 else 0.0))
    top = min(1.0, max(0.0, mu - middle * of_middle))
    if not sought.above:  # bets that it is below are bets on the mirror image
        m = 1 - m
    log_capital, total, squares = np.zeros(N_RUNS), np.zeros(N_RUNS), np.zeros(N_RUNS)
    ends = np.full(N_RUNS, np.inf)
    for n in range(min(MOST_CASES, MOST_TIMES * n_fixed)):
        drawn = rng.random(N_RUNS)
        x = np.where(drawn < top, 1.0, np.where(drawn < top + of_middle, middle, 0.0))
        x = x if sought.above else 1 - x
        risked = np.minimum(stake(n, squares), LARGEST_STAKE / m if m > 0 else np.inf)
        log_capital += np.log1p(risked * (x - m))
        total += x
        squares += (x - (0.5 + total) / (n + 2)) ** 2
        ends[np.isinf(ends) & (log_capital >= -math.log(ALPHA))] = n + 1
        if n + 1 >= n_fixed and np.isfinite(ends).mean() >= max(power, 0.5):
            break
    return ends
