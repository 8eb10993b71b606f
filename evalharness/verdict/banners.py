"""Whole sentences that a reader must see before the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import ArmFindings, Comparison
from evalharness.core.model import Status
from evalharness.metrics.table import Missing
from evalharness.stats.drift import send_order_drift
from evalharness.verdict.reading import FEW_CLUSTERS, FEWEST_CLUSTERS
from evalharness.verdict.view import RunView

MISSING_SHARE = 0.02
CACHED_SHARE = 0.05
ZERO_GAP_SHARE = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the sentences are about."""

    view: RunView
    arms: Sequence[ArmFindings]
    comparisons: Sequence[Comparison]


def banners(found: Found) -> tuple[str, ...]:
    """In order of weight: what is missing, how far figures carry, then what may distort them."""
    sources = (
        _unfinished,
        _missing_scores,
        _few_cases,
        _no_quality_in_suite_scope,
        _unpaired,
        _efforts_not_honoured,
        _several_models,
        _drift,
        _unknown_cost,
        _missing_usage,
        _hidden_reasoning,
        _cached_input,
        _coarse_gaps,
    )
    return tuple(sentence for source in sources for sentence in source(found))


def _unfinished(found: Found) -> Iterator[str]:
    pending = sum(arm.counts[Status.PENDING] for arm in found.arms)
    planned = sum(arm.n_planned for arm in found.arms)
    if pending:
        yield f"The run is not finished: {pending:,} of {planned:,} planned trials did not end."


def _missing_scores(found: Found) -> Iterator[str]:
    table = found.view.table
    primary = found.view.grader_ids[0]
    reasons = table.missing[primary]
    planned = int((reasons != Missing.NOT_ASKED).sum())
    missing = planned - int((reasons == Missing.NO).sum())
    if planned and missing > MISSING_SHARE * planned:
        yield (
            f"{missing:,} of {planned:,} planned trials ({missing / planned:.1%}) have no score of {primary}: "
            "figures are given without them, and with all of them wrong and all of them right."
        )


def _few_cases(found: Found) -> Iterator[str]:
    n = found.view.table.n_clusters
    if n < FEWEST_CLUSTERS:
        yield f"Only {_independent(found.view)}: too few to decide anything but by an exact test."
    elif n < FEW_CLUSTERS:
        yield f"Only {_independent(found.view)}: intervals are wide and may be too narrow still."


def _independent(view: RunView) -> str:
    n = view.table.n_clusters
    if n == view.table.n_cases:
        return "1 case" if n == 1 else f"{n} cases"
    return f"{n} independent group{'' if n == 1 else 's'} of cases"


def _no_quality_in_suite_scope(found: Found) -> Iterator[str]:
    if found.view.settings.scope == "suite" and found.view.table.n_repeats < 2:
        yield "The scope is these cases only, which needs two repeats or more: there are no intervals of quality."


def _unpaired(found: Found) -> Iterator[str]:
    if any(comparison.design != "paired" for comparison in found.comparisons):
        yield "Some arms have no scored case in common: they are compared without pairing, with less power."


def _efforts_not_honoured(found: Found) -> Iterator[str]:
    ignored = [arm for arm in found.arms if arm.effort is not None and arm.effort.honoured is False]
    reasons = dict.fromkeys(arm.effort.reason for arm in ignored if arm.effort is not None)
    if ignored:
        labels = ", ".join(arm.label for arm in ignored)
        yield f"The service seems not to honour the effort ({labels}): {'; '.join(reasons)}."


def _several_models(found: Found) -> Iterator[str]:
    for arm in found.arms:
        if len(arm.models_reported) > 1:
            names = ", ".join(f"{name} ({count:,})" for name, count in arm.models_reported.items())
            yield f"More than one model answered in {arm.label}: {names}."


def _drift(found: Found) -> Iterator[str]:
    table = found.view.table
    cases, arms = table.case_index.astype(np.int64), table.arm_index.astype(np.int64)
    drift = send_order_drift(table.timed("total_ms"), cases, arms, table.sent_rank.astype(np.float64))
    if drift is not None and drift.drifting:
        change = abs(drift.half_ratio - 1)
        way = "longer" if drift.half_ratio > 1 else "shorter"
        yield (
            f"Times drifted: trials in the second half took {change:.0%} {way} than in the first, case and arm "
            "taken into account. Intervals of times assume that they did not."
        )


def _unknown_cost(found: Found) -> Iterator[str]:
    without = sum(arm.n_without_cost for arm in found.arms)
    if all(arm.cost_usd is None for arm in found.arms):
        endpoints = {endpoint.name: endpoint for endpoint in found.view.suite.endpoints}
        used = dict.fromkeys(arm.endpoint for arm in found.view.arms)
        unpriced = [name for name in used if name in endpoints and endpoints[name].prices is None]
        if unpriced:
            yield f"Costs are unknown: no prices are set for {', '.join(unpriced)}."
        elif without:
            yield "Costs are unknown: the service reported no usage."
    elif without:
        yield f"The cost of {_trials(without)} is unknown and not in the figures."


def _missing_usage(found: Found) -> Iterator[str]:
    without = sum(arm.n_without_usage for arm in found.arms)
    if without:
        yield f"{_trials(without)} ended without a count of tokens and {_are(without)} in no token figure."


def _hidden_reasoning(found: Found) -> Iterator[str]:
    shown = [arm for arm in found.arms if "ttfo_ms" in arm.times]
    thinks = any((mean := arm.tokens.get("reasoning")) is not None and mean.point > 0 for arm in shown)
    if thinks and not any("ttfr_ms" in arm.times for arm in shown):
        yield (
            "The service does not show its reasoning: time to first token is time to first output, "
            "hidden reasoning included."
        )


def _cached_input(found: Found) -> Iterator[str]:
    columns = found.view.table.metrics
    known = ~np.isnan(columns["cached_tokens"]) & ~np.isnan(columns["input_tokens"])
    total, cached = columns["input_tokens"][known].sum(), columns["cached_tokens"][known].sum()
    if total and cached > CACHED_SHARE * total:
        yield (
            f"{cached / total:.0%} of the input tokens came from the service's cache: times and costs are those of "
            "prompts sent again and again."
        )


def _coarse_gaps(found: Found) -> Iterator[str]:
    coarse = [arm.label for arm in found.arms if (arm.coalesced_share or 0) > ZERO_GAP_SHARE]
    if coarse:
        yield f"More than a fifth of the gaps between deltas are exactly 0 ({', '.join(coarse)}): do not rely on gaps."


def _trials(n: int) -> str:
    return "1 trial" if n == 1 else f"{n:,} trials"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
