"""The run a person means: a folder, an id or its beginning, or ``latest``."""

from __future__ import annotations

import os
from pathlib import Path

from evalharness.app.settings import resolve
from evalharness.core.record import RunState
from evalharness.store.lock import is_held
from evalharness.store.runs import StoredRun, find


def out_folder(out: Path | None) -> Path:
    """Where runs are kept, by the same settings as ``run`` uses."""
    return resolve({"out": out}, environ=os.environ).settings.out


def state_of(run: StoredRun) -> str:
    """The run's state; ``killed`` where it is running by its own account and no process holds its lock."""
    if run.manifest.state is RunState.RUNNING and not is_held(run.folder.parent):
        return "killed"
    return run.manifest.state.value


def run_folder(text: str, out: Path | None) -> Path:
    """Raises ``UsageError`` where no run or more than one is meant."""
    return find(out_folder(out), text)
