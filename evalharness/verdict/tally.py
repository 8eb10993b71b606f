"""What is counted of an arm: statuses, failures, retries, oddities and what the service said of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.model import Status
from evalharness.core.record import Attempt, AttemptStatus, Call, Purpose, TrialResult, Usage
from evalharness.metrics.table import failure_of

#: What is counted by name.
_NAMED = ("failures", "incomplete_reasons", "anomalies", "model_reported", "tier_reported", "effort_reported")

#: The stop reason of an answer that was cut at ``max_output_tokens``, in every protocol.
AT_LIMIT = "max_output_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of one arm's planned trials. ``anomalies`` counts trials that had each of them.

    ``coalesced_share``: gaps between output deltas that this client may have closed by reading late; where an attempt
    did not say, those that are exactly 0, because one read brought both. None without gaps. ``wasted_cost_usd``: what
    trials without an answer cost; None where some ended so and none of their costs is known. ``n_at_limit``: trials
    that count as complete with an answer as long as ``max_output_tokens`` allows. ``n_cut`` and ``n_cut_by_reasoning``
    as in ``ArmFindings``.
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
    n_at_limit: int
    n_cut: int
    n_cut_by_reasoning: int | None


class Counting:
    """A tally in the making: trials are added one by one and not kept. ``limit_tokens``: the arm's
    ``max_output_tokens``, None without one."""

    def __init__(self, limit_tokens: int | None = None) -> None:
        self._limit_tokens = limit_tokens
        self._counts: Counter[Status] = Counter()
        self._named: dict[str, Counter[str]] = {name: Counter() for name in _NAMED}
        self._n_retries = self._n_reused = self._n_connected = self._n_at_limit = 0
        self._n_gaps = self._n_closed_gaps = 0
        self._n_cut = self._n_cut_known = self._n_cut_by_reasoning = 0
        self._n_wasted_known = 0
        self._wasted_usd = 0.0

    def add(self, result: TrialResult) -> None:
        """One planned measured trial of the arm, sent or not."""
        self._counts[result.status] += 1
        self._named["anomalies"].update(_anomalies(result))
        calls = [call for call in result.calls if call.purpose is Purpose.SUBJECT]
        for call in calls:
            self._add_attempts(call)
        if calls:
            self._add_answer(result.status, calls[-1])
        if result.status is Status.ERROR:
            self._add_failed(result)
        if result.status is Status.OK and self._limit_tokens is not None:
            self._n_at_limit += _longest_tokens(calls) >= self._limit_tokens

    def _add_attempts(self, call: Call) -> None:
        if not call.attempts:
            return
        self._n_retries += len(call.attempts) - 1
        last = call.last_attempt
        if last.connection_reused is not None:
            self._n_connected += 1
            self._n_reused += last.connection_reused
        if last.status is AttemptStatus.OK and len(last.stamps.deltas_ns) > 1:
            self._n_gaps += len(last.stamps.deltas_ns) - 1
            self._n_closed_gaps += _zero_gaps(last) if last.observed is None else last.observed.n_coalesced

    def _add_answer(self, status: Status, call: Call) -> None:
        answer = call.answer
        if status is Status.INCOMPLETE:
            self._named["incomplete_reasons"][answer.stop_reason or "unknown"] += 1
        if status is Status.INCOMPLETE and answer.stop_reason == AT_LIMIT:
            self._add_cut(call.usage)
        if status is Status.ERROR:
            return
        for name in ("model_reported", "tier_reported", "effort_reported"):
            if (word := getattr(answer, name)) is not None:
                self._named[name][word] += 1

    def _add_cut(self, usage: Usage | None) -> None:
        """Of a cut answer: whether it was thinking, rather than the answer, that used up its tokens."""
        self._n_cut += 1
        if usage is not None and usage.reasoning_tokens is not None and usage.output_tokens is not None:
            self._n_cut_known += 1
            self._n_cut_by_reasoning += 2 * usage.reasoning_tokens > usage.output_tokens

    def _add_failed(self, result: TrialResult) -> None:
        failure = failure_of(result)
        self._named["failures"][failure.kind.value if failure else "unknown"] += 1
        if result.cost_usd is not None:
            self._n_wasted_known += 1
            self._wasted_usd += result.cost_usd

    def tally(self) -> Tally:
        named = {name: _most_frequent_first(counts) for name, counts in self._named.items()}
        unknown_waste = self._counts[Status.ERROR] and not self._n_wasted_known
        return Tally(
            counts={status.value: self._counts[status] for status in Status},
            failures=named["failures"],
            incomplete_reasons=named["incomplete_reasons"],
            n_retries=self._n_retries,
            anomalies=named["anomalies"],
            models_reported=named["model_reported"],
            tiers_reported=named["tier_reported"],
            efforts_reported=named["effort_reported"],
            coalesced_share=self._n_closed_gaps / self._n_gaps if self._n_gaps else None,
            connection_reused_share=self._n_reused / self._n_connected if self._n_connected else None,
            wasted_cost_usd=None if unknown_waste else self._wasted_usd,
            n_at_limit=self._n_at_limit,
            n_cut=self._n_cut,
            n_cut_by_reasoning=None if self._n_cut and not self._n_cut_known else self._n_cut_by_reasoning,
        )


def _most_frequent_first(counts: Counter[str]) -> Mapping[str, int]:
    """Then by name, so that equal runs print alike."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _anomalies(result: TrialResult) -> list[str]:
    """Each once per trial: an engine may repeat a call's anomaly on its trial."""
    return list(dict.fromkeys([*result.anomalies, *(name for call in result.calls for name in call.anomalies)]))


def _longest_tokens(calls: Sequence[Call]) -> int:
    """Output tokens of the trial's longest answer, 0 where the service reported none."""
    return max(((call.usage.output_tokens or 0) for call in calls if call.usage is not None), default=0)


def _zero_gaps(attempt: Attempt) -> int:
    """Stamps never fall, so gaps of 0 are stamps that came before. Ten times as fast as an array for so few."""
    return len(attempt.stamps.deltas_ns) - len(set(attempt.stamps.deltas_ns))
