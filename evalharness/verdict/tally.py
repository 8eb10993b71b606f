"""What is counted of an arm: statuses, failures, retries, oddities and what the service said of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from evalharness.core.model import Status
from evalharness.metrics.facts import Facts, Int64s, Said
from evalharness.metrics.table import STATUSES, Bools, Table

#: The stop reason of an answer that was cut at ``max_output_tokens``, in every protocol.
AT_LIMIT = "max_output_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of one arm's planned trials. ``anomalies`` counts trials that had each of them.

    ``coalesced_share``: gaps between output deltas that this client may have closed by reading late; where an attempt
    did not say, those that are exactly 0, because one read brought both. ``lumped_share``: those beside them that are
    exactly 0, because both came together. None without gaps. ``wasted_cost_usd``: what
    trials without an answer cost; None where some ended so and none of their costs is known. ``n_at_limit``: trials
    that count as complete with an answer as long as ``max_output_tokens`` allows. ``n_cut`` and ``n_cut_by_reasoning``
    as in ``ArmFindings``; ``n_cut_by_reasoning_at_limit``: those of them that are as long as it allows.
    ``p95_retries``: of trials with a call.
    """

    counts: Mapping[str, int]
    failures: Mapping[str, int]
    incomplete_reasons: Mapping[str, int]
    n_retries: int
    p95_retries: int
    anomalies: Mapping[str, int]
    models_reported: Mapping[str, int]
    tiers_reported: Mapping[str, int]
    efforts_reported: Mapping[str, int]
    coalesced_share: float | None
    lumped_share: float | None
    connection_reused_share: float | None
    wasted_cost_usd: float | None
    n_at_limit: int
    n_cut: int
    n_cut_by_reasoning: int | None
    n_cut_by_reasoning_at_limit: int


def tally(table: Table, rows: Bools, limit_tokens: int | None = None) -> Tally:
    """Of one arm's ``rows``. ``limit_tokens``: the arm's ``max_output_tokens``, None without one."""
    facts, failed = table.facts, rows & table.has_status(Status.ERROR)
    told = {status: _told(facts, rows & table.has_status(status)) for status in STATUSES}
    answered = rows & (facts.n_calls > 0)
    worded = _told(facts, answered & ~failed)
    long = np.zeros(len(rows), dtype=np.bool_) if limit_tokens is None else facts.longest_tokens >= limit_tokens
    cut = answered & table.has_status(Status.INCOMPLETE) & _stopped_at_limit(facts)
    n_gaps, n_connected = _sum(facts.n_gaps, rows), _sum(facts.n_connected, rows)
    wasted_usd = facts.wasted_usd[failed]
    known_usd = wasted_usd[~np.isnan(wasted_usd)]
    return Tally(
        counts={status.value: sum(count for _, count in told[status]) for status in STATUSES},
        failures=_named((said.ended_by or "unknown", count) for said, count in told[Status.ERROR]),
        incomplete_reasons=_named(
            (said.stop_reason or "unknown", count)
            for said, count in _told(facts, answered & table.has_status(Status.INCOMPLETE))
        ),
        n_retries=_sum(facts.n_retries, rows),
        p95_retries=_p95(facts.n_retries[answered]),
        anomalies=_named((name, count) for said, count in _told(facts, rows) for name in said.anomalies),
        models_reported=_named((said.model, count) for said, count in worded),
        tiers_reported=_named((said.tier, count) for said, count in worded),
        efforts_reported=_named((said.effort, count) for said, count in worded),
        coalesced_share=_sum(facts.n_closed_gaps, rows) / n_gaps if n_gaps else None,
        lumped_share=_sum(facts.n_lumped_gaps, rows) / n_gaps if n_gaps else None,
        connection_reused_share=_sum(facts.n_reused, rows) / n_connected if n_connected else None,
        wasted_cost_usd=None if len(wasted_usd) and not len(known_usd) else float(np.cumsum([0.0, *known_usd])[-1]),
        n_at_limit=int((rows & table.has_status(Status.OK) & long).sum()),
        n_cut=int(cut.sum()),
        n_cut_by_reasoning=_n_by_reasoning(facts, cut),
        n_cut_by_reasoning_at_limit=_n_by_reasoning(facts, cut & long) or 0,
    )


def _told(facts: Facts, rows: Bools) -> list[tuple[Said, int]]:
    """What was said of ``rows``, and of how many of them."""
    counts = np.bincount(facts.said[rows], minlength=len(facts.sayings)).tolist()
    return [(said, count) for said, count in zip(facts.sayings, counts, strict=True) if count]


def _stopped_at_limit(facts: Facts) -> Bools:
    return np.array([said.stop_reason == AT_LIMIT for said in facts.sayings], dtype=np.bool_)[facts.said]


def _n_by_reasoning(facts: Facts, cut: Bools) -> int | None:
    """Of cut answers: of how many thinking, rather than the answer, used up the tokens."""
    output, reasoning = facts.output_tokens[cut], facts.reasoning_tokens[cut]
    known = ~(np.isnan(output) | np.isnan(reasoning))
    return None if len(known) and not known.any() else int((2 * reasoning[known] > output[known]).sum())


def _p95(column: Int64s) -> int:
    """The smallest number that 95% do not exceed; 0 of none."""
    return int(np.quantile(column, 0.95, method="inverted_cdf")) if len(column) else 0


def _sum(column: Int64s, rows: Bools) -> int:
    return int(column[rows].sum())


def _named(counts: Iterable[tuple[str | None, int]]) -> Mapping[str, int]:
    """The most frequent first, then by name, so that equal runs print alike. What has no name is not counted."""
    total: Counter[str] = Counter()
    for name, count in counts:
        if name is not None:
            total[name] += count
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
