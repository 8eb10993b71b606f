"""The same questions as ``calibrate.py`` for what a step takes for what it gains.

By hand: ``poe calibrate --topic prices --runs 1000``. ``test_prices.py`` runs some of the cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import stats

from evalharness.stats.paired import compare_scores, compare_values
from evalharness.stats.prices import half_alpha, price_of_gain
from evalharness.stats.sample import Settings
from tests.stats.calibrate import Cell, covers, long, right_or_wrong

COST = 0.4


def price_cell(n: int, repeats: int, gain: float) -> Cell:
    """The step is shown to gain and has a price, whose interval misses the true one.

    Cases differ in difficulty, and hard ones cost more; extra costs are lognormal. Without a true gain the true price
    is infinite, so that every upper limit is wrong.
    """
    true = COST / gain if gain else math.inf

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        ease = rng.normal(0, 1, n)
        shares = stats.norm.cdf(ease) * (1 - gain)
        lower, upper = right_or_wrong(rng, shares, repeats), right_or_wrong(rng, shares + gain, repeats)
        if compare_scores(upper, lower, settings).estimate.lower <= 0:
            return False
        dearness = math.sqrt(0.5) * (rng.normal(0, 1, (n, repeats)) - ease[:, None])
        dear, cheap = long(1 + COST * np.exp(0.7 * dearness - 0.245)), long(np.ones((n, repeats)))
        narrower = half_alpha(replace(settings, n_resamples=499))
        extra, gained = compare_values(dear, cheap, narrower, unit="usd"), compare_scores(upper, lower, narrower)
        price = price_of_gain(extra.estimate, gained.estimate, settings.level)
        return price.estimate is not None and not covers(price.estimate, true)

    return Cell(f"a wrong price is shown: n={n} K={repeats} gain={gain:g}", draw, at_most=0.05)


def grid() -> Iterator[Cell]:
    for n, repeats in ((30, 1), (30, 4), (200, 1), (200, 4)):
        yield from (price_cell(n, repeats, gain) for gain in (0.0, 0.05, 0.15, 0.4))
