"""What is counted of an arm: statuses, failures, retries, oddities and what the service said of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.model import Status
from evalharness.core.record import Attempt, AttemptStatus, Purpose, RunRecord, TrialResult
from evalharness.metrics.table import analysed_trials, failure_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of one arm's planned trials. ``anomalies`` counts trials that had each of them.

    ``coalesced_share``: gaps between output deltas that this client may have closed by reading late; where an attempt
    did not say, those that are exactly 0, because one read brought both. None without gaps.
    """

    counts: Mapping[str, int]
    failures: Mapping[str, int]
    incomplete_reasons: Mapping[str, int]
    n_retries: int
    anomalies: Mapping[str, int]
    models_reported: Mapping[str, int]
    tiers_reported: Mapping[str, int]
    efforts_reported: Mapping[str, int]
    coalesced_share: float | None
    connection_reused_share: float | None
    wasted_cost_usd: float | None


def tally(results: Sequence[TrialResult]) -> Tally:
    """``results``: one per planned measured trial of the arm."""
    counts = Counter(result.status for result in results)
    by_trial = [[call for call in result.calls if call.purpose is Purpose.SUBJECT] for result in results]
    ended = [(result.status, calls[-1].answer) for result, calls in zip(results, by_trial, strict=True) if calls]
    answers = [answer for status, answer in ended if status is not Status.ERROR]
    calls = [call for calls in by_trial for call in calls if call.attempts]
    attempts = [call.last_attempt for call in calls]
    failures = (failure_of(result) for result in results if result.status is Status.ERROR)
    return Tally(
        counts={status.value: counts[status] for status in Status},
        failures=_counted(failure.kind.value if failure else "unknown" for failure in failures),
        incomplete_reasons=_counted(
            answer.stop_reason or "unknown" for status, answer in ended if status is Status.INCOMPLETE
        ),
        n_retries=sum(len(call.attempts) - 1 for call in calls),
        anomalies=_counted(name for result in results for name in _anomalies(result)),
        models_reported=_counted(answer.model_reported for answer in answers),
        tiers_reported=_counted(answer.tier_reported for answer in answers),
        efforts_reported=_counted(answer.effort_reported for answer in answers),
        coalesced_share=_coalesced_share(attempts),
        connection_reused_share=_share(a.connection_reused for a in attempts if a.connection_reused is not None),
        wasted_cost_usd=_wasted_cost_usd(results),
    )


def results_by_arm(run: RunRecord) -> Mapping[str, list[TrialResult]]:
    """The result of every trial the analysis is about, by arm id; a trial without one is pending."""
    by_arm: dict[str, list[TrialResult]] = {arm.arm_id: [] for arm in run.plan.arms}
    for trial in analysed_trials(run):
        absent = TrialResult(trial_id=trial.trial_id, status=Status.PENDING)
        by_arm[trial.arm_id].append(run.results.get(trial.trial_id, absent))
    return by_arm


def _counted(names: Iterable[str | None]) -> Mapping[str, int]:
    """Most frequent first, then by name, so that equal runs print alike."""
    counts = Counter(name for name in names if name is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _anomalies(result: TrialResult) -> list[str]:
    """Each once per trial: an engine may repeat a call's anomaly on its trial."""
    return list(dict.fromkeys([*result.anomalies, *(name for call in result.calls for name in call.anomalies)]))


def _share(flags: Iterable[bool]) -> float | None:
    seen = list(flags)
    return sum(seen) / len(seen) if seen else None


def _coalesced_share(attempts: Sequence[Attempt]) -> float | None:
    closed = total = 0
    for attempt in attempts:
        if attempt.status is AttemptStatus.OK and len(attempt.stamps.deltas_ns) > 1:
            total += len(attempt.stamps.deltas_ns) - 1
            closed += _zero_gaps(attempt) if attempt.observed is None else attempt.observed.n_coalesced
    return closed / total if total else None


def _zero_gaps(attempt: Attempt) -> int:
    """Stamps never fall, so gaps of 0 are stamps that came before. Ten times as fast as an array for so few."""
    return len(attempt.stamps.deltas_ns) - len(set(attempt.stamps.deltas_ns))


def _wasted_cost_usd(results: Sequence[TrialResult]) -> float | None:
    """What trials without an answer cost; None where some ended so and none of their costs is known."""
    failed = [result for result in results if result.status is Status.ERROR]
    known = [result.cost_usd for result in failed if result.cost_usd is not None]
    return sum(known) if known or not failed else None
