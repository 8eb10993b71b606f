"""What befalls a run on its own machine: each row of the page of durability, brought about below the real command."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from evalharness.app.find import state_of
from evalharness.store import run_store
from evalharness.store.load import lost_attempts
from evalharness.store.reserve import RESERVE_BYTES
from evalharness.store.runs import read_run
from tests.durability.bench import (
    CONCURRENCY,
    RETRIED,
    Served,
    damage,
    kept,
    run_folders,
    served,
    unaccounted,
    write_suite,
)
from tests.durability.faulty_disk import DiskFault, beneath
from tests.durability.kills import TIME_SCALE as KILLED_SCALE
from tests.durability.kills import Killing
from tests.durability.rows import ROWS, Row
from tests.durability.small_disk import SmallDisk, small_disk
from tests.durability.stable import stable
from tests.durability.sweep import KINDS, TIME_SCALE, Sweep, judged
from tests.support.command import Finished, evalharness, started

N_CASES = 12
N_TRIALS = 4 * N_CASES
MIB = 2**20
QUIET = ("--no-report", "--quiet")
#: Requests that nobody answers: what is in flight stays so.
STALLED = "stall;where=first;attempts=every"


@dataclass
class Scene:
    """A suite, the server it asks, and a folder for both."""

    folder: Path
    server: Served
    suite: Path

    @property
    def out(self) -> Path:
        return self.folder / "reports"

    @property
    def run_folder(self) -> Path:
        (folder,) = run_folders(self.out)
        return folder

    def run(self, *options: str, env: Mapping[str, str] | None = None) -> Finished:
        return evalharness("run", self.suite, *options, cwd=self.folder, env=env)

    def fails(self, fault: DiskFault, *options: str) -> Finished:
        return self.run(*options, env=beneath(self.out, fault, self.folder / "calls"))

    def start(self, *options: str, n_attempts: int = 3 * CONCURRENCY) -> subprocess.Popen[str]:
        """In mid-run when this returns: so many attempts were begun."""
        running = started("run", self.suite, "--log", "log", *options, cwd=self.folder)
        log = self.folder / "log"
        while not log.exists() or log.read_text("ascii").count("attempt.started") < n_attempts:
            assert running.poll() is None, running.communicate()
            time.sleep(0.005)
        return running

    def finishes(self) -> None:
        """The same command sends what is left, and nothing of what had ended."""
        folder = self.run_folder
        before = kept(folder)
        assert 0 < len(before) < N_TRIALS
        again = self.run(*QUIET)
        assert again.exit_code == 0, again.stderr
        assert list(damage(self.run_folder, before)) == []
        assert len(kept(folder)) == N_TRIALS

    def state(self) -> str:
        run = read_run(self.run_folder)
        assert run is not None
        return state_of(run)


Scenario = Callable[[Scene, ExitStack], Finished]
SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    def put(made: Scenario) -> Scenario:
        SCENARIOS[name] = made
        return made

    return put


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_befalls_a_run(row: Row, tmp_path: Path) -> None:
    fault, share = (STALLED, 1.0) if row.name == "ctrl-c-twice" else (RETRIED, 0.3)
    with served(tmp_path, time_scale=KILLED_SCALE, fault=fault, share=share) as server, ExitStack() as stack:
        scene = Scene(tmp_path, server, write_suite(tmp_path, server.base_url, n_cases=N_CASES))
        done = SCENARIOS[row.name](scene, stack)
        found = {folder.name: folder for folder in tmp_path.rglob("kept/2*")}
        assert done.exit_code == row.exit_code, done.stderr
        assert row.says in done.stderr
        assert "Traceback" not in done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == (row.exit_code in (2, 5))
    seen = server.seen()
    assert set(seen) <= set(found), "nothing was sent by a run that was refused"
    assert [wrong for name, folder in found.items() for wrong in unaccounted(folder, seen.get(name, ()))] == []


def test_every_row_has_its_scenario() -> None:
    assert set(SCENARIOS) == {row.name for row in ROWS}


# ---------------------------------------------------------------- disks


def sent(server: Served) -> int:
    """Requests that have ended so far; the log is written at most 0.3 s after that."""
    time.sleep(0.5)
    return sum(map(len, server.seen().values()))


@scenario("no-room")
def no_room(scene: Scene, stack: ExitStack) -> Finished:
    disk = stack.enter_context(small_disk(scene.folder / "disk", n_bytes=RESERVE_BYTES // 2))
    done = on_disk(disk, scene)
    assert run_folders(disk.path) == [] and sent(scene.server) == 0
    disk.remount(f"size={4 * RESERVE_BYTES}")
    assert on_disk(disk, scene).exit_code == 0
    taken(disk, scene)
    return done


@scenario("read-only")
def read_only(scene: Scene, stack: ExitStack) -> Finished:
    disk = stack.enter_context(small_disk(scene.folder / "disk", n_bytes=4 * RESERVE_BYTES))
    assert on_disk(disk, scene).exit_code == 0
    n_sent = sent(scene.server)
    disk.remount("ro")
    done = on_disk(disk, scene)
    assert sent(scene.server) == n_sent
    reading = (("list",), ("verify", "latest"), ("show", "latest", "c0"), ("export", "latest", "--format", "jsonl"))
    for command in reading:
        read = disk.evalharness(*command, "--out", disk.mounted, cwd=scene.folder)
        assert read.exit_code == 0, (command, read.stderr)
    taken(disk, scene)
    return done


@scenario("fills-up")
def fills_up(scene: Scene, stack: ExitStack) -> Finished:
    disk = stack.enter_context(small_disk(scene.folder / "disk", n_bytes=RESERVE_BYTES + MIB // 2))
    done = on_disk(disk, scene)
    folder = taken(disk, scene)
    before = kept(folder)
    assert 0 < len(before) < N_TRIALS
    assert list(damage(folder, before)) == []
    assert lost_attempts(folder) == (), "what was in flight has found room"
    stored = read_run(folder)
    assert stored is not None and (stored.manifest.state, stored.manifest.exit_code) == ("aborted", 5)
    with pytest.raises(OSError, match="No space"):
        (disk.path / "ballast").write_bytes(bytes(2 * RESERVE_BYTES))
    refused = on_disk(disk, scene)
    assert refused.exit_code == 5 and "no room for a run" in refused.stderr
    disk.remount(f"size={4 * RESERVE_BYTES}")
    finished = on_disk(disk, scene)
    assert finished.exit_code == 0, finished.stderr
    folder = taken(disk, scene)
    assert list(damage(folder, before)) == []
    assert len(kept(folder)) == N_TRIALS
    return done


def on_disk(disk: SmallDisk, scene: Scene) -> Finished:
    return disk.evalharness("run", scene.suite, "--out", disk.mounted, *QUIET, cwd=scene.folder)


def taken(disk: SmallDisk, scene: Scene) -> Path:
    """A copy of the one run on the disk, where this process can open it."""
    (folder,) = run_folders(disk.path)
    copy = scene.folder / "copy" / "kept" / folder.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    return copy


@scenario("broken-at-the-start")
def broken_at_the_start(scene: Scene, stack: ExitStack) -> Finished:
    done = scene.fails(DiskFault(error="EIO", at=60, lasting=False), *QUIET)
    assert run_folders(scene.out) == []
    assert scene.run(*QUIET).exit_code == 0
    return done


@scenario("breaks")
def breaks(scene: Scene, stack: ExitStack) -> Finished:
    done = scene.fails(DiskFault(error="EIO", at=500, lasting=True), *QUIET)
    assert scene.state() == "killed"
    scene.finishes()
    return done


@scenario("turns-read-only")
def turns_read_only(scene: Scene, stack: ExitStack) -> Finished:
    done = scene.fails(DiskFault(error="EROFS", at=500, lasting=True), *QUIET)
    assert scene.state() == "killed"
    scene.finishes()
    return done


@scenario("no-report")
def no_report(scene: Scene, stack: ExitStack) -> Finished:
    in_the_way = scene.out / "index.html"
    in_the_way.mkdir(parents=True)
    done = scene.run()
    assert len(kept(scene.run_folder)) == N_TRIALS and scene.state() == "complete"
    in_the_way.rmdir()
    assert evalharness("report", "latest", cwd=scene.folder).exit_code == 0
    return done


# ---------------------------------------------------------------- signals


@scenario("killed")
def killed(scene: Scene, stack: ExitStack) -> Finished:
    done = ended_by(scene.start(*QUIET), signal.SIGKILL)
    assert scene.state() == "killed"
    assert len({lost.trial_id for lost in lost_attempts(scene.run_folder)}) <= CONCURRENCY
    scene.finishes()
    return done


@scenario("ctrl-c")
def ctrl_c(scene: Scene, stack: ExitStack) -> Finished:
    return interrupted(scene, signal.SIGINT)


@scenario("sigterm")
def sigterm(scene: Scene, stack: ExitStack) -> Finished:
    return interrupted(scene, signal.SIGTERM)


def interrupted(scene: Scene, number: int) -> Finished:
    done = ended_by(scene.start("--no-report"), number)
    assert "The run is not finished" in done.stdout
    assert scene.state() == "partial"
    assert lost_attempts(scene.run_folder) == (), "calls in flight may end"
    scene.finishes()
    return done


@scenario("ctrl-c-twice")
def ctrl_c_twice(scene: Scene, stack: ExitStack) -> Finished:
    running = scene.start(*QUIET, n_attempts=CONCURRENCY)
    running.send_signal(signal.SIGINT)
    log = scene.folder / "log"
    while "run.stopping" not in log.read_text("ascii"):
        time.sleep(0.005)
    before = time.monotonic()
    done = ended_by(running, signal.SIGINT)
    assert time.monotonic() - before < 9, "well before the grace of ten seconds would have ended"
    assert scene.state() == "partial"
    assert len(lost_attempts(scene.run_folder)) == CONCURRENCY
    return done


def ended_by(running: subprocess.Popen[str], number: int) -> Finished:
    running.send_signal(number)
    stdout, stderr = running.communicate(timeout=30)
    return Finished(running.returncode, stdout, stderr)


# ---------------------------------------------------------------- people


@scenario("second-run")
def second_run(scene: Scene, stack: ExitStack) -> Finished:
    running = scene.start(*QUIET)
    # Held, because it might else be done before the second one is ready.
    running.send_signal(signal.SIGSTOP)
    second = scene.run(*QUIET)
    running.send_signal(signal.SIGCONT)
    assert str(running.pid) in second.stderr
    assert running.poll() is None, "the first goes on"
    running.communicate(timeout=60)
    assert running.returncode == 0
    assert len(kept(scene.run_folder)) == N_TRIALS
    return second


@scenario("changed")
def changed(scene: Scene, stack: ExitStack) -> Finished:
    ended_by(scene.start(*QUIET), signal.SIGINT)
    before = kept(scene.run_folder)
    text = scene.suite.read_text("utf-8")
    scene.suite.write_text(text.replace("Give only", "Say only"), "utf-8")
    done = scene.run(*QUIET)
    assert "prompts" in done.stderr and "--fresh" in done.stderr
    assert kept(scene.run_folder) == before
    scene.suite.write_text(text, "utf-8")
    scene.finishes()
    return done


def test_a_run_that_died_before_it_could_say_that_it_is_done_is_ended_and_not_paid_for_again(tmp_path: Path) -> None:
    with served(tmp_path, time_scale=0) as server:
        scene = Scene(tmp_path, server, write_suite(tmp_path, server.base_url, n_cases=1))
        assert scene.run(*QUIET).exit_code == 0
        n_sent, before = sent(server), kept(scene.run_folder)
        # Opened and never finished: so a kill leaves it that comes after the last result.
        run_store.open(scene.run_folder).close()
        assert scene.state() == "killed"
        assert scene.run(*QUIET).exit_code == 0
        assert (scene.state(), kept(scene.run_folder), sent(server)) == ("complete", before, n_sent)


# ---------------------------------------------------------------- at random


def test_whichever_write_fails_nothing_is_lost_or_sent_in_vain(tmp_path: Path) -> None:
    """A few of all writes: ``python -m tests.durability disk`` takes each in turn."""
    with served(tmp_path, time_scale=TIME_SCALE) as server, stable(tmp_path) as commands:
        sweep = Sweep(tmp_path, server, commands)
        n_calls = sweep.n_calls("ENOSPC")
        for place, (error, lasting) in enumerate(KINDS):
            # Different places for each, all of a run in the end.
            for at in range(30 + 23 * place, n_calls + 1, n_calls // 2):
                sweep.meet(DiskFault(error=error, at=at, lasting=lasting))
    assert list(judged(sweep.cases, server.seen())) == []
    assert sum(case.ended.exit_code == 5 for case in sweep.cases) > len(KINDS)


def test_kill_at_any_moment_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """``python -m tests.durability kill`` makes a thousand."""
    n_kills = 60
    with served(tmp_path, time_scale=KILLED_SCALE) as server, stable(tmp_path) as commands:
        killing = Killing(tmp_path, server, commands, seed=20261123)
        killing.run(n_kills)
    assert list(killing.judged(server.seen())) == []
    assert killing.kills.n == n_kills
