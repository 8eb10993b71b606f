"""A process that runs code for graders: one isolation for each question, forked from an image that holds nothing.

Descriptor 0 is a socket. Each message on it brings a socket of its own, on which a question comes in and its answer
goes out, both JSON behind a length. This process never reads a question: the one that does is forked for it alone. An
end of either socket, as when the run is killed, ends what was started for it.
"""

from __future__ import annotations

import base64
import io
import json
import os
import secrets
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from evalharness.engine.isolated import drivers, jail

LENGTH = struct.Struct("!I")
MOST_OUTPUT_BYTES = 2**20
NICENESS = 19
_LOOK_EVERY_S = 0.05
#: A busy machine is no fault of the code: waiting for a processor does not count, up to so many times its wall clock.
_PATIENCE = 5
_READY = b"ready\n"


def main() -> None:
    settings = json.loads(sys.argv[1])
    os.nice(NICENESS)
    sys.path[:] = settings["path"]
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            _serve(socket.socket(fileno=descriptors[0]), settings)
            os._exit(0)
        os.close(descriptors[0])


def _serve(connection: socket.socket, settings: dict[str, Any]) -> None:
    try:
        (length,) = LENGTH.unpack(_exactly(connection, LENGTH.size))
        question = json.loads(_exactly(connection, length))
        answer = _Isolation(connection, question, settings).answer()
    except _GoneError:
        return
    except BaseException as problem:
        answer = {"end": "refused", "detail": _why(problem)}
    body = json.dumps(answer).encode()
    connection.sendall(LENGTH.pack(len(body)) + body)


def _why(problem: BaseException) -> str:
    return getattr(problem, "strerror", None) or f"{type(problem).__name__}: {problem}"


class _GoneError(Exception):
    """Nobody waits for the answer any more."""


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(min(2**20, length - len(parts)))
        if not part:
            raise _GoneError
        parts += part
    return bytes(parts)


class _Isolation:
    """One question. ``outputs``: what came on the code's standard output and on the pipe of its report."""

    def __init__(self, connection: socket.socket, question: dict[str, Any], settings: dict[str, Any]) -> None:
        self._connection = connection
        self._question = question
        self._settings = settings
        self._token = secrets.token_hex(16)

    def answer(self) -> dict[str, Any]:
        wall_s = float(self._question["wall_s"])
        jail.enter_user_and_pid()
        status, output, report, token = (os.pipe() for _ in range(4))
        first = os.fork()
        if first == 0:
            for pipe in (status, output, report):
                os.close(pipe[0])
            os.close(token[1])
            self._connection.close()
            _First(self._question, self._settings, status[1], output[1], report[1], token[0]).run()
        for pipe in (status, output, report):
            os.close(pipe[1])
        os.close(token[0])
        watched = _Watched(first, status[0], output[0], report[0], token[1], self._token)
        try:
            end, detail = watched.until_end(self._connection, wall_s)
        finally:
            os.kill(first, signal.SIGKILL)  # the kernel kills all others of its namespace with it
            os.waitpid(first, 0)
        return {
            "end": end,
            "detail": detail,
            "report": _with_token(bytes(watched.got[report[0]]), self._token),
            "stdout": watched.got[output[0]].decode(errors="replace"),
        }


def _with_token(sent: bytes, token: str) -> Any:
    """The report: a line that begins with the token. Whatever else was written there, others wrote."""
    for line in sent.split(b"\n"):
        if line.startswith(token.encode()):
            try:
                return json.loads(line[len(token) :])
            except ValueError:
                return None
    return None


class _Watched:
    """The view from outside: output, memory and time of everything that ``first`` and its descendants do."""

    def __init__(self, first: int, status: int, output: int, report: int, token_pipe: int, token: str) -> None:
        self._first = first
        self._status, self._output, self._report, self._token_pipe = status, output, report, token_pipe
        self._token: str | None = token
        self.got = {status: bytearray(), output: bytearray(), report: bytearray()}

    def until_end(self, connection: socket.socket, wall_s: float) -> tuple[str, str]:
        poll = select.poll()
        for descriptor in (*self.got, connection.fileno()):
            poll.register(descriptor, select.POLLIN)
        begun = monotonic()
        looked = begun
        while True:
            for descriptor, _ in poll.poll(_LOOK_EVERY_S * 1_000):
                if descriptor == connection.fileno():
                    raise _GoneError
                if not self._read(descriptor):
                    poll.unregister(descriptor)
                if descriptor == self._status:
                    return self._ended()
            if len(self.got[self._output]) > MOST_OUTPUT_BYTES or len(self.got[self._report]) > MOST_OUTPUT_BYTES:
                return "output", ""
            now = monotonic()
            if now - looked >= _LOOK_EVERY_S:
                looked = now
                if self._memory_bytes() > jail.MEMORY_BYTES:
                    return "memory", ""
            if now - begun > wall_s:
                waited_s = self._waited_s()
                if now - begun - waited_s > wall_s:
                    return "wall", ""
                if now - begun > _PATIENCE * wall_s:
                    return "starved", f"{waited_s:.0f} s"

    def _read(self, descriptor: int) -> bool:
        part = os.read(descriptor, 2**16)
        self.got[descriptor] += part
        if descriptor == self._report and self._token is not None and self.got[self._report].startswith(_READY):
            with suppress(BrokenPipeError):  # it said so and left
                os.write(self._token_pipe, self._token.encode())
            self._token = None
        return bool(part)

    def _ended(self) -> tuple[str, str]:
        """The code's own process has ended: what it still has in the pipes comes along, its children do not matter."""
        for descriptor in (self._output, self._report):
            os.set_blocking(descriptor, False)
            with suppress(BlockingIOError):
                while len(self.got[descriptor]) <= MOST_OUTPUT_BYTES and self._read(descriptor):
                    pass
        said = self.got[self._status].decode()
        if not said:
            return "refused", "the isolation ended by itself"
        end, _, detail = said.partition(" ")
        return ("output", "") if len(self.got[self._output]) > MOST_OUTPUT_BYTES else (end, detail)

    def _pids(self) -> list[int]:
        """All of the namespace but its first, whose memory is the server's."""
        found: list[int] = []
        waiting = [self._first]
        while waiting:
            try:
                children = Path(f"/proc/{(pid := waiting.pop())}/task/{pid}/children").read_text()
            except OSError:
                continue  # it has ended
            found += (own := [int(each) for each in children.split()])
            waiting += own
        return found

    def _memory_bytes(self) -> int:
        return sum(map(_memory_of, self._pids()))

    def _waited_s(self) -> float:
        """How long the code could have run and was not let, the machine being busy with other things. Nothing where
        there are several processes: they may have waited for each other."""
        pids = self._pids()
        try:
            return int(Path(f"/proc/{pids[0]}/schedstat").read_text().split()[1]) / 1e9 if len(pids) == 1 else 0.0
        except (OSError, IndexError):
            return 0.0


def _memory_of(pid: int) -> int:
    """Pages shared by several processes count in parts; whole where a process does not let that be seen."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0


class _First:
    """The first process of the namespace: builds the walls, starts the code, says how it ended. With it all end."""

    def __init__(
        self, question: dict[str, Any], settings: dict[str, Any], status: int, output: int, report: int, token: int
    ) -> None:
        self._question = question
        self._settings = settings
        self._status, self._output, self._report, self._token = status, output, report, token

    def run(self) -> None:
        try:
            jail.die_with_parent()
            os.setsid()
            files = {name: base64.b64decode(content) for name, content in self._question["files"].items()}
            jail.close_in(self._settings["visible"], self._settings["hidden"], files)
            said = self._how_it_ended(self._start())
        except BaseException as problem:
            said = f"refused {_why(problem)}"
        os.write(self._status, said.encode())
        os._exit(0)

    def _start(self) -> int:
        code = os.fork()
        if code == 0:
            try:
                self._run_code()
            finally:
                os._exit(1)
        return code

    def _how_it_ended(self, code: int) -> str:
        while True:
            pid, status, usage = os.wait4(-1, 0)
            if pid != code:
                continue  # a process that its parent left behind
            used_s = usage.ru_utime + usage.ru_stime
            if not os.WIFSIGNALED(status):
                return f"exit {os.WEXITSTATUS(status)}"
            number = os.WTERMSIG(status)
            # The kernel counts the limit by its own clock ticks: it may strike a little before the time used says so.
            is_limit = number == signal.SIGKILL and used_s > self._question["cpu_s"] - 0.5
            is_limit = is_limit or number == signal.SIGXCPU
            return "cpu" if is_limit else f"signal {number}"

    def _run_code(self) -> None:
        """From here on everything may be the work of others."""
        standard_input = os.memfd_create("input")
        os.write(standard_input, self._question["stdin"].encode())
        os.lseek(standard_input, 0, os.SEEK_SET)
        os.dup2(standard_input, 0)
        os.dup2(self._output, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        report, token = (os.dup(descriptor) for descriptor in (self._report, self._token))
        for descriptor in range(3, max(report, token) + 1):
            if descriptor not in (report, token):
                with suppress(OSError):
                    os.close(descriptor)
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
        sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(number, "w", closefd=False)) for number in (1, 2))
        os.environ.clear()
        sys.path.append(jail.GIVEN)  # last: no file of an answer's making stands for a library
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        for name in [name for name in sys.modules if name.split(".")[0] == "evalharness"]:
            del sys.modules[name]
        driver = drivers.DRIVERS[self._question["driver"]]
        arguments = self._question["arguments"]
        write, dumps, leave = os.write, json.dumps, os._exit
        given: list[bytes] = []

        def ready() -> None:
            write(report, _READY)
            given.append(os.read(token, 64))

        jail.limit(self._question["cpu_s"])
        del self._question, self._settings
        found = driver(arguments, ready)
        if not given:
            ready()
        text = given[0] + dumps(found).encode() + b"\n"
        sent = 0
        while sent < len(text):
            sent += write(report, text[sent:])
        leave(0)
