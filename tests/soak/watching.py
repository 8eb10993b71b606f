"""What a running command holds: memory, descriptors, threads, its log of writes. From /proc, so Linux alone."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_EVERY_S = 0.2
_KIB_IN_MIB = 1024
_MIB = 2**20


@dataclass(frozen=True)
class Look:
    at_s: float
    rss_mib: float
    descriptors: int
    threads: int
    wal_mib: float


def watched(running: subprocess.Popen[bytes], folder: Path) -> list[Look]:
    """Five looks a second until it ends, at times since the call. ``folder`` is where its run is stored."""
    began_s = time.monotonic()
    looks: list[Look] = []
    while running.poll() is None:
        looks += _looks(running.pid, folder, began_s)
        time.sleep(_EVERY_S)
    return looks


def _looks(pid: int, folder: Path, began_s: float) -> Iterator[Look]:
    process = Path(f"/proc/{pid}")
    try:
        status = (process / "status").read_text(encoding="ascii")
        descriptors = sum(1 for _ in (process / "fd").iterdir())
    except OSError:  # it has just ended
        return
    sizes = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE))
    if "VmRSS" in sizes:
        wal_mib = sum(path.stat().st_size for path in folder.rglob("run.db-wal")) / _MIB
        rss_mib = int(sizes["VmRSS"]) / _KIB_IN_MIB
        yield Look(time.monotonic() - began_s, rss_mib, descriptors, int(sizes["Threads"]), wal_mib)


def slope_mib_per_min(looks: Sequence[Look]) -> float | None:
    """Of a straight line through the memory at these looks; None where they are too few."""
    if len(looks) < 100:
        return None
    at_s, rss_mib = (np.array([getattr(look, name) for look in looks]) for name in ("at_s", "rss_mib"))
    return float(np.polyfit(at_s, rss_mib, 1)[0] * 60)
