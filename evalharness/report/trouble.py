"""Failed, missing and ungraded calls in words: how many, why most of them, and what to do about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from evalharness.core.findings import Analysis
from evalharness.core.model import PendingReason, Phase, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.table import failed_results
from evalharness.report import numbers, words
from evalharness.report.visible import shortened

_LONGEST_MESSAGE = 180
#: What differs between two tellings of one failure: request ids, ports, waits.
_VARYING = re.compile(r"[0-9a-f-]{8,}|\d+", re.IGNORECASE)


def nothing_measured(run: RunRecord, analysis: Analysis) -> tuple[str, str] | None:
    """Heading and lead of a run in which no arm has a score that says anything; None where some arm has.

    A latency run says something as soon as one call was answered.
    """
    says_something = analysis.kind == "latency" or any(arm.quality.get(analysis.primary) for arm in analysis.arms)
    n_ended = sum(arm.n_planned - arm.counts.get(Status.PENDING, 0) for arm in analysis.arms)
    if _n_failed(analysis) < n_ended and says_something:
        return None
    ended = [result for result in _measured(run) if result is not None and result.status is not Status.PENDING]
    failed = [result for result in ended if result.status is Status.ERROR]
    unfinished = not_finished(run, analysis)
    if not ended:
        return "Nothing measured", f"No call was made to its end. {unfinished or ''}".strip()
    if len(failed) == len(ended):
        calls = "The only call" if len(ended) == 1 else f"All {numbers.plural(len(ended), 'call')} that ended"
        calls = calls if unfinished or len(ended) == 1 else f"All {numbers.plural(len(ended), 'call')}"
        return "Nothing measured", _sentences(f"{calls} failed{_most(failed)}.", unfinished)
    reasons = Counter(
        shortened(score.reason, _LONGEST_MESSAGE)
        for result in ended
        for grader, score in result.scores.items()
        if grader == analysis.primary and score.value is None and score.reason
    )
    why = f": {_counted(reasons, len(ended))}" if reasons else ", see what went wrong"
    graded = f"{numbers.plural(len(ended), 'call')} ended, without a single score of “{analysis.primary}”{why}."
    return "No score", _sentences(graded, unfinished)


def not_finished(run: RunRecord, analysis: Analysis) -> str | None:
    """How many calls are missing, why, and how to go on; None for a run that came to its planned end.

    Calls that a run of stated duration had no time for are not missing.
    """
    manifest = run.manifest
    n_planned = sum(trial.phase is Phase.MEASURED for trial in run.plan.trials)
    missing = sum(arm.counts.get(Status.PENDING, 0) for arm in analysis.arms)
    if manifest.stop_reason is PendingReason.SETTLED:  # what that left over is outside the analysis
        missing += n_planned - sum(arm.n_planned for arm in analysis.arms)
    if manifest.stop_reason is PendingReason.DURATION or not missing:
        return None
    of = f"{numbers.count(missing)} of {numbers.plural(n_planned, 'call')}"
    if manifest.stop_reason is PendingReason.SETTLED:
        why = manifest.stop_message or "the gates are settled"
        return f"The run stopped early ({shortened(why, _LONGEST_MESSAGE)}): {of} were not sent."
    why = f" ({shortened(manifest.stop_message, _LONGEST_MESSAGE)})" if manifest.stop_message else ""
    verb = "is" if missing == 1 else "are"
    again = "Run the same command again."
    if manifest.stop_reason is PendingReason.BUDGET:
        again = "Raise the budget (--max-cost, or budget in the suite) and run the same command again."
    return f"The run is not finished: {of} {verb} missing{why}. {again}"


def lost_sentence(n_lost: int) -> str | None:
    """Of attempts that were begun and never ended; None where there are none."""
    if not n_lost:
        return None
    be, they = ("was", "it") if n_lost == 1 else ("were", "they")
    return (
        f"{numbers.plural(n_lost, 'attempt')} {be} in flight when the run was killed or cut short: "
        f"{they} may have been charged, and no figure counts {'it' if n_lost == 1 else 'them'}."
    )


def _n_failed(analysis: Analysis) -> int:
    return sum(arm.counts.get(Status.ERROR, 0) for arm in analysis.arms)


def failures_sentence(run: RunRecord, analysis: Analysis) -> str | None:
    """``40 of 2,000 calls failed (2.0%), 38 of them in xhigh: timeout: no first event within 2 s (38×).``"""
    if not _n_failed(analysis):
        return None
    failed = [
        result
        for trial, result in failed_results(run)
        if trial.phase is Phase.MEASURED and result.status is Status.ERROR
    ]
    by_arm = sorted(analysis.arms, key=lambda arm: -arm.counts.get(Status.ERROR, 0))
    most = by_arm[0]
    if len(by_arm) == 1 or most.counts[Status.ERROR] == len(failed):
        return f"{words.failed_calls(most)}{_most(failed)}."
    planned = sum(arm.n_planned for arm in analysis.arms)
    share = numbers.percent(len(failed) / planned)
    text = f"{numbers.count(len(failed))} of {numbers.plural(planned, 'call')} failed ({share})"
    if most.counts[Status.ERROR] >= 2 * by_arm[1].counts.get(Status.ERROR, 0):
        text += f", {numbers.count(most.counts[Status.ERROR])} of them in {words.spoken(most)}"
    return f"{text}{_most(failed)}."


def _measured(run: RunRecord) -> Iterator[TrialResult | None]:
    """The result of every planned trial but warm-up; None where there is none."""
    return (run.results.get(trial.trial_id) for trial in run.plan.trials if trial.phase is Phase.MEASURED)


def _most(failed: Iterable[TrialResult]) -> str:
    """The most frequent failure with its count, after a colon; empty where none has a word on it."""
    kinds: Counter[str] = Counter()
    told: dict[str, str] = {}
    n_failed = 0
    for result in failed:
        n_failed += 1
        if result.failure is not None:
            text = f"{result.failure.kind.value.replace('_', ' ')}: {result.failure.message}"
            alike = _VARYING.sub("#", text)
            kinds[alike] += 1
            told.setdefault(alike, shortened(text, _LONGEST_MESSAGE).rstrip("."))
    if not kinds:
        return ""
    return f": {_counted(Counter({told[alike]: number for alike, number in kinds.items()}), n_failed)}"


def _counted(texts: Counter[str], whole: int) -> str:
    """The most frequent text with its count; said to be the most frequent where there are others."""
    text, number = texts.most_common(1)[0]
    lead = "" if number == whole else "most often "
    return f"{lead}{text} ({numbers.count(number)}{numbers.TIMES})"


def _sentences(*texts: str | None) -> str:
    return " ".join(text for text in texts if text)
