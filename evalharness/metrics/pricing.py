"""What a call cost: token counts times prices."""

from __future__ import annotations

from evalharness.core.model import Prices
from evalharness.core.record import Usage


def cost_usd(usage: Usage | None, prices: Prices | None) -> float | None:
    """US dollars; None where prices, usage, or its input or output count are missing.

    Cached tokens are part of ``input_tokens`` and cost ``cached_input`` (``input`` where no such price is set).
    A service that says nothing of cached tokens is charged at the full price: the cost is then an upper figure.
    """
    if usage is None or prices is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    cached_tokens = min(usage.cached_tokens or 0, usage.input_tokens)
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    input_usd = (usage.input_tokens - cached_tokens) * prices.input + cached_tokens * cached_price
    return (input_usd + usage.output_tokens * prices.output) / prices.per_tokens
