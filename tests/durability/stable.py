"""The real command without the wait for its imports: forked from a process that has made them.

What a fork leaves out is the start of the interpreter. Tests beside these start the installed program itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ctypes import CDLL
from dataclasses import dataclass
from pathlib import Path

from tests.durability import faulty_disk
from tests.support.command import Finished, environment

_PRELOADED = (
    *("evalharness.cli.run", "evalharness.cli.output", "evalharness.app.run", "evalharness.app.progress"),
    *("evalharness.app.event_log", "evalharness.app.publish", "evalharness.app.trend", "evalharness.report.write"),
)


@dataclass
class Running:
    """A command that was started. One at a time."""

    pid: int
    _stable: Stable

    def wait(self) -> Finished:
        """Its end; an exit code below 0 is the signal that killed it."""
        exit_code = int(self._stable.ask({"wait": self.pid})["exit_code"])
        stdout, stderr = (path.read_text(encoding="utf-8") for path in self._stable.outputs)
        return Finished(exit_code, stdout, stderr)


@dataclass
class Stable:
    """Where commands are kept ready."""

    _process: subprocess.Popen[str]
    outputs: tuple[Path, Path]

    def start(self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Running:
        """``env`` is added to the environment; what ``faulty_disk.beneath`` says is obeyed."""
        told = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "env": dict(env or {}),
            "outputs": [str(path) for path in self.outputs],
        }
        # Killed before it opens them, a command has printed nothing.
        for path in self.outputs:
            path.write_bytes(b"")
        return Running(int(self.ask(told)["pid"]), self)

    def run(self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Finished:
        return self.start(*arguments, cwd=cwd, env=env).wait()

    def ask(self, told: object) -> Mapping[str, int]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))


@contextmanager
def stable(folder: Path) -> Iterator[Stable]:
    """``folder`` gets what commands print."""
    idle = faulty_disk.beneath(folder, faulty_disk.DiskFault(error="EIO", at=0, lasting=False), Path(os.devnull))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.durability.stable"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment({"LD_PRELOAD": idle["LD_PRELOAD"]}), cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        yield Stable(process, (folder / "stdout", folder / "stderr"))
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def _serve(library: str) -> None:
    import importlib

    for name in _PRELOADED:
        importlib.import_module(name)
    # Before a command listens, the signal ends it as any process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for line in sys.stdin:
        told = json.loads(line)
        if "wait" in told:
            _, status = os.waitpid(told["wait"], 0)
            answer = {"exit_code": os.waitstatus_to_exitcode(status)}
        else:
            pid = os.fork()
            if pid == 0:
                _become(told, library)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


def _become(told: Mapping[str, object], library: str) -> None:
    """The command, to its end."""
    os.setsid()
    os.chdir(str(told["cwd"]))
    os.environ.update(told["env"])
    for target, path in ((0, os.devnull), *zip((1, 2), told["outputs"], strict=True)):
        handle = os.open(path, os.O_RDONLY if target == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, target)
        os.close(handle)
    CDLL(library).faulty_disk_begin()
    from evalharness.cli.main import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(list(told["arguments"]))


if __name__ == "__main__":
    _serve(os.environ["LD_PRELOAD"])
