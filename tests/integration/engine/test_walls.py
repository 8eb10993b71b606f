"""Code that attacks the walls it runs in. The kernel of this machine answers: where it cannot isolate, these fail."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalharness.core.errors import UsageError
from evalharness.core.ports import CodeAnswer, CodeEnd, CodeQuestion
from evalharness.engine import sandbox
from evalharness.engine.isolated import jail
from tests.support.isolation import Run, isolation

MIB = 2**20


@pytest.fixture(scope="module")
def secret_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As of a run: its database, a file to lead astray with a link."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "run.db").write_text("answers")
    return folder


@pytest.fixture(scope="module")
def run(secret_folder: Path) -> Iterator[Run]:
    with isolation(hidden=[secret_folder]) as asked:
        yield asked


def told(run: Run, code: str, *, cpu_s: int = 5) -> CodeAnswer:
    """The code as a program."""
    return run(CodeQuestion(driver="program", arguments={"code": code}, cpu_s=cpu_s))


def printed(run: Run, code: str) -> str:
    answer = told(run, code)
    assert answer.end is CodeEnd.EXIT, answer
    assert answer.report == {}, answer
    return answer.stdout.strip()


def refused(run: Run, statement: str) -> str:
    """The name of the exception that ``statement`` ends with."""
    return printed(
        run,
        f"import os, socket, ctypes, sys, subprocess\ntry:\n    {statement}\nexcept Exception as problem:\n"
        "    print(type(problem).__name__)\nelse:\n    print('done')",
    )


def test_environment_is_empty(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"key-{secrets.token_hex(8)}"
    monkeypatch.setenv("SOME_API_KEY", key)
    assert printed(run, "import os; print(dict(os.environ))") == "{}"
    with isolation() as fresh:  # a process that was started while the key was there
        assert key not in printed(fresh, "import os, ctypes; print(ctypes.CDLL(None).getenv(b'SOME_API_KEY'))")
        assert refused(fresh, "open('/proc/self/environ')") == "FileNotFoundError"


@pytest.mark.parametrize(
    "path",
    ["/proc/1/environ", "/proc/self/mem", "/etc/passwd", "/bin/sh", "/usr/bin/env", "/sys", "/dev/kmsg", "/old", "/var",
     str(Path.home() / ".bashrc"), str(Path.home() / ".ssh"), __file__, "../../etc/passwd"],
)  # fmt: skip
def test_file_outside_is_not_there(run: Run, path: str) -> None:
    assert printed(run, f"import os; print(os.path.lexists({path!r}))") == "False"


def test_stored_runs_are_not_there_and_links_lead_nowhere(run: Run, secret_folder: Path) -> None:
    database = str(secret_folder / "run.db")
    assert printed(run, f"import os; print(os.path.exists({database!r}))") == "False"
    assert refused(run, f"os.symlink({database!r}, 'here'); open('here').read()") == "FileNotFoundError"
    assert refused(run, f"os.chdir('/'); os.chdir('..'); open({database!r})") == "FileNotFoundError"


def test_folder_below_a_library_is_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As of runs kept below /usr/lib: what is mounted for its libraries must not show them."""
    runs = tmp_path / "lib" / "reports"
    runs.mkdir(parents=True)
    (runs / "run.db").write_text("answers")
    (tmp_path / "lib" / "library.py").write_text("")
    visible = sandbox._visible()
    monkeypatch.setattr(sandbox, "_visible", lambda: [*visible, str(tmp_path / "lib")])
    with isolation(hidden=[runs]) as run:
        shown = [str(runs), str(tmp_path / "lib")]
        listed = printed(run, f"import os; print([sorted(os.listdir(each)) for each in {shown}])")
        assert listed == "[[], ['library.py', 'reports']]"
    with pytest.raises(UsageError, match="run\\.db"), monkeypatch.context() as other:
        other.setattr(sandbox.Sandbox, "_masked", lambda *_: [])
        with isolation(hidden=[runs]):
            pass


@pytest.mark.parametrize(
    "path", ["/written", "/usr/lib/written", "/dev/written", str(Path(os.__file__).parent / "written.py")]
)
def test_nothing_outside_the_work_folder_is_written(run: Run, path: str) -> None:
    assert refused(run, f"open({path!r}, 'w')") in ("OSError", "PermissionError")


def test_work_folder_is_empty_and_of_this_answer_alone(run: Run) -> None:
    code = "import os; print(os.listdir('.')); open('left', 'w').write('x'); print(os.listdir('.'))"
    assert [printed(run, code) for _ in range(2)] == ["[]\n['left']"] * 2


def test_no_socket_leads_anywhere(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert refused(run, f"socket.create_connection(('127.0.0.1', {port}), 1)") == "PermissionError"
    with socket.socket(socket.AF_UNIX) as abstract:
        name = f"\0{secrets.token_hex(8)}"
        abstract.bind(name)
        abstract.listen()
        assert refused(run, f"socket.socket(socket.AF_UNIX).connect({name!r})") == "ConnectionRefusedError"
    for family in ("AF_INET6", "AF_VSOCK", "AF_NETLINK", "AF_PACKET"):
        assert refused(run, f"socket.socket(socket.{family}, socket.SOCK_RAW)") == "PermissionError"
    assert refused(run, "socket.getaddrinfo('example.org', 80)") == "gaierror"


def test_network_is_closed_without_the_filter_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second wall is there where the first has a hole."""
    weakened = sandbox._PROGRAM.replace("server.main()", "server.jail._filter_calls = lambda: None; server.main()")
    monkeypatch.setattr(sandbox, "_PROGRAM", weakened)
    with socket.create_server(("127.0.0.1", 0)) as listening, isolation() as run:
        port = listening.getsockname()[1]
        assert refused(run, f"socket.create_connection(('127.0.0.1', {port}), 1)") == "OSError"


@pytest.mark.parametrize(
    "statement",
    [
        "os.setuid(0)",
        "os.execv(sys.executable, [sys.executable])",
        "subprocess.run(['true'])",
        "os.chroot('/tmp')",
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
        "os.nice(-5)",
        "os.kill(1, 9) or os.kill(1, 0) or 1 / 0",  # the first process takes no signal from inside
        *(
            f"1 / (ctypes.CDLL(None).{call} + 1)"
            for call in ("unshare(0x10000000)", "ptrace(16, 1, 0, 0)", "shmget(0, 4096, 0o1600)", "umount2(b'/', 2)")
        ),
        "1 / (ctypes.CDLL(None).syscall(56, 0x10000000 | 17, 0, 0, 0, 0) + 1)",
        "1 / (ctypes.CDLL(None).syscall(435, 0, 0) + 1)",
    ],
)
def test_no_way_to_more_rights(run: Run, statement: str) -> None:
    # OSError: an id that this user namespace does not have
    assert refused(run, statement) in ("PermissionError", "ZeroDivisionError", "FileNotFoundError", "OSError")


def test_parents_cannot_be_looked_into_or_killed(run: Run) -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(8)
print(os.getppid(), libc.process_vm_readv(1, buffer, 1, buffer, 1, 0))
for pid in range(1, 200):
    if pid != os.getpid():
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
print('alive')"""
    assert printed(run, code) == "1 -1\nalive"
    assert printed(run, "print(1)") == "1"


def test_fork_bomb_ends_at_16_processes(run: Run) -> None:
    code = """
import os, time
n = 0
try:
    while n < 500:
        if os.fork() == 0:
            time.sleep(60)
        n += 1
except BlockingIOError:
    print(n)"""
    assert int(printed(run, code)) <= 16
    explosion = """
import os, time
end = time.monotonic() + 0.5
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        pass
time.sleep(600 if os.getppid() != 1 else 0)"""
    assert told(run, explosion).end is CodeEnd.EXIT
    assert_all_ended()


def assert_all_ended() -> None:
    """No process of this test's servers has a child, a moment later."""
    deadline = time.monotonic() + 10
    while any(children_of(server) for server in children_of(os.getpid())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_memory_ends_at_512_mib_for_all_processes_together(run: Run) -> None:
    one = told(run, f"block = bytearray(600 * {MIB})")
    assert one.report == {"failed": "out of memory (line 1)"}
    eight = f"""
import os, time
for _ in range(3): os.fork()
block = bytearray(b'x') * (100 * {MIB})
time.sleep(60)"""
    assert told(run, eight).end is CodeEnd.MEMORY


def test_disk_ends_at_a_file_of_1_mib_and_16_mib_in_all(run: Run) -> None:
    assert refused(run, f"os.posix_fallocate(os.open('big', os.O_CREAT | os.O_RDWR), 0, {MIB + 1})") == "OSError"
    fill = f"""
n = 0
try:
    while n < 100:
        open(f'file{{n}}', 'wb').write(bytes({MIB}))
        n += 1
except OSError:
    print(n)"""
    assert 10 <= int(printed(run, fill)) <= 16
    assert refused(run, f"os.truncate(os.memfd_create('m'), 2 * {MIB})") == "OSError"


def test_output_without_end_is_cut(run: Run) -> None:
    answer = told(run, "while True: print('x' * 100_000)")
    assert answer.end is CodeEnd.OUTPUT
    assert len(answer.stdout) < 3 * MIB


def test_time_ends(run: Run) -> None:
    assert told(run, "while True: pass", cpu_s=1).end is CodeEnd.CPU
    stubborn = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert told(run, stubborn, cpu_s=1).end is CodeEnd.CPU
    assert told(run, "import time; time.sleep(60)", cpu_s=1).end is CodeEnd.WALL


def test_daemon_ends_with_its_answer(run: Run) -> None:
    daemon = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
else:
    print('gone')"""
    assert printed(run, daemon) == "gone"
    assert_all_ended()


def test_crash_is_told_with_its_signal(run: Run) -> None:
    answer = told(run, "import ctypes; ctypes.string_at(0)")
    assert (answer.end, answer.detail) == (CodeEnd.SIGNAL, "11")


def test_answers_do_not_see_each_other(run: Run) -> None:
    mark = secrets.token_hex(8)
    told(run, f"import sys, builtins; sys.mark = builtins.mark = {mark!r}")
    assert printed(run, "import sys, builtins; print(hasattr(sys, 'mark'), hasattr(builtins, 'mark'))") == "False False"
    # All memory that can be read in a second process: the mark is nowhere but in the search itself.
    search = """
import ctypes, gc, sys
print(any(MARK[::-1] in str(each) for each in gc.get_objects() if type(each) is dict and each is not globals()))"""
    assert printed(run, search.replace("MARK", repr(mark[::-1]))) == "False"


def test_everything_ends_when_the_asker_is_killed(tmp_path: Path) -> None:
    """kill -9 of a run takes with it what it had started."""
    program = tmp_path / "asks.py"
    program.write_text(
        "from tests.support.isolation import isolation\n"
        "from evalharness.core.ports import CodeQuestion\n"
        "with isolation() as run:\n"
        "    print('ready', flush=True)\n"
        "    run(CodeQuestion(driver='program', arguments={'code': 'import time; time.sleep(60)'}, cpu_s=30))\n"
    )
    root = str(Path(__file__).parents[3])
    environ = {**os.environ, "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}"}
    asker = subprocess.Popen([sys.executable, program], cwd=root, env=environ, stdout=subprocess.PIPE)
    assert asker.stdout is not None
    with asker, asker.stdout:
        assert asker.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        servers = children_of(asker.pid)
        inside = [each for server in servers for each in children_of(server)]
        asker.send_signal(signal.SIGKILL)
        asker.wait()
        assert servers and inside
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in (*servers, *inside)):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_many_ask_at_once(run: Run) -> None:
    """One server, one answer each: none gets that of another."""

    async def all_of_them() -> list[CodeAnswer]:
        async with sandbox.Sandbox(files=(), read_bytes=lambda _: b"", hidden=()) as asked:
            questions = [CodeQuestion(driver="program", arguments={"code": f"print({n})"}) for n in range(40)]
            return await asyncio.gather(*map(asked.run, questions))

    assert [answer.stdout for answer in asyncio.run(all_of_them())] == [f"{n}\n" for n in range(40)]


# ---------------------------------------------------------------- refused, never weaker


STEPS = ("enter_user_and_pid", "die_with_parent", "close_in", "_unshare", "_new_root", "_set_attributes",
         "_drop_capabilities", "_filter_calls", "_prctl", "limit")  # fmt: skip


def broken_wall(monkeypatch: pytest.MonkeyPatch, step: str, replacement: str) -> None:
    assert hasattr(jail, step)
    changed = f"setattr(server.jail, {step!r}, {replacement}); server.main()"
    monkeypatch.setattr(sandbox, "_PROGRAM", sandbox._PROGRAM.replace("server.main()", changed))


@pytest.mark.parametrize("step", STEPS)
def test_wall_that_cannot_be_built_is_a_refusal(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    broken_wall(monkeypatch, step, "lambda *_, **__: (_ for _ in ()).throw(OSError(1, 'not permitted here'))")
    with pytest.raises(UsageError, match="cannot be isolated") as refusal, isolation():
        pass
    assert "Ubuntu" in (refusal.value.hint or "")


@pytest.mark.parametrize("step", ["enter_user_and_pid", "_new_root", "limit"])
def test_wall_that_is_missing_is_a_refusal(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The kernel said yes and did nothing: a look from inside tells."""
    broken_wall(monkeypatch, step, "lambda *_, **__: None")
    with pytest.raises(UsageError, match="cannot be isolated"), isolation():
        pass


def test_other_systems_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    with pytest.raises(UsageError, match="cannot be isolated on darwin"), isolation():
        pass
