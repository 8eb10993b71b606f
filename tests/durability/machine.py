"""A run's folder under any order of what can be done to it, beside a model that is a few dictionaries.

A kill leaves the bytes that the files have at that moment: the run goes on in a copy of them. A power cut leaves of the
write-ahead log what was synced, and any part of the rest.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evalharness.core.errors import StoreError
from evalharness.core.model import PendingReason, Status
from evalharness.core.record import RunState, TrialResult
from evalharness.store import export, lock, run_store
from evalharness.store.load import earlier_results, load, lost_attempts
from evalharness.store.verify import verify
from tests.support.runs import make_run
from tests.support.stored import append_all, create, rounded

RUN = make_run(arms=2, cases=3, repeats=2, seed=9, failures=0.3)
NAMES = tuple(RUN.results)
RESULTS = {name: rounded(result) for name, result in RUN.results.items()}
Begun = tuple[str, int, int, int]


def cut_off(name: str) -> TrialResult:
    """What a stop leaves of a trial that was tried."""
    result = RUN.results[name]
    return replace(result, status=Status.PENDING, scores={}, failure=None, pending_reason=PendingReason.INTERRUPTED)


class Folder(RuleBasedStateMachine):
    """``stands``: what is stored of a trial, ``earlier``: what was asked again, ``begun``: attempts without an end."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._root = Path(tempfile.mkdtemp(prefix="evalharness-machine-"))
        self._n_copies = 0
        self._store = create(self._root, RUN)
        self.folder = self._store.folder
        self.is_open = True
        self.session = 1
        self.stands: dict[str, TrialResult] = {}
        self.earlier: list[TrialResult] = []
        self.begun: list[Begun] = []
        self.state = RunState.RUNNING
        self._sync()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._loop.run_until_complete(work)

    @property
    def _log(self) -> Path:
        return self.folder / "run.db-wal"

    def _sync(self) -> None:
        """All of the log is on the disk."""
        self._synced = self._log.stat().st_size if self._log.exists() else 0
        self._begun_synced = list(self.begun)

    def _ended(self, name: str) -> bool:
        return name in self.stands and self.stands[name].status is not Status.PENDING

    def _put(self, result: TrialResult) -> None:
        name = result.trial_id
        if name in self.stands:
            self.earlier.append(self.stands.pop(name))
        self.stands[name] = rounded(result)
        self.begun = [each for each in self.begun if (each[0], each[3]) != (name, self.session)]

    # ------------------------------------------------------------ a session

    @precondition(lambda self: self.is_open)
    @rule(name=st.sampled_from(NAMES), turn=st.integers(0, 1), attempt=st.integers(0, 2))
    def begin(self, name: str, turn: int, attempt: int) -> None:
        self._do(self._store.begin_attempt(name, turn, attempt))
        self.begun.append((name, turn, attempt, self.session))

    @precondition(lambda self: self.is_open)
    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1, max_size=4))
    def end(self, names: set[str]) -> None:
        """Several at once, which share a commit."""
        left = sorted(name for name in names if not self._ended(name))

        async def together() -> None:
            await asyncio.gather(*(self._store.append(RUN.results[name]) for name in left))

        self._do(together())
        for name in left:
            self._put(RUN.results[name])
        self._sync()

    @precondition(lambda self: self.is_open)
    @rule(name=st.sampled_from(NAMES))
    def stop_in_mid_trial(self, name: str) -> None:
        if self._ended(name):
            return
        self._do(self._store.append(cut_off(name)))
        self._put(cut_off(name))
        self._sync()

    @precondition(lambda self: self.is_open)
    @rule(name=st.sampled_from((*NAMES, "never-planned")))
    def end_what_must_not(self, name: str) -> None:
        """A second end, or that of a trial nobody planned, is refused and changes nothing."""
        if name in NAMES and not self._ended(name):
            return
        result = replace(RUN.results[NAMES[0]], trial_id=name)
        try:
            self._do(self._store.append(result))
        except StoreError:
            self._sync()
            return
        raise AssertionError(f"{name} has ended twice, or was never planned")

    @precondition(lambda self: self.is_open)
    @rule(names=st.sets(st.sampled_from(NAMES), max_size=3))
    def ask_again(self, names: set[str]) -> None:
        again = sorted(name for name in names if self._ended(name))
        self._do(self._store.reopen(again))
        self.earlier += [self.stands.pop(name) for name in again]
        self._sync()

    @precondition(lambda self: self.is_open)
    @rule(state=st.sampled_from((RunState.COMPLETE, RunState.PARTIAL, RunState.ABORTED)))
    def finish(self, state: RunState) -> None:
        self._do(self._store.finish(replace(RUN.manifest, state=state)))
        self.state = state
        self._sync()

    # ------------------------------------------------------------ between sessions

    @precondition(lambda self: self.is_open)
    @rule()
    def close(self) -> None:
        self._store.close()
        self.is_open = False
        self._sync()

    @precondition(lambda self: not self.is_open)
    @rule()
    def resume(self) -> None:
        with lock.hold(self.folder.parent):
            self._store = run_store.open(self.folder)
        self.is_open = True
        self.session += 1
        self.state = RunState.RUNNING
        self._sync()

    @precondition(lambda self: self.is_open)
    @rule()
    def kill(self) -> None:
        self._go_on_in_a_copy(self._log.stat().st_size if self._log.exists() else 0)

    @precondition(lambda self: self.is_open)
    @rule(share=st.floats(0, 1))
    def cut_power(self, share: float) -> None:
        """Attempts that were begun since the last result may be forgotten, the last ones first; nothing else."""
        size = self._log.stat().st_size if self._log.exists() else 0
        before = self.begun
        self._go_on_in_a_copy(self._synced + round(share * (size - self._synced)))
        self.begun = stored_begun(self.folder)
        assert self.begun == before[: len(self.begun)], "what was begun first is forgotten last"
        assert len(self.begun) >= len(self._begun_synced)
        self._begun_synced = list(self.begun)

    def _go_on_in_a_copy(self, n_log_bytes: int) -> None:
        self._n_copies += 1
        copy = self._root / f"copy-{self._n_copies}" / self.folder.name
        copy.mkdir(parents=True)
        shutil.copyfile(self.folder / "run.db", copy / "run.db")
        if self._log.exists():
            (copy / "run.db-wal").write_bytes(self._log.read_bytes()[:n_log_bytes])
        self._store.close()
        shutil.rmtree(self.folder.parent)
        self.folder, self.is_open = copy, False

    # ------------------------------------------------------------ always

    @invariant()
    def is_what_was_done(self) -> None:
        record = load(self.folder)
        for name in NAMES:
            if name in self.stands:
                assert record.results[name] == self.stands[name]
            else:
                assert record.results[name].status is Status.PENDING and not record.results[name].calls
        assert earlier_results(self.folder) == tuple(self.earlier)
        assert stored_begun(self.folder) == self.begun
        assert record.manifest.state is self.state

    @rule()
    def verify(self) -> None:
        assert verify(self.folder) == []

    def teardown(self) -> None:
        """Whatever happened, the run can be finished, and its export is that of a run to which nothing did."""
        if not self.is_open:
            self.resume()
        self.end(set(NAMES))
        self.finish(RunState.COMPLETE)
        self.close()
        self.is_what_was_done()
        assert verify(self.folder) == []
        assert exported(self.folder) == _whole()
        self._loop.close()
        shutil.rmtree(self._root)


def stored_begun(folder: Path) -> list[Begun]:
    return [(each.trial_id, each.turn_index, each.attempt_index, each.session) for each in lost_attempts(folder)]


def exported(folder: Path) -> bytes:
    return export.load("jsonl").export(load(folder))


_WHOLE: list[bytes] = []


def _whole() -> bytes:
    if not _WHOLE:
        with tempfile.TemporaryDirectory() as out:
            with create(Path(out), RUN) as store:
                append_all(store, RUN.results.values())
                asyncio.run(store.finish(RUN.manifest))
            _WHOLE.append(exported(store.folder))
    return _WHOLE[0]
