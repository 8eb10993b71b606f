"""A small disk of memory that fills up, or is read-only: in a namespace of its own, gone with whoever holds it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import PROGRAM, Finished, environment

#: As a user who becomes root of a namespace, or as root where users may make none.
_WAYS = (("-U", "-r", "-m"), ("-m",))


@dataclass(frozen=True)
class SmallDisk:
    """``mounted`` is its path for commands inside, ``path`` the same folder for this process."""

    mounted: Path
    path: Path
    _enter: Sequence[str]

    def evalharness(self, *arguments: str | Path, cwd: Path) -> Finished:
        """The program, where the disk is mounted."""
        inside = ["sh", "-c", 'cd "$0" && exec "$@"', str(cwd), PROGRAM, *map(str, arguments)]
        done = subprocess.run(
            [*self._enter, *inside], env=environment(), capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    def remount(self, how: str) -> None:
        """With other options: ``ro``, ``size=...``."""
        subprocess.run([*self._enter, "mount", "-o", f"remount,{how}", str(self.mounted)], check=True)


@contextmanager
def small_disk(folder: Path, *, n_bytes: int) -> Iterator[SmallDisk]:
    """Mounted at ``folder``. Fails where this machine allows no way to do so: what is not tested is not known."""
    folder.mkdir()
    refused = []
    for way in _WAYS:
        script = f'mount -t tmpfs -o size={n_bytes} tmpfs "$0" && echo mounted && exec cat'
        holder = subprocess.Popen(
            ["unshare", *way, "sh", "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert holder.stdin and holder.stdout and holder.stderr
        is_mounted = holder.stdout.readline() == "mounted\n"
        try:
            if is_mounted:
                namespaces = ("-U", "--preserve-credentials", "-m") if "-U" in way else ("-m",)
                enter = ("nsenter", "-t", str(holder.pid), *namespaces, "--")
                yield SmallDisk(folder, Path(f"/proc/{holder.pid}/root{folder}"), enter)
                return
            refused.append(holder.stderr.read())
        finally:
            holder.stdin.close()
            holder.wait(10)
            holder.stdout.close()
            holder.stderr.close()
    raise AssertionError(f"no small disk can be mounted here, neither as a user nor as root: {refused}")
