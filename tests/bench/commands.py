"""The installed command as a benchmark runs it: how long it took, how much memory it had."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.machine import Strain
from tests.support.command import PROGRAM, environment

_EVERY_S = 0.02
_MIB = 1024  # in the KiB of /proc


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """``rss_mib``: (seconds since the start, resident size) of the command's own process, some times a second; empty
    where there is no /proc. ``peak_mib`` is the kernel's own high-water mark at the last look.
    ``strain``: cells of ``machine.Strain`` over its run."""

    wall_s: float
    rss_mib: Sequence[tuple[float, float]]
    peak_mib: float | None
    strain: Mapping[str, float | None]


def run_command(*arguments: str | Path, cwd: Path) -> Ran:
    """Raises ``RuntimeError`` with what the command said where it did not end well."""
    started_s, strain = time.perf_counter(), Strain()
    process = subprocess.Popen(
        [PROGRAM, *map(str, arguments)], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    looks: list[tuple[float, float, float]] = []
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, started_s, looks, ended))
    watcher.start()
    said, _ = process.communicate()
    wall_s = time.perf_counter() - started_s
    ended.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"evalharness {' '.join(map(str, arguments))} ended with {process.returncode}:\n{said}")
    return Ran(
        wall_s=wall_s,
        rss_mib=[(at_s, rss) for at_s, rss, _ in looks],
        peak_mib=looks[-1][2] if looks else None,
        strain=strain.cells(),
    )


def _watch(pid: int, started_s: float, looks: list[tuple[float, float, float]], ended: threading.Event) -> None:
    status = Path(f"/proc/{pid}/status")
    while not ended.wait(_EVERY_S):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
            rss, peak = (int(lines[name].split()[0]) / _MIB for name in ("VmRSS", "VmHWM"))
        except (OSError, KeyError):  # no /proc, or the process is gone
            continue
        looks.append((time.perf_counter() - started_s, rss, peak))
