"""How a run came to its end, before any gate is judged. Imported by every run before its first call: light."""

from __future__ import annotations

from collections import Counter

from evalharness.core.errors import ExitCode
from evalharness.core.model import PendingReason, Phase, Status
from evalharness.core.record import RunRecord

#: A run that ends for one of these, or for none, has sent all that it was meant to.
WHOLE = (None, PendingReason.SETTLED, PendingReason.DURATION)


def ended_with(reason: PendingReason | None, *, n_errors: int, n_ended: int, tolerated: float) -> ExitCode:
    """The exit code of the run alone. ``reason``: what stopped it. Of its measured trials ``n_ended`` have ended, of
    which the share ``tolerated`` may be errors."""
    if reason is PendingReason.INTERRUPTED:
        return ExitCode.INTERRUPTED
    if reason is PendingReason.ABORTED:
        return ExitCode.ABORTED
    return ExitCode.INCOMPLETE if reason not in WHOLE or n_errors > tolerated * n_ended else ExitCode.OK


def how_it_ended(
    reason: PendingReason | None, stop_message: str | None, record: RunRecord
) -> tuple[str | None, ExitCode]:
    """A sentence for what is not complete, or why less was sent than planned, and the exit code of the run alone."""
    results = (record.results[trial.trial_id] for trial in record.plan.trials if trial.phase is Phase.MEASURED)
    statuses = Counter(result.status for result in results)
    n_errors, n_ended = statuses[Status.ERROR], statuses.total() - statuses[Status.PENDING]
    tolerated = record.plan.suite.tolerate_error_share
    code = ended_with(reason, n_errors=n_errors, n_ended=n_ended, tolerated=tolerated)
    if code is ExitCode.INCOMPLETE and reason in WHOLE:
        stop_message = f"{n_errors:,} of {n_ended:,} trials failed, {tolerated:.1%} are tolerated"
    return stop_message, code
