"""Servers as child processes on a free port, for tests over a real socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import Request, urlopen


@dataclass(frozen=True)
class SimulatorProcess:
    """A running simulator. ``base_url`` ends in ``/v1``."""

    base_url: str
    process: subprocess.Popen[bytes]
    truth_log: Path | None

    @property
    def root_url(self) -> str:
        return self.base_url.removesuffix("/v1")

    def truth(self, prompts: Sequence[str] | None = None, **query: object) -> dict[str, Any]:
        """The declared truth; with ``prompts``, the truth over exactly these."""
        url = f"{self.root_url}/truth?" + "&".join(f"{key}={value}" for key, value in query.items())
        body = None if prompts is None else json.dumps({"prompts": list(prompts)}).encode()
        with urlopen(Request(url, data=body), timeout=10) as answer:
            return dict(json.load(answer))

    def log(self, *, at_least: int = 0, run: str = "") -> list[dict[str, Any]]:
        """The truth log so far: one entry for each request to ``/v1``, in the order they ended.

        An entry is written just after its last byte was sent: with ``at_least``, waits up to 10 s for so many.
        ``run`` keeps the entries whose client request id begins with it.
        """
        assert self.truth_log is not None, "start it with simulator(truth_log=...)"
        deadline = monotonic() + 10
        while True:
            entries = [json.loads(line) for line in self.truth_log.read_text(encoding="utf-8").splitlines()]
            kept = [e for e in entries if e["path"] != "/truth" and (e["client_request_id"] or "").startswith(run)]
            if len(kept) >= at_least:
                return kept
            assert monotonic() < deadline, f"{len(kept)} of {at_least} requests in the truth log"
            sleep(0.01)


@contextmanager
def simulator(
    *,
    profile: str = "instant",
    seed: int = 1,
    faults: Mapping[str, Any] | None = None,
    truth_log: Path | None = None,
    arguments: Sequence[str] = (),
    folder: Path | None = None,
    place: Sequence[str] = (),
) -> Iterator[SimulatorProcess]:
    """Start the built-in simulator. ``faults`` is the content of a fault file, written into ``folder``. ``place`` goes
    before its command, to start it in another namespace."""
    command = [*place, sys.executable, "-m", "evalharness.simulator", "--port", "0", "--exit-with-parent"]
    command += ["--seed", str(seed), "--profile", profile, *arguments]
    if truth_log is not None:
        command += ["--truth-log", str(truth_log)]
    if faults is not None:
        assert folder is not None, "a fault file needs a folder (tmp_path)"
        path = folder / "faults.json"
        path.write_text(json.dumps(faults), encoding="utf-8")
        command += ["--faults", str(path)]
    with child(command) as (process, base_url):
        yield SimulatorProcess(base_url=base_url, process=process, truth_log=truth_log)


@contextmanager
def child(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server that prints ``{"base_url": ...}`` when it is ready and ends when its standard input closes."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        line = process.stdout.readline()
        assert line, f"{command} ended with {process.wait(10)} before it was ready"
        yield process, str(json.loads(line)["base_url"])
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
