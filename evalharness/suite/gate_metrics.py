"""What gates can speak of, by name: a suite is checked without the room that measures.

The names, units and directions are those of ``metrics.catalog``; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ERROR_SHARE = "error_share"
COST_PER_CORRECT = "cost_per_correct_usd"


class Kind(StrEnum):
    """In which way a metric is judged, and what a message calls it."""

    SHARE = "a share"
    TIME = "a time"
    AMOUNT = "an amount"
    RATE = "a rate"
    COST_PER_CORRECT = "cost for a right answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateMetric:
    """``higher_is_better`` None: neither direction is good in itself."""

    kind: Kind
    higher_is_better: bool | None = False


_TIMES = (
    "connect_ms",
    "queue_ms",
    "wait_ms",
    "headers_ms",
    "ttfe_ms",
    "ttfr_ms",
    "ttft_ms",
    "ttfo_ms",
    "reasoning_ms",
    "answer_ms",
    "latency_ms",
    "total_ms",
    "tpot_ms",
    "gap_ms",
)

#: Every metric of a gate but the graders' ids.
METRICS: dict[str, GateMetric] = {
    ERROR_SHARE: GateMetric(kind=Kind.SHARE),
    COST_PER_CORRECT: GateMetric(kind=Kind.COST_PER_CORRECT),
    **{name: GateMetric(kind=Kind.TIME) for name in _TIMES},
    **{
        name: GateMetric(kind=Kind.RATE, higher_is_better=True)
        for name in ("visible_tokens_per_s", "output_tokens_per_s")
    },
    **{
        name: GateMetric(kind=Kind.AMOUNT) for name in ("input_tokens", "output_tokens", "reasoning_tokens", "cost_usd")
    },
    **{name: GateMetric(kind=Kind.AMOUNT, higher_is_better=None) for name in ("cached_tokens", "visible_tokens")},
}
GRADER = GateMetric(kind=Kind.SHARE, higher_is_better=True)
