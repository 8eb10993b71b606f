"""How should money be split between more cases and more repeats of them?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.stats.planning import Odds, Spread, cases_for

#: More repeats than this are no longer considered.
MOST_REPEATS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """``case``: what one more case costs however often it is asked (writing it, labelling it); ``repeat``, above 0: one
    trial of a case in every arm. Both in the same currency: US dollars, or calls."""

    case: float = 0.0
    repeat: float = 1.0

    def of_case(self, repeats: int) -> float:
        return self.case + repeats * self.repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a run may use; None: no bound. ``cost`` is in the price's currency. ``calls_per_repeat``: of a case in all
    arms, more than their number where a trial is a conversation."""

    cases: int | None = None
    calls: int | None = None
    cost: float | None = None
    calls_per_repeat: float = 2.0

    def most_cases(self, repeats: int, price: Price) -> float:
        """The most cases that so many repeats leave room for; infinite without a bound."""
        by_calls = math.inf if self.calls is None else math.floor(self.calls / (self.calls_per_repeat * repeats))
        by_cost = math.inf if self.cost is None else math.floor(self.cost / price.of_case(repeats))
        return min(math.inf if self.cases is None else self.cases, by_calls, by_cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """``n_cases`` cases, each asked ``repeats`` times in every arm."""

    n_cases: int
    repeats: int


def ideal_repeats(spread: Spread, price: Price) -> float:
    """K* = sqrt((sA^2 + sB^2) / omega^2 * case / repeat), at least 1; infinite where cases do not differ.

    The repeats at which a given precision costs least, were cases to be had in any number. Where a case costs nothing
    beyond its calls that is 1: a new case tells all that a repeat does, and how cases differ besides.
    Source: Cochran 1977, section 10.6 (two-stage sampling).
    """
    if price.case == 0 or spread.within == 0:
        return 1.0
    if spread.between == 0:
        return math.inf
    return max(1.0, math.sqrt(spread.within / spread.between * price.case / price.repeat))


def cheapest_design(
    difference: float, *, spread: Spread, odds: Odds, price: Price = Price(), bounds: Bounds = Bounds()
) -> Design | None:
    """The least costly design that shows a true ``difference``; of several the one with the fewest repeats.

    None where the bounds allow none. By trial of all repeats: the bounds and whole numbers cut into the formula of
    ``ideal_repeats``, and there are only so many.
    """
    enough = ((repeats, cases_for(difference, repeats, spread=spread, odds=odds)) for repeats in _repeats())
    allowed = [
        Design(n_cases=n_cases, repeats=repeats)
        for repeats, n_cases in enough
        if n_cases is not None and n_cases <= bounds.most_cases(repeats, price)
    ]
    return min(allowed, key=lambda design: design.n_cases * price.of_case(design.repeats), default=None)


def sharpest_design(*, spread: Spread, bounds: Bounds, price: Price = Price()) -> Design | None:
    """The design inside the bounds that shows the smallest difference; None where not even two cases fit.

    Raises ``ValueError`` where nothing bounds the number of cases.
    """
    most = [(repeats, bounds.most_cases(repeats, price)) for repeats in _repeats()]
    if math.isinf(most[0][1]):
        raise ValueError("without a bound there is no sharpest design: more cases are always sharper")
    allowed = [Design(n_cases=int(n_cases), repeats=repeats) for repeats, n_cases in most if n_cases >= 2]
    return min(allowed, key=lambda design: spread.of_case(design.repeats) / design.n_cases, default=None)


def _repeats() -> Iterator[int]:
    return iter(range(1, MOST_REPEATS + 1))
