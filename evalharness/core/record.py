"""The nouns of what was recorded: attempts, calls, scores, trial results, and a run as a whole.

All types are frozen, slotted and keyword-only. Missing is None, never zero. Times ending in ``_ns`` are integers of one
process's monotonic clock unless their name says ``utc``; durations ending in ``_ms`` are floats.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalharness.core.failure import Failure
from evalharness.core.model import Json, PendingReason, Plan, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as the service gave them; None where it gave none. ``output_tokens`` includes reasoning."""

    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: str = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """When things happened on one attempt, in ``_ns`` of the monotonic clock. None: it did not, or was not seen.

    ``deltas_ns`` are the arrivals of deltas of visible output; events of one read share one stamp.
    """

    sent_ns: int | None = None
    headers_ns: int | None = None
    first_event_ns: int | None = None
    first_reasoning_ns: int | None = None
    first_output_ns: int | None = None
    last_output_ns: int | None = None
    done_ns: int | None = None
    closed_ns: int | None = None
    connect_ns: int | None = None
    deltas_ns: array[int] = field(default_factory=lambda: array("q"))


class StampSource(StrEnum):
    """Who dated the arrivals: the kernel when the bytes came in, or this program when it read them."""

    KERNEL = "kernel"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """How well one attempt was seen; every field a bound or a measurement of this client, none of the service.

    ``send_ns``: how long handing the request to the socket took; ``sent_ns`` of the stamps is before it.
    ``first_reasoning_error_ns``, ``first_output_error_ns`` and ``done_error_ns`` bound how far those stamps may be from
    the arrival of their bytes (None: there is no such stamp; of the first, also: an earlier version did not say).
    ``max_lag_ns``: the longest that arrived bytes waited to be read. ``n_coalesced``: gaps between output deltas that
    are 0 because this client may have read late, not because they came together.
    """

    source: StampSource
    send_ns: int
    max_lag_ns: int
    n_coalesced: int = 0
    first_output_error_ns: int | None = None
    done_error_ns: int | None = None
    first_reasoning_error_ns: int | None = None


class AttemptStatus(StrEnum):
    """``unknown``: written before it was sent, and the process died: it may have been charged."""

    OK = "ok"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try on the wire. ``wait_ms`` is the pause before it: back-off and hints; for the first one how long after the
    call's intended start the service kept it back, by a pause that it asked of the endpoint or by being down.

    ``connect_ns`` of the stamps is a duration, None on a reused connection. ``n_reads`` counts reads that completed
    at least one event, so that events per read tells how coarse the stamps are.
    ``partial_text`` is the evidence of an attempt that broke off; it is never an answer.
    """

    index: int
    status: AttemptStatus
    stamps: Stamps = field(default_factory=Stamps)
    wait_ms: float = 0.0
    http_status: int | None = None
    failure: Failure | None = None
    connection_reused: bool | None = None
    n_events: int = 0
    n_deltas: int = 0
    n_reads: int = 0
    unknown_events: Mapping[str, int] = field(default_factory=dict)
    request_id: str | None = None
    partial_text: str | None = None
    observed: Observed | None = None


class Purpose(StrEnum):
    SUBJECT = "subject"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function or custom tool call as sent by the model; ``arguments`` is its text, parsed by nobody yet."""

    name: str
    arguments: str
    call_id: str | None = None
    type: str = "function_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, kept apart by kind. ``text`` is the visible answer alone.

    ``items`` are the output items of the final object, as sent (for chat: rebuilt in the same shape).
    """

    text: str = ""
    refusal: str | None = None
    reasoning_summary: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    items: tuple[Json, ...] = ()
    stop_reason: str | None = None
    response_id: str | None = None
    model_reported: str | None = None
    effort_reported: str | None = None
    tier_reported: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One logical request: all its attempts and the answer of the one that succeeded.

    ``intended_ns`` and ``intended_utc_ns`` are the moment the load shape meant it to start. ``request`` is the body as
    sent. ``status`` is ok, incomplete, refused or error; ``failure`` is set with error alone.
    """

    purpose: Purpose
    turn_index: int
    request: Mapping[str, Json]
    status: Status
    intended_ns: int
    intended_utc_ns: int
    attempts: tuple[Attempt, ...]
    answer: Answer = field(default_factory=Answer)
    usage: Usage | None = None
    failure: Failure | None = None
    anomalies: tuple[str, ...] = ()
    cost_usd: float | None = None

    @property
    def last_attempt(self) -> Attempt:
        return self.attempts[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """``value`` in [0, 1], or None with a ``reason``: it could not be graded. ``passed``: value >= pass_at."""

    grader: str
    value: float | None
    passed: bool | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """How one trial ended. ``scores`` by grader id; empty where nothing was graded (errors, warm-up)."""

    trial_id: str
    status: Status
    calls: tuple[Call, ...] = ()
    scores: Mapping[str, Score] = field(default_factory=dict)
    failure: Failure | None = None
    pending_reason: PendingReason | None = None
    anomalies: tuple[str, ...] = ()
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverRecord:
    """What one session of a run noticed of the client itself, over all its processes. The store numbers ``session``.

    ``loop_lag_counts``: how often the event loop was away from its sockets, by the binary logarithm of the nanoseconds
    (key 20: 2**20 to 2**21 ns). ``routes``: endpoint name to how it was reached, ``measuring`` or ``httpx: WHY``.
    ``loop``: ``measuring``, or ``foreign`` in somebody else's event loop. ``clock_steps_ns``: jumps of the wall clock.
    ``suspended_ns``: how long the machine slept. ``notes``: whole sentences for the reader.
    """

    loop: str
    session: int = 0
    n_workers: int = 0
    routes: Mapping[str, str] = field(default_factory=dict)
    loop_lag_counts: Mapping[int, int] = field(default_factory=dict)
    clock_steps_ns: tuple[int, ...] = ()
    suspended_ns: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAttempt:
    """An attempt that was about to be sent and of which nothing more is known: it may have been charged.

    ``session`` counts the starts of the run from 1.
    """

    trial_id: str
    turn_index: int
    attempt_index: int
    session: int
    begun_utc: str


class RunState(StrEnum):
    """``running`` on a stored run whose process is gone means it was killed."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunManifest:
    """What was run, with what, when. ``flags`` are the plan flags as given; ``environment`` is the client's side.

    ``stop_reason`` None: the plan came to its end. ``stop_message`` is a sentence on why the run itself did not end
    well. ``exit_code``: what its command ended with, gates included; None while it goes on, or when it was killed.
    """

    run_id: str
    suite_name: str
    created_utc: str
    plan_hash: str
    version: str
    state: RunState = RunState.RUNNING
    finished_utc: str | None = None
    stop_reason: PendingReason | None = None
    stop_message: str | None = None
    exit_code: int | None = None
    suite_text: str = ""
    suite_path: str = ""
    flags: Mapping[str, Json] = field(default_factory=dict)
    environment: Mapping[str, Json] = field(default_factory=dict)
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A stored run, whole: everything downstream is a pure function of it.

    ``results`` has every planned trial of the measured phase and the warm-up trials that were sent; those that never
    ended are pending. ``lost_attempts``: oldest first, also of trials that were asked again and ended; without those
    in flight while the run goes on.
    """

    manifest: RunManifest
    plan: Plan
    results: Mapping[str, TrialResult]
    observers: tuple[ObserverRecord, ...] = ()
    lost_attempts: tuple[LostAttempt, ...] = ()
