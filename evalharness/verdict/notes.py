"""Whole sentences that belong beside the waiting times: how far those figures can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalharness.verdict.drift import drift_sentences, no_drift_sentence
from evalharness.verdict.reading import FEW_CLUSTERS
from evalharness.verdict.remarks import Found

CACHED_SHARE = 0.05
ZERO_GAP_SHARE = 0.20


def notes(found: Found) -> tuple[str, ...]:
    sources = (_few_cases, _small_drift, _no_drift, _hidden_reasoning, _cached_input, _coarse_gaps, _lumps)
    return tuple(sentence for source in sources for sentence in source(found))


def _few_cases(found: Found) -> Iterator[str]:
    n = found.view.table.n_cases
    if found.view.is_latency and found.view.table.n_clusters < FEW_CLUSTERS:
        cases = "1 case" if n == 1 else f"{n} cases"
        yield (
            f"Times are those of this mix of {cases}: other requests may take longer or shorter. "
            "Scores, tokens and costs are estimates from so few cases."
        )


def _small_drift(found: Found) -> Iterator[str]:
    drift = found.view.drift
    if drift is not None and not drift.is_large:
        yield drift_sentences(drift, n_arms=len(found.arms), n_calls=max(arm.n_planned for arm in found.arms))


def _no_drift(found: Found) -> Iterator[str]:
    """Of a latency run its stretches say it."""
    view = found.view
    if view.drift is None and not view.is_latency and np.isfinite(view.table.timed("total_ms")).any():
        yield no_drift_sentence(view.measured_drift)


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
    coarse = [arm for arm in found.arms if (arm.coalesced_share or 0) > ZERO_GAP_SHARE]
    observed = found.observer is not None and found.observer.coalesced_share is not None
    if coarse:
        are = "may have been closed by this client, which read late," if observed else "are exactly 0"
        where = f"in {found.named(coarse)}: do not rely on gaps there."
        yield f"More than a fifth of the gaps between deltas {are} {where}"


def _lumps(found: Found) -> Iterator[str]:
    """Of what the client saw well: the pieces did come together."""
    tallies = found.view.gathered.tallies
    lumped = [arm for arm in found.arms if (tallies[arm.arm_id].lumped_share or 0) > ZERO_GAP_SHARE]
    if lumped:
        largest = max(tallies[arm.arm_id].lumped_share or 0 for arm in lumped)
        yield (
            f"Answers came in lumps, in {found.named(lumped)}: up to {largest:.0%} of the gaps between deltas are "
            "exactly 0. The service writes several pieces at once, or a proxy between collects them. Time to first "
            "output is then that of the first lump, and gaps are those between lumps."
        )
