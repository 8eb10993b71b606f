"""Where and when: without it a figure means nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path


def described() -> dict[str, object]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def load_averages() -> list[float]:
    """Runnable processes over the last 1, 5 and 15 minutes; more than there are cores spoils every tail."""
    return [round(value, 2) for value in os.getloadavg()]


class Strain:
    """What the machine was busy with besides, from the making of this on."""

    def __init__(self) -> None:
        self._load = load_averages()[0]
        self._before = _ticks()

    def cells(self) -> dict[str, float | None]:
        """The load average at the beginning, and the share of CPU time that the host of a virtual machine gave to
        others since, in percent: it explains outliers that no load does. None where the system does not say."""
        stolen = None
        after = _ticks()
        if self._before is not None and after is not None and after[0] > self._before[0]:
            stolen = 100 * (after[1] - self._before[1]) / (after[0] - self._before[0])
        return {"load": self._load, "stolen": stolen}

    @property
    def words(self) -> str:
        cells = self.cells()
        stolen = "" if cells["stolen"] is None else f", {cells['stolen']:.2g}% of CPU stolen"
        return f"load average {cells['load']:.1f}{stolen}"


def worst(strains: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """For each cell of ``Strain`` the largest; None where none is known."""
    keys = dict.fromkeys(key for strain in strains for key in strain)
    known = {key: [value for strain in strains if (value := strain.get(key)) is not None] for key in keys}
    return {key: max(values, default=None) for key, values in known.items()}


def _ticks() -> tuple[int, int] | None:
    """(all CPU time, what was stolen of it) of all cores since the system started; None without Linux's figures."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    ticks = [int(word) for word in line.split()[1:9]]
    return (sum(ticks), ticks[7]) if len(ticks) == 8 else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
