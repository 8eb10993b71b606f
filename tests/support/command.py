"""The installed program as a user runs it: a process, its two outputs, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).parent / "evalharness")


@dataclass(frozen=True)
class Finished:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.stdout))


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's, without what would change a run, or have it compile the whole program each time."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("EVALHARNESS_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | {"NO_COLOR": "1"} | dict(extra or {})


def evalharness(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, timeout_s: float = 120
) -> Finished:
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], cwd=cwd, env=environment(env), capture_output=True, text=True,
        timeout=timeout_s, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return Finished(done.returncode, done.stdout, done.stderr)


def started(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The program, running. In a process group of its own, so that signals reach it alone."""
    return subprocess.Popen(
        [PROGRAM, *map(str, arguments)], cwd=cwd, env=environment(env), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def exported(run: str | Path, *, cwd: Path) -> list[dict[str, Any]]:
    """The run's trials as the JSON lines export gives them."""
    done = evalharness("export", run, "--format", "jsonl", cwd=cwd)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
