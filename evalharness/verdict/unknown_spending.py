"""What a trial of which nothing was counted can have cost: no less than nothing, no more than its limits."""

from __future__ import annotations

import math

import numpy as np

from evalharness.core.model import Arm, Endpoint
from evalharness.verdict.view import RunView


def most_spent(view: RunView, metric: str, arm: int) -> float:
    """The most that one trial of the arm can have of ``metric`` (``cost_usd`` or tokens), +inf without a limit.

    Output: ``max_output_tokens`` of every turn, in every attempt where it is money. Input: the most that any trial of
    the run had, which assumes that no missing one is longer; +inf where none was counted.
    """
    declared = view.arms[arm]
    output_tokens = _most_output_tokens(view, declared)
    input_tokens = _most_input_tokens(view)
    if metric in ("input_tokens", "cached_tokens"):
        return input_tokens
    if metric != "cost_usd":
        return output_tokens
    endpoint = next(each for each in view.suite.endpoints if each.name == declared.endpoint)
    return _most_usd(endpoint, input_tokens, output_tokens)


def _most_output_tokens(view: RunView, arm: Arm) -> float:
    limit = arm.request.get("max_output_tokens")
    if not isinstance(limit, int):
        return math.inf
    prompt = next(each for each in view.suite.prompts if each.name == arm.prompt)
    return float(limit * (1 + len(prompt.more_turns)))


def _most_input_tokens(view: RunView) -> float:
    counted = view.table.metrics["input_tokens"]
    return math.inf if np.isnan(counted).all() else float(np.nanmax(counted))


def _most_usd(endpoint: Endpoint, input_tokens: float, output_tokens: float) -> float:
    if endpoint.prices is None:
        return math.inf
    prices = endpoint.prices
    each = (input_tokens * prices.input + output_tokens * prices.output) / prices.per_tokens
    return endpoint.retry.max_attempts * each
