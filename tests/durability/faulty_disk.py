"""A disk on which a chosen write fails: ``faulty_disk.c`` beneath the real command."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

_SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True, kw_only=True)
class DiskFault:
    """``at``: which writing call fails, from 1 (0: none); ``lasting``: all that follow too."""

    error: str
    at: int
    lasting: bool

    def __str__(self) -> str:
        return f"{self.error} {'from' if self.lasting else 'at'} call {self.at}{' on' if self.lasting else ''}"


@dataclass(frozen=True, kw_only=True)
class DiskCall:
    """One call that wrote below the folder."""

    failed: bool
    at_ns: int
    call: str
    name: str


@cache
def _library() -> Path:
    built = Path(mkdtemp(prefix="evalharness-faulty-disk-")) / "faulty_disk.so"
    subprocess.run(
        ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", built, _SOURCE, "-ldl", "-lpthread"], check=True
    )
    return built


def beneath(folder: Path, fault: DiskFault, log: Path) -> Mapping[str, str]:
    """The environment of a command whose writes below ``folder`` fail; each is a line of ``log``, a file elsewhere."""
    return {
        "LD_PRELOAD": str(_library()),
        "FAULTY_FOLDER": str(folder.resolve()),
        "FAULTY_ERROR": fault.error,
        "FAULTY_AT": str(fault.at),
        "FAULTY_LASTING": str(int(fault.lasting)),
        "FAULTY_LOG": str(log),
    }


def calls(log: Path) -> list[DiskCall]:
    """In their order."""
    made = []
    for line in log.read_text(encoding="utf-8").splitlines():
        _, failed, at_ns, call, path = line.split(" ", 4)
        made.append(DiskCall(failed=failed == "1", at_ns=int(at_ns), call=call, name=Path(path).name))
    return made
