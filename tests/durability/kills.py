"""kill -9 at random moments of the real command, which is then given again, until the run is done."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalharness.core.record import RunState
from evalharness.store.load import lost_attempts
from evalharness.store.runs import read_run
from tests.durability.bench import Served, damage, kept, run_folders, unaccounted, without_times, write_suite
from tests.durability.stable import Stable

N_CASES = 12
#: Calls last about 40 ms: some 0.6 s of sending, killed a few times.
TIME_SCALE = 0.05
#: From just after its start to where it would have been done, had it not been killed before.
LATEST_KILL_S = 0.5


@dataclass(kw_only=True)
class Kills:
    """What came of it so far. ``n_idle``: kills that met a run before its first attempt, ``n_unknown``: attempts that
    were begun and never ended."""

    n: int = 0
    n_runs: int = 0
    n_idle: int = 0
    n_unknown: int = 0
    folders: list[Path] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Killing:
    """Runs against one server; accounts are settled when that has ended and its log is whole."""

    def __init__(self, folder: Path, server: Served, commands: Stable, *, seed: int) -> None:
        self._folder = folder
        self._commands = commands
        self._draw = random.Random(seed)
        self._suite = write_suite(folder, server.base_url, n_cases=N_CASES)
        self.kills = Kills()
        whole = self._commands.run(*self._arguments(folder / "whole"), cwd=folder)
        assert whole.exit_code == 0, whole.stderr
        self._reference = without_times(run_folders(folder / "whole")[0])

    def run(self, n_kills: int) -> None:
        """Runs from their start to their end, until so many kills were made."""
        while self.kills.n < n_kills:
            self._one_run(self._folder / str(self.kills.n_runs), n_kills)
            self.kills.n_runs += 1

    def _arguments(self, out: Path) -> Sequence[str | Path]:
        return ("run", self._suite, "--out", out, "--log", out.with_suffix(".log"))

    def _one_run(self, out: Path, n_kills: int) -> None:
        kills, before = self.kills, dict[str, str]()
        while True:
            running = self._commands.start(*self._arguments(out), cwd=self._folder)
            if kills.n < n_kills:
                time.sleep(self._draw.random() * LATEST_KILL_S)
                os.kill(running.pid, signal.SIGKILL)
            ended = running.wait()
            folder = _planned(out)
            if ended.exit_code == -signal.SIGKILL:
                kills.n += 1
            elif ended.exit_code != 0:
                kills.wrong.append(f"{out.name}: ends with {ended.exit_code}: {ended.stderr!r}")
            if folder is None:
                kills.n_idle += 1
                continue
            kills.wrong += damage(folder, before)
            now = kept(folder)
            kills.wrong += _told_too_early(out.with_suffix(".log"), now, folder)
            kills.wrong += _half_written(out)
            kills.n_idle += not before and not now
            before = dict(now)
            stored = read_run(folder)
            if stored is None or stored.manifest.state is RunState.COMPLETE:
                break
        if without_times(folder) != self._reference:
            kills.wrong.append(f"{folder}: its export is not that of a run that was left alone")
        kills.n_unknown += len(lost_attempts(folder))
        kills.folders.append(folder)

    def judged(self, seen: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
        """All that was wrong; the server has ended. ``seen``: its requests by run id."""
        yield from self.kills.wrong
        for folder in self.kills.folders:
            yield from unaccounted(folder, seen.get(folder.name, ()))


def _planned(out: Path) -> Path | None:
    """The one run that there is; a folder whose process died before its plan was written is none."""
    planned = [folder for folder in run_folders(out) if read_run(folder) is not None]
    assert len(planned) <= 1, planned
    return planned[0] if planned else None


def _told_too_early(log: Path, now: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Nothing is shown as finished that is not stored."""
    for line in log.read_text(encoding="ascii").splitlines():
        event = json.loads(line)
        if event["event"] == "trial.finished" and event["trial_id"] not in now:
            yield f"{folder.name}: trial {event['trial_id']} was told as finished and is not stored"


def _half_written(out: Path) -> Iterator[str]:
    for page in out.rglob("*.html"):
        if not page.name.startswith(".") and not page.read_text(encoding="utf-8").rstrip().endswith("</html>"):
            yield f"{page}: half a page"
