"""Whole sentences that a reader must see before the numbers: what may change what is decided."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from evalharness.core.model import EndpointKind, Order, PendingReason, Status
from evalharness.metrics.table import Missing
from evalharness.verdict.drift import drift_sentences
from evalharness.verdict.load_banners import drifting, load_banners
from evalharness.verdict.reading import FEW_CLUSTERS, FEWEST_CLUSTERS
from evalharness.verdict.remarks import Found, listed, trials
from evalharness.verdict.view import RunView

MISSING_SHARE = 0.02
#: A date or number of a snapshot (``-2025-08-07``, ``-0613``), or the alias of the newest.
_VERSION = re.compile(r"[-@:](\d{3,}[\d-]*|latest)$")


def banners(found: Found) -> tuple[str, ...]:
    """In order of weight: what is missing, how far figures carry, then what may distort them."""
    sources = (
        _missing_scores,
        _few_cases,
        _ended_early,
        _no_quality_in_suite_scope,
        _unpaired,
        _efforts_not_honoured,
        _other_model,
        _several_snapshots,
        _cut_answers,
        _cut_by_reasoning,
        _drift_between_arms,
        _large_drift,
        _unknown_cost,
        load_banners,
    )
    return tuple(sentence for source in sources for sentence in source(found))


def _missing_scores(found: Found) -> Iterator[str]:
    """Of trials that ended; that some did not is the first thing a report says of an unfinished run."""
    table = found.view.table
    primary = found.view.grader_ids[0]
    reasons = table.missing[primary]
    missing = int(((reasons == Missing.ERROR) | (reasons == Missing.NULL_SCORE)).sum())
    ended = missing + int((reasons == Missing.NO).sum())
    if missing > MISSING_SHARE * ended:
        yield (
            f"{missing:,} of {ended:,} trials ({missing / ended:.1%}) have no score of “{primary}”: "
            "figures are given without them, and with all of them wrong and all of them right."
        )


def _few_cases(found: Found) -> Iterator[str]:
    """Not for times of trials: what few cases mean for a latency run is a note beside them."""
    n = found.view.table.n_clusters
    if found.view.is_latency:
        return
    if n < FEWEST_CLUSTERS:
        yield f"Only {_independent(found.view)}: too few to decide anything but by an exact test."
    elif n < FEW_CLUSTERS:
        yield f"Only {_independent(found.view)}: intervals are wide and may be too narrow still."


def _ended_early(found: Found) -> Iterator[str]:
    """The gates' own intervals are sequences, which hold whenever one stops."""
    if found.view.run.manifest.stop_reason is PendingReason.SETTLED:
        yield (
            "The run ended when its gates were settled: their intervals hold however often one looked. All others take "
            "the number of cases as if it had been fixed before, and are a little too sure."
        )


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
        labels = found.named(ignored)
        yield f"The service seems not to honour the effort of {labels}: {'; '.join(reasons)}."


def _other_model(found: Found) -> Iterator[str]:
    """By the service's own word: an alias, a fallback, or a proxy that routes elsewhere."""
    answered: dict[str, Counter[str]] = {}
    for planned, arm in zip(found.view.arms, found.arms, strict=True):
        others = {name: n for name, n in arm.models_reported.items() if _bare(name) != _bare(planned.model)}
        answered.setdefault(planned.model, Counter()).update(others)
    for asked, others in answered.items():
        if others:
            yield f"Asked for {asked}, the service says that another model answered: {_counted(others)}."


def _several_snapshots(found: Found) -> Iterator[str]:
    clauses = []
    for planned, arm in zip(found.view.arms, found.arms, strict=True):
        own = {name: n for name, n in arm.models_reported.items() if _bare(name) == _bare(planned.model)}
        if len(own) > 1:
            clauses.append(f"{found.named([arm])} by {_counted(own)}")
    if clauses:
        yield f"More than one version of the model answered within an arm: {'; '.join(clauses)}."


def _bare(model: str) -> str:
    """A model's name without its maker and its version: ``gpt-5-mini`` of ``openai/gpt-5-mini-2025-08-07``."""
    return _VERSION.sub("", model.rpartition("/")[2].lower())


def _counted(models: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in models.items())


def _cut_answers(found: Found) -> Iterator[str]:
    """Some servers (llama.cpp) call an answer complete that stops at the limit, often in the middle of a word."""
    clauses = []
    for arm in found.arms:
        n_complete, cut = arm.counts[Status.OK], found.view.gathered.tallies[arm.arm_id].n_at_limit
        if cut:
            answers = "answer" if n_complete == 1 else "answers"
            clauses.append(f"{cut:,} of {n_complete:,} {answers} of {found.named([arm])}")
    if clauses:
        are = "is" if len(clauses) == 1 and clauses[0].startswith("1 of ") else "are"
        were = "it was" if are == "is" else "they were"
        yield (
            f"{listed(clauses)} {are} as long as max_output_tokens allows: {were} cut off, although the "
            "service calls them complete."
        )


def _cut_by_reasoning(found: Found) -> Iterator[str]:
    """Enough of them to move a score: they are wrong for want of room, not for want of sense. Those that are shorter
    than what the request allows are no matter of its limit, whatever the service calls it."""
    reached, short = [], []
    for place, arm in enumerate(found.arms):
        limit = found.view.arms[place].request.get("max_output_tokens")
        n = found.view.gathered.tallies[arm.arm_id].n_cut_by_reasoning_at_limit
        whose = f"{trials(arm.n_planned)} of {found.named([arm])}"
        asked = f"limit {limit:,} tokens" if isinstance(limit, int) else "no limit was asked for"
        if n > MISSING_SHARE * arm.n_planned:
            reached.append(f"{n:,} of {whose} ({asked})")
        if (others := (arm.n_cut_by_reasoning or 0) - n) > MISSING_SHARE * arm.n_planned:
            short.append(f"{others:,} of {whose} ({asked})")
    if reached:
        yield (
            f"Reasoning used up max_output_tokens before the answer was complete: {listed(reached)}. Cut answers "
            "score 0 unless a grader judges them; a higher limit would show what the arm can do."
        )
    if short:
        yield (
            "The service cut answers for their length, most of their tokens being reasoning, although by its own "
            f"counts they were shorter than the request allows: {listed(short)}. Another limit ended them: the "
            "service's own, or the room of the model's context."
        )


def _large_drift(found: Found) -> Iterator[str]:
    drift = found.view.drift
    if drift is not None and drift.is_large:
        yield drift_sentences(drift, n_arms=len(found.arms), n_calls=max(arm.n_planned for arm in found.arms))


def _drift_between_arms(found: Found) -> Iterator[str]:
    one_by_one = found.view.suite.load.order is Order.SEQUENTIAL and len(found.arms) > 1
    if found.view.time_confounded or (one_by_one and any(drifting(stretch) for stretch in found.stretches)):
        yield (
            "The arms ran one after the other while times drifted: how their times differ may come from when they ran. "
            "Only interleaved arms can be compared in time."
        )


def _unknown_cost(found: Found) -> Iterator[str]:
    """Said only where a rule picks the cheapest; a model on this machine has no price to be missed.

    A failed trial or two without usage do not change which arm is cheapest: they are counted beside the costs.
    """
    names = {arm.endpoint for arm in found.view.arms}
    used = [endpoint for endpoint in found.view.suite.endpoints if endpoint.name in names]
    without = sum(arm.n_without_cost for arm in found.arms)
    if not _rule_needs_cost(found) or not without or all(endpoint.kind is EndpointKind.LOCAL for endpoint in used):
        return
    unpriced = [endpoint.name for endpoint in used if endpoint.prices is None]
    if any(arm.cost_usd is not None for arm in found.arms):
        if without > MISSING_SHARE * sum(arm.n_planned for arm in found.arms):
            yield f"The cost of {trials(without)} is unknown and not in the figures."
    elif unpriced:
        yield f"Costs are unknown: no prices are set for {', '.join(unpriced)}."
    else:
        yield "Costs are unknown: the service reported no usage."


def _rule_needs_cost(found: Found) -> bool:
    return found.view.suite.decision is not None and len(found.arms) > 1
