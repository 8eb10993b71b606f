"""The tokens and the money of one arm. Means and totals: they add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.core.model import Status
from evalharness.metrics.table import Floats
from evalharness.stats.mean_ratios import costs_per_correct
from evalharness.stats.means import estimate_means
from evalharness.verdict.view import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """As the fields of the same names of ``ArmFindings``."""

    tokens: Mapping[str, Estimate | None]
    n_without_usage: int
    cost_usd: Estimate | None
    cost_total_usd: float | None
    cost_per_correct_usd: Estimate | None
    n_without_cost: int


def spendings(view: RunView, right: Floats) -> tuple[Spending, ...]:
    """Of every arm, all from one set of sums. ``right``: column of 1, 0 and NaN, whether the primary score reaches its
    pass mark."""
    arms = range(len(view.arms))
    tokens = token_columns(view.table.metrics)
    costs = [view.metric("cost_usd", arm) for arm in arms]
    drawn = [*(view.sample(column, arm) for arm in arms for column in tokens.values()), *costs]
    means = estimate_means(drawn, view.settings, units=["tokens"] * len(tokens) * len(arms) + ["usd"] * len(arms))
    per_right = costs_per_correct([(cost, view.sample(right, arm)) for arm, cost in enumerate(costs)], view.settings)
    return tuple(
        _spending(
            view,
            arm,
            tokens=dict(zip(tokens, means[arm * len(tokens) :], strict=False)),
            cost=means[len(tokens) * len(arms) + arm],
            per_right=per_right[arm],
        )
        for arm in arms
    )


def _spending(
    view: RunView, arm: int, *, tokens: Mapping[str, Estimate | None], cost: Estimate | None, per_right: Estimate | None
) -> Spending:
    columns, rows = view.table.metrics, view.rows(arm)
    ended = rows & ~view.table.has_status(Status.PENDING)
    answered = ended & ~view.table.has_status(Status.ERROR)
    without_usage = np.isnan(columns["input_tokens"]) | np.isnan(columns["output_tokens"])
    known = columns["cost_usd"][rows & ~np.isnan(columns["cost_usd"])]
    return Spending(
        tokens=tokens,
        n_without_usage=int((answered & without_usage).sum()),
        cost_usd=cost,
        cost_total_usd=float(known.sum()) if len(known) else None,
        cost_per_correct_usd=per_right,
        n_without_cost=int(np.isnan(columns["cost_usd"][ended]).sum()),
    )


def token_columns(columns: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """The parts of a stacked bar and its two sums. A part that the service does not split off is NaN, never 0."""
    return {
        "input_uncached": columns["input_tokens"] - columns["cached_tokens"],
        "cached": columns["cached_tokens"],
        "reasoning": columns["reasoning_tokens"],
        "answer": columns["visible_tokens"],
        "input": columns["input_tokens"],
        "output": columns["output_tokens"],
    }
