"""The simulator's own record: what was sent, when, and whether it was right. Never part of a response."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from evalharness.simulator.departures import DepartureLoop
from evalharness.simulator.lateness import Lateness
from evalharness.simulator.player import Playback

#: Writing to a file takes from 20 us to, on a busy disk, much longer: not just before a departure.
_QUIET_NS = 2_000_000
#: But a reader of the file waits no longer than this.
_KEPT_NS = 300_000_000
_LOOK_AGAIN_S = 0.02
_MAX_KEPT_BYTES = 2**20


class TruthLog:
    """One JSON line a request, written soon after it ended; times are ``_ns`` of CLOCK_MONOTONIC, as of
    ``perf_counter_ns``.

    Also counts how late events were sent, file or not. Lines are made one at a time between departures and written
    together when none is near.
    """

    def __init__(self, path: Path | None, loop: DepartureLoop) -> None:
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._loop = loop
        self._ended: deque[tuple[Mapping[str, Any], Playback | None]] = deque()
        self._lines = bytearray()
        self._oldest_ns = 0
        self._is_busy = False
        self._lateness = Lateness()
        self._n_requests = 0

    def add(self, facts: Mapping[str, Any], playback: Playback | None) -> None:
        """A request that has ended; ``playback`` None: nothing was sent."""
        self._n_requests += 1
        if playback is not None:
            self._lateness.add(playback.late_ns())
        if self._file is None:
            return
        if not self._ended and not self._lines:
            self._oldest_ns = perf_counter_ns()
        self._ended.append((facts, playback))
        if not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._go_on)

    def served(self) -> dict[str, Any]:
        """Requests, events and how late these were sent, in milliseconds, since the start."""
        return {
            "n_requests": self._n_requests,
            "n_events": self._lateness.n,
            "lateness_ms": self._lateness.as_ms(),
        }

    def close(self) -> None:
        """Writes what is left."""
        if self._file is None:
            return
        while self._ended:
            self._make_line()
        self._write()
        os.close(self._file)
        self._file = None

    def _go_on(self) -> None:
        """One step: a line made, or all lines written, or a look at the departures later."""
        if self._file is None:
            return
        if self._ended:
            self._make_line()
        elif self._is_time_to_write():
            self._write()
            self._is_busy = False
            return
        else:
            self._loop.call_later(_LOOK_AGAIN_S, self._go_on)
            return
        self._loop.call_soon(self._go_on)

    def _make_line(self) -> None:
        facts, playback = self._ended.popleft()
        sent = {"head_ns": None, "events": []} if playback is None else _sent(playback)
        line = json.dumps({**facts, **sent}, ensure_ascii=False, separators=(",", ":"))
        self._lines += line.encode("utf-8", "surrogatepass") + b"\n"

    def _is_time_to_write(self) -> bool:
        next_ns, now_ns = self._loop.departures.next_ns, perf_counter_ns()
        is_quiet = next_ns is None or next_ns - now_ns > _QUIET_NS
        return is_quiet or now_ns - self._oldest_ns > _KEPT_NS or len(self._lines) > _MAX_KEPT_BYTES

    def _write(self) -> None:
        """Whole lines in one call, so that a reader never sees half of one."""
        if self._file is not None and self._lines:
            os.write(self._file, self._lines)
            self._lines = bytearray()


def _sent(playback: Playback) -> dict[str, Any]:
    return {"head_ns": playback.head_ns, "events": list(playback.events())}
