"""What has been spent, and whether anything more may be sent."""

from __future__ import annotations

from evalharness.core.model import Budget
from evalharness.core.units import NS_PER_S


class Ledger:
    """Counts attempts and money over a whole run, resumed parts included.

    Calls of unknown cost are counted apart: they are never taken for free silently.
    """

    def __init__(self, budget: Budget, *, started_ns: int, spent_usd: float = 0.0, n_calls: int = 0) -> None:
        self._budget = budget
        self._started_ns = started_ns
        self.spent_usd = spent_usd
        self.n_calls = n_calls
        self.n_unknown_cost = 0

    def count_attempt(self) -> None:
        self.n_calls += 1

    def count_cost(self, cost_usd: float | None) -> None:
        if cost_usd is None:
            self.n_unknown_cost += 1
        else:
            self.spent_usd += cost_usd

    def exhausted(self, now_ns: int) -> str | None:
        """Why nothing more may be sent, in a sentence; None while something may."""
        budget = self._budget
        if budget.max_calls is not None and self.n_calls >= budget.max_calls:
            return f"the budget of {budget.max_calls:,} calls is used up"
        if budget.max_cost_usd is not None and self.spent_usd >= budget.max_cost_usd:
            return f"the budget of ${budget.max_cost_usd:g} is used up"
        if budget.max_wall_s is not None and now_ns - self._started_ns >= budget.max_wall_s * NS_PER_S:
            return f"the budget of {budget.max_wall_s:g} s is used up"
        return None
