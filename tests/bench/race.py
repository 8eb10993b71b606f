"""One client against one server, once: what the client said, what was true."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.contestants import Contestant
from tests.bench.servers.answers import Answer, warm_up
from tests.bench.servers.clocked import ClockedServer
from tests.bench.servers.simulator import SimulatorServer
from tests.bench.servers.truth import Truth

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``streams`` calls at a time, ``rounds`` of them in each stream. Starts are staggered over one answer unless
    ``is_cold``: then all begin at once, without a connection. ``patience_s``: when a client is given up. The simulator
    does not play ``answer`` but its own of the same schedule."""

    answer: Answer
    streams: int
    rounds: int = 1
    is_cold: bool = False
    is_recorded: bool = True
    is_simulated: bool = False
    patience_s: float = 60

    @property
    def n_calls(self) -> int:
        return self.streams * self.rounds

    @property
    def flags(self) -> list[str]:
        stagger_ns = 0 if self.is_cold else self.answer.duration_ns // self.streams
        flags = ["--streams", str(self.streams), "--rounds", str(self.rounds), "--stagger-ns", str(stagger_ns)]
        return flags + ["--cold"] * self.is_cold + ["--record"] * self.is_recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """``calls`` and ``summary`` as ``clients/face.py`` describes them; empty with the reason in ``gave_up``."""

    summary: Mapping[str, Any] = field(default_factory=dict)
    calls: tuple[Mapping[str, Any], ...] = ()
    truth: Truth | None = None
    gave_up: str | None = None


def run_heat(contestant: Contestant, load: Load, folder: Path) -> Heat:
    with _server(load, folder) as server:
        command = [*contestant.command(folder), "--port", str(server.port), *load.flags]
        try:
            done = subprocess.run(
                command, cwd=_ROOT, capture_output=True, text=True, timeout=load.patience_s, check=False
            )
        except subprocess.TimeoutExpired:
            return Heat(gave_up=f"not done after {load.patience_s:.0f} s")
    if done.returncode:
        return Heat(gave_up=f"ended with {done.returncode}: {_reason(done.stderr)}")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return Heat(summary=told[-1]["summary"], calls=tuple(told[:-1]), truth=server.truth)


def _server(load: Load, folder: Path) -> ClockedServer | SimulatorServer:
    if load.is_simulated:
        return SimulatorServer("latency", folder)
    return ClockedServer(load.answer, warm_up(load.streams), folder)


def _reason(stderr: str) -> str:
    """The last line that names an error: libraries may say more while they are torn down."""
    lines = stderr.strip().splitlines()
    return next((line for line in reversed(lines) if "Error" in line), "no word why")[:160]
