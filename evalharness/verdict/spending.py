"""The tokens and the money of one arm. Means and totals: they add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.core.model import Status
from evalharness.metrics.table import Floats
from evalharness.stats.means import cost_per_correct, estimate_means
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


def spending(view: RunView, arm: int, right: Floats) -> Spending:
    """``right``: column of 1, 0 and NaN, whether the primary score reaches its pass mark."""
    columns, settings = view.table.metrics, view.settings
    rows = view.rows(arm)
    ended = rows & ~view.table.has_status(Status.PENDING)
    answered = ended & ~view.table.has_status(Status.ERROR)
    without_usage = np.isnan(columns["input_tokens"]) | np.isnan(columns["output_tokens"])
    cost, tokens = view.metric("cost_usd", arm), token_columns(columns)
    drawn = [*(view.sample(column, arm) for column in tokens.values()), cost]
    *mean_tokens, mean_cost = estimate_means(drawn, settings, units=[*("tokens" for _ in tokens), "usd"])
    known = columns["cost_usd"][rows & ~np.isnan(columns["cost_usd"])]
    return Spending(
        tokens=dict(zip(tokens, mean_tokens, strict=True)),
        n_without_usage=int((answered & without_usage).sum()),
        cost_usd=mean_cost,
        cost_total_usd=float(known.sum()) if len(known) else None,
        cost_per_correct_usd=cost_per_correct(cost, view.sample(right, arm), settings),
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
