"""Bets against limits, whose capital is evidence at any moment: of means of bounded values, and of discordant pairs.

Each bet is fair while the limit is the truth, so that its capital ever reaches 1/alpha with a chance of at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.stats.evidence import ALPHA, Claim
from evalharness.stats.sample import Floats

#: Points of the grid on which the interval is read off; it is rounded outwards to them.
GRID = 2_001
#: A bet risks at most this share of the capital that it could lose. Source: Waudby-Smith and Ramdas 2023, section 4.
LARGEST_STAKE = 1 / 2

# ---------------------------------------------------------------- means of bounded values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Betting:
    """Capital of bets against each possible mean of values between ``low`` and ``high``, after ``n`` units.

    ``points``: means bet against, in rising order. ``above`` and ``below`` (same length): log capital of the bets that
    the mean is above, and below, each; ``peak_above`` and ``peak_below``: the most they ever were.
    ``largest``: cases in the largest unit. ``total``, ``squares``, ``cases``: what the next stake is made from.
    """

    low: float
    high: float
    largest: int
    points: Floats
    above: Floats
    below: Floats
    peak_above: Floats
    peak_below: Floats
    n: int = 0
    cases: int = 0
    total: float = 0.0
    squares: float = 0.0

    def after(self, total: float, cases: int = 1) -> Betting:
        """With one unit more: the sum of its ``cases`` values. Raises ``ValueError`` for values outside the limits."""
        if not 1 <= cases <= self.largest:
            raise ValueError(f"a unit has 1 to {self.largest} cases, not {cases}")
        slack = 1e-9 * (self.high - self.low)
        if not self.low - slack <= total / cases <= self.high + slack:
            raise ValueError(f"values lie between {self.low:g} and {self.high:g}; a mean of {total / cases:g} does not")
        share = cases / self.largest
        x = (total / cases - self.low) / (self.high - self.low) * share
        m = (self.points - self.low) / (self.high - self.low)
        wanted = stake(self.n, np.asarray(self.squares))
        with np.errstate(divide="ignore"):
            up, down = np.minimum(wanted, LARGEST_STAKE / m), np.minimum(wanted, LARGEST_STAKE / (1 - m))
        above, below = self.above + np.log1p(up * (x - m * share)), self.below + np.log1p(-down * (x - m * share))
        total_x = self.total + x
        mean = (0.5 + total_x) / (self.n + 2)
        return replace(
            self,
            above=above,
            below=below,
            peak_above=np.maximum(self.peak_above, above),
            peak_below=np.maximum(self.peak_below, below),
            n=self.n + 1,
            cases=self.cases + cases,
            total=total_x,
            squares=self.squares + (x - mean) ** 2,
        )

    def log_e(self, claim: Claim) -> float:
        """Log of the most that the bets on ``claim`` ever made; its limit has to be one of ``points``."""
        place = int(np.searchsorted(self.points, claim.limit))
        return float((self.peak_above if claim.above else self.peak_below)[place])

    @property
    def limits(self) -> tuple[float, float]:
        """What all bets so far leave: at level 0.90, each side at 95%."""
        bar = -math.log(ALPHA)
        lost_below, lost_above = self.points[self.peak_above >= bar], self.points[self.peak_below >= bar]
        lower = float(lost_below[-1]) if len(lost_below) else self.low
        return lower, (float(lost_above[0]) if len(lost_above) else self.high)


def stake(n: int, squares: Floats) -> Floats:
    """lambda_t = sqrt(2 log(2/alpha) / (t log(t+1) v)), v the variance of the ``n`` units before this one, made from
    their ``squares`` (any shape: one sequence or many).

    Source: Waudby-Smith and Ramdas 2023, JRSS-B 86:1, equation 26, with alpha = 0.10 for both sides.
    """
    t = n + 1
    variance = (0.25 + squares) / t
    return np.asarray(np.sqrt(2 * math.log(1 / ALPHA) / (t * math.log(t + 1) * variance)))


def betting(limits: Sequence[float], *, low: float, high: float, largest: int = 1) -> Betting:
    """Before the first case, against ``limits`` among others. ``low`` and ``high``: what a value can lie between.

    Raises ``ValueError`` for a limit outside of them: no case could ever show it.
    """
    if not all(low <= limit <= high for limit in limits):
        raise ValueError(f"values between {low:g} and {high:g} need limits between them, not {list(limits)}")
    points = np.union1d(np.linspace(low, high, GRID), limits)
    zero = np.zeros_like(points)
    return Betting(
        low=low,
        high=high,
        largest=largest,
        points=points,
        above=zero,
        below=zero,
        peak_above=zero,
        peak_below=zero,
    )


# ---------------------------------------------------------------- discordant pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Discordant:
    """Cases that one arm alone got right (or was faster in): ``gained`` and ``lost``, and the most that bets on more
    of either ever made (logs)."""

    gained: int = 0
    lost: int = 0
    peak_above: float = 0.0
    peak_below: float = 0.0

    def after(self, difference: float) -> Discordant:
        """With one case more; one without a difference tells nothing."""
        if difference == 0:
            return self
        gained, lost = self.gained + (difference > 0), self.lost + (difference < 0)
        return Discordant(
            gained=gained,
            lost=lost,
            peak_above=max(self.peak_above, log_e_above(gained, lost)),
            peak_below=max(self.peak_below, log_e_above(lost, gained)),
        )

    def log_e(self, claim: Claim) -> float:
        return self.peak_above if claim.above else self.peak_below


def log_e_two_sided(gained: int, lost: int) -> float:
    """log e = log(B(b + 1/2, c + 1/2) / B(1/2, 1/2) * 2^(b+c)): against gains as likely as losses, whichever way.

    Source: the beta-binomial mixture of Robbins 1970, with Jeffreys' prior.
    """
    pairs = special.betaln(gained + 0.5, lost + 0.5) - special.betaln(0.5, 0.5)
    return float(pairs + (gained + lost) * math.log(2))


def log_e_above(gained: int, lost: int) -> float:
    """Of the half of that mixture in which gains are the likelier: a bet that they are, fair at equal chances and
    losing where losses are the likelier. So it tests *not improved* as a whole, at twice the two-sided e at most."""
    half = float(special.betainc(lost + 0.5, gained + 0.5, 0.5))  # Beta(b + 1/2, c + 1/2) above 1/2
    return log_e_two_sided(gained, lost) + math.log(max(2 * half, 1e-300))
