"""Every call that writes made to fail in turn, below the real command.

What has to follow: the command says so in one line and ends with 5 (or is whole, where the call did not matter), no
more requests go out than were about to, what was committed is there, and the same command finishes the run when the
disk works.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalharness.store import load
from evalharness.store.run_store import END_IN_DOUBT
from tests.durability.bench import (
    CONCURRENCY,
    Served,
    damage,
    kept,
    run_folders,
    unaccounted,
    without_times,
    write_suite,
)
from tests.durability.faulty_disk import DiskCall, DiskFault, beneath, calls
from tests.durability.stable import Stable
from tests.support.command import Finished

N_CASES = 2
#: Calls last about 20 ms, so that some are in flight at most moments.
TIME_SCALE = 0.02
#: A disk without room, one that breaks, and one that is mounted read-only by the kernel after an error.
KINDS = (("ENOSPC", False), ("ENOSPC", True), ("EIO", False), ("EIO", True), ("EROFS", True))
_STORE_ALONE = ("--no-report", "--quiet")


@dataclass(kw_only=True)
class Case:
    """One fault. ``met``: the call that failed first, None where there was none so late. ``left``: the run's
    folder, None where it was refused."""

    fault: DiskFault
    ended: Finished
    met: DiskCall | None
    out: Path
    ended_ns: int
    left: Path | None
    wrong: list[str] = field(default_factory=list)


class Sweep:
    """Runs under faults against one server; judge them when that has ended and its log is whole."""

    def __init__(
        self, folder: Path, server: Served, commands: Stable, *, options: Sequence[str] = _STORE_ALONE
    ) -> None:
        self._folder = folder
        self._commands = commands
        self._options = options
        self._suite = write_suite(folder, server.base_url, n_cases=N_CASES)
        self.cases: list[Case] = []
        whole = self._run(folder / "whole")
        assert whole.exit_code == 0, whole.stderr
        self._reference = without_times(run_folders(folder / "whole")[0])

    def n_calls(self, error: str) -> int:
        """How many calls of a run without a fault could fail so."""
        out = self._folder / f"counted-{error}"
        ended, made = self._broken(out, DiskFault(error=error, at=0, lasting=False))
        assert ended.exit_code == 0, ended.stderr
        return len(made)

    def meet(self, fault: DiskFault) -> Case:
        """One run with the fault and one without, and what was wrong with either."""
        out = self._folder / f"{len(self.cases)}-{fault.error}"
        ended, made = self._broken(out, fault)
        ended_ns = time.monotonic_ns()
        met = next((call for call in made if call.failed), None)
        left = next(iter(run_folders(out)), None)
        case = Case(fault=fault, ended=ended, met=met, out=out, ended_ns=ended_ns, left=left)
        self.cases.append(case)
        case.wrong += self._said_wrong(case)
        before = {}
        if left is not None:
            before = kept(left)
            case.wrong += damage(left, before)
        case.wrong += self._not_gone_on(case, before)
        return case

    def _run(self, out: Path, env: Mapping[str, str] | None = None) -> Finished:
        return self._commands.run("run", self._suite, "--out", out, *self._options, cwd=self._folder, env=env)

    def _broken(self, out: Path, fault: DiskFault) -> tuple[Finished, list[DiskCall]]:
        log = out.with_suffix(".calls")
        ended = self._run(out, beneath(out, fault, log))
        return ended, calls(log)

    def _said_wrong(self, case: Case) -> Iterator[str]:
        ended = case.ended
        errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
        if ended.exit_code == 5:
            if len(errors) != 1 or str(case.out) not in errors[0] or "Traceback" in ended.stderr:
                yield f"not one line with path and cause: {ended.stderr!r}"
        elif ended.exit_code != 0 or errors:
            yield f"exit code {ended.exit_code}: {ended.stderr!r}"
        elif without_times(run_folders(case.out)[0]) != self._reference:
            yield "exit code 0, and the run is not whole"

    def _not_gone_on(self, case: Case, before: Mapping[str, str]) -> Iterator[str]:
        again = self._run(case.out)
        folders = run_folders(case.out)
        if again.exit_code != 0:
            yield f"the same command ends with {again.exit_code}: {again.stderr!r}"
            return
        # A run that was whole is followed by another; one whose last sync failed may be, and its command says so.
        is_followed = case.ended.exit_code == 0 and bool(before) and _is_whole(before)
        allowed = {1, 2} if END_IN_DOUBT in case.ended.stderr and _is_whole(before) else {1 + is_followed}
        if len(folders) not in allowed:
            yield f"{len(folders)} runs in place of {min(allowed)}"
        if case.left is not None:
            yield from damage(case.left, before)
        for folder in folders:
            if without_times(folder) != self._reference:
                yield f"{folder.name}: its export is not that of a run without a fault"
        litter = {path.name for path in (case.out / "kept").iterdir()} - {folder.name for folder in folders}
        if litter - {".lock", "trend.html"}:
            yield f"left behind: {sorted(litter)}"


def _is_whole(lines: Mapping[str, str]) -> bool:
    return len(lines) == 4 * N_CASES


def judged(cases: Iterable[Case], seen: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """All that was wrong, of a sweep whose server has ended. ``seen``: its requests by run id."""
    for case in cases:
        wrong = list(case.wrong)
        for folder in run_folders(case.out):
            wrong += unaccounted(folder, seen.get(folder.name, ()))
        wrong += _sent_on(case, [entry for entries in seen.values() for entry in entries])
        wrong += _room_not_used(case)
        where = f" ({case.met.call} {case.met.name})" if case.met else ""
        yield from (f"{case.fault}{where}: {each}" for each in wrong)


def _sent_on(case: Case, seen: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One run goes on at a time, so the moment says whose request it is, also where its folder is gone."""
    if case.met is None or case.ended.exit_code == 0:
        return
    n_later = sum(case.met.at_ns < entry["read_ns"] < case.ended_ns for entry in seen)
    n_allowed = CONCURRENCY if case.left else 0
    if n_later > n_allowed:
        yield f"{n_later} requests went out after the disk had failed, {n_allowed} could have been on their way"


def _room_not_used(case: Case) -> Iterator[str]:
    """A disk that fills up once is what the reserve is for: what was in flight is stored."""
    fault, met, folder = case.fault, case.met, case.left
    if met and folder and (fault.error, fault.lasting, met.call, met.name) == ("ENOSPC", False, "write", "run.db-wal"):
        lost = load.lost_attempts(folder)
        if lost:
            yield f"{len(lost)} answers were not stored although there was a reserve"


def table(cases: Sequence[Case]) -> list[Mapping[str, Any]]:
    """For each kind of fault: how many calls failed in turn, and how many runs were whole all the same."""
    rows = []
    for error, lasting in KINDS:
        chosen = [case for case in cases if (case.fault.error, case.fault.lasting) == (error, lasting)]
        n_whole = sum(case.ended.exit_code == 0 for case in chosen)
        rows.append({"error": error, "lasting": lasting, "n": len(chosen), "n_whole": n_whole})
    return rows
