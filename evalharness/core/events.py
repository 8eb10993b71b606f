"""What a run tells those who watch it. Subscribers get values; they cannot influence the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalharness.core.failure import Failure
from evalharness.core.model import Arm, Plan, Trial
from evalharness.core.record import TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """``finished`` are the results found in the run folder that stand, by trial id (resume).

    ``n_lost_attempts`` were begun by a process that was killed: they may have been charged.
    """

    plan: Plan
    run_id: str
    finished: Mapping[str, TrialResult]
    n_lost_attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    trial: Trial
    arm: Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """Sent after the attempt was written down, before it goes out."""

    trial_id: str
    turn_index: int
    attempt_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """``wait_ms`` None: this failure is final. ``reason``: why it is, or why it is asked again."""

    trial: Trial
    attempt_index: int
    failure: Failure
    wait_ms: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    """Sent after the result was committed."""

    trial: Trial
    arm: Arm
    result: TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStopping:
    """No new call from here on; calls in flight get ``grace_s``, None: as long as they need."""

    reason: str
    n_in_flight: int
    grace_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """``stop_message`` None: nothing is left to do."""

    stop_message: str | None
