"""The client's side of a run, for the manifest."""

from __future__ import annotations

import os
import platform
import sys

from evalharness.core.model import Json


def client_environment() -> dict[str, Json]:
    """What a reader needs to judge the figures of a run; nothing that names the person or the machine."""
    environment: dict[str, Json] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
    }
    commit = _commit()
    return environment if commit is None else {**environment, "git_commit": commit}


def _commit() -> str | None:
    """The commit CI is at, by the variables of the common services; None elsewhere."""
    return next((os.environ[name] for name in ("GITHUB_SHA", "CI_COMMIT_SHA") if os.environ.get(name)), None)
