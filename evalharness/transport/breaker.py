"""Stops asking an endpoint that is down, and a run whose key is refused. Pure: the time is a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from evalharness.core.failure import FailureKind
from evalharness.core.units import NS_PER_S

MAX_IN_A_ROW = 20
WINDOW_CALLS = 100
MAX_FAILED_IN_WINDOW = WINDOW_CALLS // 2
PROBE_AFTER_NS = 30 * NS_PER_S
MAX_PROBES = 3
MAX_AUTH_IN_A_ROW = 3

#: Failures that speak of the endpoint's health. A 4xx speaks of the request; it shows that somebody is there.
COUNTED = frozenset(
    {
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.STREAM_CUT,
        FailureKind.RATE_LIMIT,
        FailureKind.SERVER,
    }
)


class Gate(Enum):
    """GO: send. PROBE: send this one call and tell its end with ``probe=True``. WAIT: until ``wait_until_ns``, or
    until the probe in flight ends where that is None. ABORT: the endpoint is down for good."""

    GO = "go"
    PROBE = "probe"
    WAIT = "wait"
    ABORT = "abort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    gate: Gate
    wait_until_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Per endpoint, over calls (not attempts). ``opened_ns`` None: closed. ``window`` has the last calls, True where
    one failed. Opens at 20 failures in a row or at more than 50 among the last 100."""

    in_a_row: int = 0
    window: tuple[bool, ...] = ()
    opened_ns: int | None = None
    n_failed_probes: int = 0
    probing: bool = False

    def permission(self, now_ns: int) -> Permission:
        if self.opened_ns is None:
            return Permission(gate=Gate.GO)
        if self.n_failed_probes >= MAX_PROBES:
            return Permission(gate=Gate.ABORT)
        if self.probing:
            return Permission(gate=Gate.WAIT)
        probe_ns = self.opened_ns + PROBE_AFTER_NS
        if now_ns < probe_ns:
            return Permission(gate=Gate.WAIT, wait_until_ns=probe_ns)
        return Permission(gate=Gate.PROBE)

    def probe_sent(self) -> Breaker:
        return replace(self, probing=True)

    def call_ended(self, kind: FailureKind | None, *, now_ns: int, probe: bool = False) -> Breaker:
        """``kind`` None: the call has an answer. Calls that were in flight when it opened change nothing."""
        bad = kind in COUNTED
        if probe:
            return (
                replace(self, probing=False, opened_ns=now_ns, n_failed_probes=self.n_failed_probes + 1)
                if bad
                else Breaker()
            )
        if self.opened_ns is not None:
            return self
        in_a_row = self.in_a_row + 1 if bad else 0
        window = (*self.window, bad)[-WINDOW_CALLS:]
        opens = in_a_row >= MAX_IN_A_ROW or sum(window) > MAX_FAILED_IN_WINDOW
        return replace(self, in_a_row=in_a_row, window=window, opened_ns=now_ns if opens else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWatch:
    """Whether going on makes sense at all: a refused key or a spent quota fails every later call the same way."""

    n_calls: int = 0
    auth_in_a_row: int = 0
    quota_spent: bool = False

    def call_ended(self, kind: FailureKind | None) -> KeyWatch:
        return KeyWatch(
            n_calls=self.n_calls + 1,
            auth_in_a_row=self.auth_in_a_row + 1 if kind is FailureKind.AUTH else 0,
            quota_spent=self.quota_spent or kind is FailureKind.QUOTA,
        )

    @property
    def abort_reason(self) -> str | None:
        """None: go on. A key that is refused on the very first call will not be accepted on the second."""
        if self.quota_spent:
            return "the quota of this key is spent"
        if self.auth_in_a_row and self.auth_in_a_row == self.n_calls:
            return "the first call was refused: check the key"
        if self.auth_in_a_row >= MAX_AUTH_IN_A_ROW:
            return f"{self.auth_in_a_row} calls in a row were refused: check the key"
        return None
