"""Whether a failed attempt is made again, and after how long. Pure: jitter and budget are values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import RetryPolicy

FIRST_STEP_MS = 500.0
LAST_STEP_MS = 8_000.0
#: Back-off is lengthened by up to this share of the step, so that callers that failed together come back apart.
JITTER_SHARE = 0.25

#: Asked again: what another try may well change. A protocol failure only once: the same bytes would come again.
_RETRIED = frozenset(
    {
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.STREAM_CUT,
        FailureKind.PROTOCOL,
        FailureKind.RATE_LIMIT,
        FailureKind.SERVER,
    }
)
#: Never asked again, whatever ``x-should-retry`` says: our own limits, another origin, and money that is spent.
_ALWAYS_FINAL = frozenset({FailureKind.QUOTA, FailureKind.TOO_LARGE, FailureKind.REDIRECT, FailureKind.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """A bucket for the whole run: a retry takes ``1 / share`` tokens, a success gives one back.

    At length that allows ``share`` retries per success; full, it bears a burst of ``capacity * share`` of them.
    A share of 0 allows none.
    """

    capacity: float = 500.0
    tokens: float = 500.0

    def allows(self, share: float) -> bool:
        return share > 0 and self.tokens >= 1 / share

    def after_retry(self, share: float) -> RetryBudget:
        return RetryBudget(capacity=self.capacity, tokens=max(0.0, self.tokens - 1 / share))

    def after_success(self) -> RetryBudget:
        return RetryBudget(capacity=self.capacity, tokens=min(self.capacity, self.tokens + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """``wait_ms`` None: the failure is final, and ``reason`` says why in a few words. ``hinted``: the service named
    the wait, so the whole endpoint should pause for it."""

    wait_ms: float | None
    reason: str
    hinted: bool = False


def decide(failures: Sequence[Failure], *, policy: RetryPolicy, jitter: float, budget: RetryBudget) -> RetryDecision:
    """What follows the last of ``failures``, which are those of one call in order. ``jitter`` is from [0, 1).

    A wait is never shorter than the service asked for: jitter comes on top. A wait asked for that is longer than
    ``policy.max_retry_after_ms`` is not shortened either: the failure is final.
    """
    last = failures[-1]
    if reason := _why_final(failures, policy, budget):
        return RetryDecision(wait_ms=None, reason=reason)
    step_ms = min(FIRST_STEP_MS * 2 ** (len(failures) - 1), LAST_STEP_MS)
    if last.retry_after_ms is not None:
        wait_ms = last.retry_after_ms + jitter * JITTER_SHARE * step_ms
        return RetryDecision(wait_ms=wait_ms, reason="the service said when to come back", hinted=True)
    return RetryDecision(wait_ms=step_ms * (1 + jitter * JITTER_SHARE), reason=f"{last.kind} may pass")


def _why_final(failures: Sequence[Failure], policy: RetryPolicy, budget: RetryBudget) -> str | None:
    last = failures[-1]
    if last.kind in _ALWAYS_FINAL:
        return f"{last.kind} is never retried"
    if last.should_retry is False:
        return "the service asked not to retry"
    if last.kind not in _RETRIED and not last.should_retry:
        return f"{last.kind} is never retried"
    if last.kind is FailureKind.PROTOCOL and sum(failure.kind is FailureKind.PROTOCOL for failure in failures) > 1:
        return "a second answer outside the protocol"
    if len(failures) >= policy.max_attempts:
        return f"{len(failures)} attempts were made"
    if last.retry_after_ms is not None and last.retry_after_ms > policy.max_retry_after_ms:
        return f"the service asks to wait {last.retry_after_ms / 1000:.0f} s, longer than retry.max_retry_after_ms"
    if not budget.allows(policy.budget_share):
        return "the retry budget of the run is spent"
    return None
