"""A suite of small sums through the real command, to any address, and what it left."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.core.record import RunRecord, TrialResult
from evalharness.store.load import load as load_record
from tests.support.command import PROGRAM, environment

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


@dataclass(frozen=True, kw_only=True)
class CommandRun:
    """What one run left. ``results`` by case; ``most_bytes``: the most memory the command ever had."""

    exit_code: int
    stdout: str
    stderr: str
    record: RunRecord
    results: Mapping[str, TrialResult]
    most_bytes: int

    @property
    def printed(self) -> str:
        """Both outputs, without their line breaks."""
        return " ".join((self.stdout + self.stderr).split())

    def by_case(self, log: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
        """What a server saw of each case, in order. Every request has to say whose it is."""
        case_of = {trial.trial_id: trial.case_id for trial in self.record.plan.trials}
        sorted_log: dict[str, list[Mapping[str, Any]]] = {name: [] for name in self.results}
        for entry in sorted(log, key=lambda entry: entry["read_ns"]):
            sorted_log[case_of[entry["client_request_id"].split(".")[1]]].append(entry)
        return sorted_log


def run_cases(
    folder: Path,
    base_url: str,
    names: Sequence[str],
    *,
    endpoint: str = "",
    request: str = "",
    load: str = "concurrency: 1",
    variables: Mapping[str, str] | None = None,
    program: Sequence[str] = (PROGRAM,),
) -> CommandRun:
    """``endpoint``, ``request``, ``load``: YAML for the suite. A case's question begins with its name in brackets."""
    _write_suite(folder / "suite.yaml", base_url, names, endpoint=endpoint, request=request, load=load)
    exit_code, most_bytes = _run(folder, program, variables or {})
    record = load_run(folder)
    case_of = {trial.trial_id: trial.case_id for trial in record.plan.trials}
    return CommandRun(
        exit_code=exit_code,
        stdout=(folder / "stdout").read_text(encoding="utf-8"),
        stderr=(folder / "stderr").read_text(encoding="utf-8"),
        record=record,
        results={case_of[trial_id]: result for trial_id, result in record.results.items()},
        most_bytes=most_bytes,
    )


def load_run(folder: Path) -> RunRecord:
    return load_record(next((folder / "reports" / "faults").glob("2*")))


def letters(n: int) -> str:
    """Without digits, which would be numbers of the problem: a, b, ... z, za, zb ..."""
    return "z" * (n // 25) + "abcdefghijklmnopqrstuvwxy"[n % 25]


def unused_address() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/v1"


def _write_suite(path: Path, base_url: str, names: Sequence[str], *, endpoint: str, request: str, load: str) -> None:
    cases = "\n".join(
        f'  - {{id: {name}, vars: {{question: "({name}) What is 14 + 20?"}}, expected: "34"}}' for name in names
    )
    text = _SUITE.format(base_url=base_url, endpoint=endpoint, request=request, cases=cases, load=load)
    path.write_text(text, encoding="utf-8")


def _run(folder: Path, program: Sequence[str], variables: Mapping[str, str]) -> tuple[int, int]:
    """Exit code, and the most memory in bytes. What a process is said to have used when it is waited for counts that of
    the test process it was forked from; what the kernel says of its memory while it lives does not."""
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        running = subprocess.Popen(
            [*program, "run", "suite.yaml", "--no-report"], cwd=folder,
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
