"""A course of faults through the real command: the suite, the fault file, the run, and what server and store say."""

from __future__ import annotations

import datetime
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trustme

from evalharness.core.model import Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.store import load
from tests.support.command import PROGRAM, environment
from tests.support.fault_rows import CONDITIONS, ROWS, Conditions, Course, FaultRow, Place
from tests.support.servers import simulator

_SUITE = """
suite: faults
endpoints:
  e: {{base_url: "{base_url}", model: sim-mini, api_key_env: FAULTS_KEY, {endpoint}}}
{request}
prompts: {{plain: "{{{{ question }}}}"}}
cases:
{cases}
graders:
  - {{id: answer, type: numeric, expected: "{{{{ expected }}}}"}}
load: {{{load}}}
"""
_KEY = "sk-faults-0123456789"
_Certified = tuple[Mapping[str, str], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class FaultRun:
    """What one run left. ``log`` is the server's, by case; ``most_bytes``: the most memory the command ever had."""

    exit_code: int
    stdout: str
    stderr: str
    record: RunRecord
    results: Mapping[str, TrialResult]
    log: Mapping[str, Sequence[Mapping[str, Any]]]
    most_bytes: int
    n_elsewhere: int

    def case_of(self, row: FaultRow) -> str:
        """The case that the row speaks of: its own; where all share the fault, the one that failed, or the last."""
        if not CONDITIONS[row.course].shared:
            return row.name
        failed = [name for name, result in self.results.items() if result.status is Status.ERROR]
        return failed[0] if failed else max(self.log, key=lambda name: self.log[name][0]["read_ns"])


def rows_of(course: Course, *, once: bool) -> list[FaultRow]:
    return [row for row in ROWS if row.course is course and (row.is_retried or not once)]


def fault_run(course: Course, folder: Path, *, once: bool = False) -> FaultRun:
    """One run over all rows of the course. ``once``: each fault meets the first attempt alone."""
    conditions, rows = CONDITIONS[course], rows_of(course, once=once)
    names = [row.name for row in rows] + [f"control-{_letters(n)}" for n in range(conditions.n_controls)]
    # A first attempt alone is what a fault meets by itself.
    attempts = "" if once or course is Course.WAITS else ";attempts=every"
    with ExitStack() as stack:
        elsewhere = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/v1/responses"
        rules = [
            {
                "fault": row.fault.format(elsewhere=address) + attempts,
                "contains": "(" if conditions.shared else f"({row.name})",
            }
            for row in rows
            if row.fault
        ]
        if course is Course.HARMLESS:
            # The other one with the same id.
            rules.append({"fault": "repeated_id", "contains": "(control-a)"})
        certified = _CERTIFICATES.get(conditions.place)
        trusted, arguments = ({}, ()) if certified is None else certified(folder)
        server = stack.enter_context(
            simulator(faults={"rules": rules}, folder=folder, truth_log=folder / "truth.jsonl", arguments=arguments)
        )
        base_url = server.base_url
        if conditions.place is Place.NOBODY:
            base_url = _unused_address()
        elif conditions.place is Place.FULL_QUEUE:
            base_url = stack.enter_context(_full_queue())
        _write_suite(folder / "suite.yaml", base_url, names, conditions)
        exit_code, most_bytes = _run(folder, trusted)
        log = server.log()
        n_elsewhere = _n_waiting(elsewhere)
    record = load.load(next((folder / "reports" / "faults").glob("2*")))
    case_of = {trial.trial_id: trial.case_id for trial in record.plan.trials}
    by_case: dict[str, list[Mapping[str, Any]]] = {name: [] for name in names}
    for entry in sorted(log, key=lambda entry: entry["read_ns"]):
        by_case[case_of[entry["client_request_id"].split(".")[1]]].append(entry)
    return FaultRun(
        exit_code=exit_code,
        stdout=(folder / "stdout").read_text(encoding="utf-8"),
        stderr=(folder / "stderr").read_text(encoding="utf-8"),
        record=record,
        results={case_of[trial_id]: result for trial_id, result in record.results.items()},
        log=by_case,
        most_bytes=most_bytes,
        n_elsewhere=n_elsewhere,
    )


def _letters(n: int) -> str:
    """Without digits, which would be numbers of the problem: a, b, ... z, za, zb ..."""
    return "z" * (n // 25) + "abcdefghijklmnopqrstuvwxy"[n % 25]


def _write_suite(path: Path, base_url: str, names: Sequence[str], conditions: Conditions) -> None:
    cases = "\n".join(
        f'  - {{id: {name}, vars: {{question: "({name}) What is 14 + 20?"}}, expected: "34"}}' for name in names
    )
    text = _SUITE.format(
        base_url=base_url,
        endpoint=conditions.endpoint,
        request=conditions.request,
        cases=cases,
        load=conditions.load,
    )
    path.write_text(text, encoding="utf-8")


def _run(folder: Path, variables: Mapping[str, str]) -> tuple[int, int]:
    """Exit code, and the most memory in bytes. What a process is said to have used when it is waited for counts that of
    the test process it was forked from; what the kernel says of its memory while it lives does not."""
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        running = subprocess.Popen(
            [PROGRAM, "run", "suite.yaml", "--no-report"], cwd=folder,
            env=environment({"FAULTS_KEY": _KEY, **variables}),
            stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        peak_bytes = 0
        while running.poll() is None:
            peak_bytes = max(peak_bytes, _peak_bytes(running.pid))
            time.sleep(0.01)
    return running.returncode, peak_bytes


def _peak_bytes(pid: int) -> int:
    """The most that a living process has had in memory; 0 where it has ended, or the kernel is not Linux."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def _unused_address() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/v1"


@contextmanager
def _full_queue() -> Iterator[str]:
    """Somebody listens and takes no connection: once two wait, Linux answers no further one, not even to refuse it."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def _certified(folder: Path, *, host: str = "127.0.0.1", is_known: bool = True, days: int = 1) -> _Certified:
    """The variables that make an authority known, and what the simulator needs to show a certificate of it."""
    authority = trustme.CA()
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    authority.issue_cert(host, not_after=until).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    known = {"SSL_CERT_FILE": str(folder / "authority.pem")} if is_known else {}
    return known, ("--tls-cert", str(folder / "server.pem"))


_CERTIFICATES: Mapping[Place, Callable[[Path], _Certified]] = {
    Place.EXPIRED: partial(_certified, days=-1),
    Place.OTHER_HOST: partial(_certified, host="other.example"),
    Place.UNTRUSTED: partial(_certified, is_known=False),
}


def _n_waiting(listener: socket.socket) -> int:
    """Connections that somebody made to it."""
    listener.setblocking(False)
    n_waiting = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return n_waiting
        n_waiting += 1
