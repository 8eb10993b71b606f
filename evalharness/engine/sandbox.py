"""Code that graders ask about, run in isolation: answers of models and functions of a suite's author.

A process of its own forks one isolation for each question (``isolated.server``); this side sends questions and takes
answers. Refused in words where this machine cannot isolate: there is no weaker way.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from evalharness.core.errors import UsageError
from evalharness.core.model import FileRef, Json
from evalharness.core.ports import CodeAnswer, CodeEnd, CodeQuestion
from evalharness.engine.isolated.server import LENGTH

#: The interpreter's own switches; code sees no variable at all. Sets have the same order in every grading.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from evalharness.engine.isolated import server; server.main()"
)
#: Wall clock for each second of processor time: room for waiting, bounded for those who only wait.
_WALL_SHARE = 4
_MOST_QUESTION_BYTES = 16 * 2**20
_HINTS = (
    "use a Linux machine with a kernel of 5.14 or newer where you may make namespaces: on Ubuntu "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, in a container `--cap-add SYS_ADMIN --security-opt "
    "seccomp=unconfined --security-opt apparmor=unconfined`; or take the graders that run code out"
)
_PROBE = """
import os, socket, threading
def attempt(action):
    try:
        action()
    except (OSError, RuntimeError):
        return False
    return True
def probe(answer, trial):
    done, threads = threading.Event(), 0
    while threads < 30 and attempt(threading.Thread(target=done.wait).start):
        threads += 1
    done.set()
    shown = [f"{path}/{name}/" for path in trial["hidden"] if os.path.isdir(path) for name in os.listdir(path)]
    reached = [path for path in shown if not any(f"{each}/".startswith(path) for each in trial["visible"])]
    reached += [path for path in trial["outside"] if os.path.exists(path)]
    reached += ["sockets"] * attempt(lambda: socket.socket().connect(("127.0.0.1", 9)))
    reached += ["a root file system to write"] * attempt(lambda: os.mkdir("/written"))
    reached += ["processes outside"] * (os.getppid() != 1)
    reached += ["no processes of its own"] * (threads < 5) + ["any number of processes"] * (threads > 20)
    return (not reached, ", ".join(reached))
"""


class Sandbox:
    """``files`` and ``read_bytes`` serve the files that questions name; ``hidden`` folders show nowhere inside.

    ``async with`` starts its process and ends it, with all code that still runs. At most one isolation for two cores
    runs at a time, all of them at the lowest priority: arrivals of calls in flight are read first.
    """

    def __init__(self, *, files: Sequence[FileRef], read_bytes: Callable[[str], bytes], hidden: Sequence[Path]) -> None:
        self._hashes = {file.path: file.sha256 for file in files}
        self._read_bytes = read_bytes
        self._hidden = [str(path.resolve()) for path in (*hidden, Path.home())]
        self._contents: dict[str, str] = {}
        self._room = asyncio.Semaphore(max(1, (os.cpu_count() or 1) // 2))

    async def __aenter__(self) -> Self:
        """Raises ``UsageError`` where isolation cannot be had."""
        if sys.platform != "linux":
            raise UsageError(f"code cannot be isolated on {sys.platform}, and is not run without", hint=_HINTS)
        visible = _visible()
        settings = {
            "path": _module_path(),
            "visible": visible,
            "hidden": self._masked(visible),
        }
        self._control, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with inside:
            package = str(Path(__file__).parents[2])
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-S", "-B", "-X", "utf8", "-c", _PROGRAM, json.dumps(settings), package],
                stdin=inside.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_ENVIRONMENT, cwd="/",
                start_new_session=True,
            )  # fmt: skip
        try:
            await self._probe(visible)
        except BaseException:
            self._end()
            raise
        return self

    def _masked(self, visible: Sequence[str]) -> list[str]:
        """Of ``hidden`` what lies in a folder that is shown."""
        return [path for path in self._hidden if any(Path(path).is_relative_to(each) for each in visible)]

    async def __aexit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()

    async def _probe(self, visible: Sequence[str]) -> None:
        """One question about the walls themselves, before anything is paid for."""
        outside = ["/bin/sh", "/usr/bin/env", "/proc/1", "/etc/passwd"]
        trial: Json = {"hidden": self._hidden, "visible": list(visible), "outside": outside}
        content = base64.b64encode(_PROBE.encode()).decode()
        arguments: dict[str, Json] = {"path": "probe.py", "name": "probe", "answer": "", "trial": trial}
        found = await self._ask(CodeQuestion(driver="function", arguments=arguments), {"probe.py": content})
        report = found.report if isinstance(found.report, dict) else {}
        if report.get("value") != 1:
            why = report.get("reason") or report.get("broken") or found.detail or found.end.value
            raise UsageError(f"code cannot be isolated on this machine, and is not run without: {why}", hint=_HINTS)

    async def run(self, question: CodeQuestion) -> CodeAnswer:
        """Ends of every kind are answers. Cancelled, it ends the code."""
        try:
            files = {_inside(name): self._content(name) for name in question.files}
        except UsageError as problem:
            return CodeAnswer(end=CodeEnd.REFUSED, detail=problem.message)
        async with self._room:
            try:
                return await self._ask(question, files)
            except (OSError, EOFError, ValueError) as problem:
                return CodeAnswer(end=CodeEnd.REFUSED, detail=f"{type(problem).__name__}: {problem}")

    def _content(self, name: str) -> str:
        if name not in self._contents:
            content = self._read_bytes(name)
            if hashlib.sha256(content).hexdigest() != self._hashes.get(name):
                raise UsageError(f"{name} has changed since the run began")
            self._contents[name] = base64.b64encode(content).decode()
        return self._contents[name]

    async def _ask(self, question: CodeQuestion, files: Mapping[str, str]) -> CodeAnswer:
        body = json.dumps(
            {
                "driver": question.driver,
                "arguments": question.arguments,
                "files": files,
                "stdin": question.stdin,
                "cpu_s": question.cpu_s,
                "wall_s": _WALL_SHARE * question.cpu_s,
            }
        ).encode()
        if len(body) > _MOST_QUESTION_BYTES:
            return CodeAnswer(end=CodeEnd.REFUSED, detail=f"{len(body):,} bytes of code and files: at most 16 MiB")
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            socket.send_fds(self._control, [b"q"], [theirs.fileno()])
        reader, writer = await asyncio.open_connection(sock=own)
        try:
            writer.write(LENGTH.pack(len(body)) + body)
            (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            answer = json.loads(await reader.readexactly(length))
        finally:
            writer.close()
        return CodeAnswer(
            end=CodeEnd(answer["end"]),
            detail=answer["detail"],
            report=answer.get("report"),
            stdout=answer.get("stdout", ""),
        )


def _inside(name: str) -> str:
    """Where a file of the suite's folder stands inside: at its own path, without ways out of the folder."""
    return str(PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in ("..", "/"))))


def _module_path() -> list[str]:
    """The standard library, and what is installed beside this program; no folder of a project."""
    paths = sysconfig.get_paths()
    compiled = [path for path in sys.path if path.endswith("/lib-dynload")]
    names = ("platstdlib", "purelib", "platlib")
    return list(dict.fromkeys([paths["stdlib"], *compiled, *(paths[name] for name in names)]))


def _visible() -> list[str]:
    """What Python needs to import: libraries, no programs, no settings of the system but the linker's."""
    system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/nix/store"]
    wanted = [*system, f"{sys.base_prefix}/lib", *_module_path()]
    kept: list[str] = []
    for path in sorted({str(Path(path).absolute()) for path in wanted}):
        if not any(Path(path).is_relative_to(each) for each in kept if not Path(each).is_symlink()):
            kept.append(path)
    return kept
