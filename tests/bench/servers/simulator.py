"""The built-in simulator for the length of one run, and its truth log afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tests.bench.servers.answers import Answer, Write
from tests.bench.servers.truth import TrueCall, Truth
from tests.bench.units import NS_PER_MS, NS_PER_US

_PATIENCE_S = 20


def latency_answer() -> Answer:
    """The schedule of the profile ``latency``. Bytes differ from call to call: only events and deltas are counted."""
    head, first, gap = 5 * NS_PER_MS, 200 * NS_PER_MS, 10 * NS_PER_MS
    n_deltas = 50
    offsets = [head, head, first, first] + [first + number * gap for number in range(n_deltas)]
    offsets += [offsets[-1]] * 4
    return Answer(
        writes=tuple(
            Write(
                offset_ns=offset_ns, wire=b"", wire_bytes=0, body_bytes=0, events=number + 1,
                deltas=min(max(0, number - 3), n_deltas),
            )
            for number, offset_ns in enumerate(offsets)
        )
    )  # fmt: skip


class SimulatorServer:
    """A context manager: within it ``port`` answers; after it ``truth`` is known."""

    def __init__(self, profile: str, folder: Path) -> None:
        self._log = folder / "simulator.jsonl"
        self._command = [sys.executable, "-m", "evalharness.simulator", "--profile", profile, "--truth-log", self._log]

    def __enter__(self) -> SimulatorServer:
        self._log.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        announced = self._process.stdout.readline()
        if not announced:
            raise RuntimeError("the simulator did not start")
        self.port = urlsplit(json.loads(announced)["base_url"]).port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=_PATIENCE_S)

    @property
    def truth(self) -> Truth:
        """Calls whose request id is not negative, as with the clocked server."""
        lines = [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]
        calls = {call.number: call for call in _calls(lines)}
        warm = {line["connection"] for line in lines if line["client_request_id"] == "-1"}
        return Truth(calls=calls, n_cold=sum(call.connection not in warm for call in calls.values()))


def _calls(lines: list[Mapping[str, Any]]) -> Iterator[TrueCall]:
    for line in lines:
        if int(line["client_request_id"]) < 0:
            continue
        _, due_ns, before_ns, took_us = zip(*line["events"], strict=True)
        before = np.array(before_ns, dtype=np.int64)
        yield TrueCall(
            number=int(line["client_request_id"]), connection=line["connection"], received_ns=line["read_ns"],
            due_ns=np.array(due_ns, dtype=np.int64), before_ns=before,
            after_ns=before + (np.array(took_us) * NS_PER_US).astype(np.int64),
        )  # fmt: skip
