"""The C sources of the benchmarks as programs, where there is a compiler."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def why_no_c() -> str | None:
    """None: C sources can be compiled and run here."""
    if sys.platform != "linux":
        return "needs Linux (epoll, timerfd)"
    return None if shutil.which("cc") else "needs a C compiler (cc)"


def compiled(source: Path, folder: Path) -> Path:
    """The program, compiled into ``folder`` unless it is there already."""
    program = folder / source.stem
    if not program.exists():
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program
