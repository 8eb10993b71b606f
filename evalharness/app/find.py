"""The run a person means: a folder, an id or its beginning, or ``latest``."""

from __future__ import annotations

import os
from pathlib import Path

from evalharness.app.settings import resolve
from evalharness.store.runs import find


def out_folder(out: Path | None) -> Path:
    """Where runs are kept, by the same settings as ``run`` uses."""
    return resolve({"out": out}, environ=os.environ).settings.out


def run_folder(text: str, out: Path | None) -> Path:
    """Raises ``UsageError`` where no run or more than one is meant."""
    return find(out_folder(out), text)
