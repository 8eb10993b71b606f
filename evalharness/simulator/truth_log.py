"""The simulator's own record: what was sent, when, and whether it was right. Never part of a response."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from evalharness.simulator.player import Played

_KEPT_LATENESSES = 20_000


class TruthLog:
    """One JSON line a request, written when it ended; times are ``_ns`` of CLOCK_MONOTONIC, as of ``perf_counter_ns``.

    Also keeps the lateness (sent - planned) of the newest events in memory, file or not: the server's own jitter.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("a", encoding="utf-8", buffering=1) if path is not None else None
        self._lateness_ns: deque[int] = deque(maxlen=_KEPT_LATENESSES)
        self.n_requests = 0
        self.n_events = 0

    def add(self, facts: Mapping[str, Any], played: Played) -> None:
        self.n_requests += 1
        self.n_events += len(played.events)
        self._lateness_ns.extend(sent - planned for _, planned, sent in played.events)
        if self._file is not None:
            line = {**facts, "head_ns": played.head_ns, "ended": played.ended, "events": played.events}
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")

    def jitter(self) -> dict[str, Any]:
        """How late events were sent, in milliseconds; None before the first."""
        late = sorted(self._lateness_ns)
        if not late:
            return {"n_requests": self.n_requests, "n_events": self.n_events, "lateness_ms": None}
        quantiles = {str(q): late[min(len(late) - 1, int(q * len(late)))] / 1e6 for q in (0.5, 0.9, 0.99)}
        lateness = quantiles | {"max": late[-1] / 1e6}
        return {"n_requests": self.n_requests, "n_events": self.n_events, "lateness_ms": lateness}

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
