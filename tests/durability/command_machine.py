"""The real command in any order: runs that end, are killed or interrupted, go on, are begun anew, and are read."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evalharness.store.runs import read_run
from tests.durability.bench import damage, kept, run_folders, served, unaccounted, write_suite
from tests.durability.kills import TIME_SCALE
from tests.durability.stable import Stable
from tests.support.command import Finished

N_CASES = 3
N_TRIALS = 4 * N_CASES
#: Two plans of one suite.
PROMPTS = ("Give only the number.", "Say only the number.")
#: Around the time of the first answers.
moments_s = st.floats(0.0, 0.4)


class Commands(RuleBasedStateMachine):
    """``runs``: each run's committed lines; ``newest``: the run that the same command continues; ``planned``: which of
    the prompts each run was planned with."""

    commands: Stable

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="evalharness-commands-"))
        self._out = self._folder / "reports"
        self._server = self._stack.enter_context(served(self._folder, time_scale=TIME_SCALE))
        self.runs: dict[str, dict[str, str]] = {}
        self.planned: dict[str, str] = {}
        self.newest: str | None = None
        self._change(PROMPTS[0])

    def _change(self, prompt: str) -> None:
        self.prompt = prompt
        self._suite = write_suite(self._folder, self._server.base_url, n_cases=N_CASES, prompt=prompt)

    @property
    def _is_unfinished(self) -> bool:
        return self.newest is not None and len(self.runs[self.newest]) < N_TRIALS

    def _command(self, *options: str, signal_after: tuple[int, float] | None = None) -> Finished:
        """``run``, which a signal may meet. What it left is taken over, after a look at it."""
        arguments = ("run", self._suite, "--out", self._out, "--no-report", "--quiet", *options)
        running = self.commands.start(*arguments, cwd=self._folder)
        if signal_after is not None:
            number, seconds = signal_after
            time.sleep(seconds)
            os.kill(running.pid, number)
        ended = running.wait()
        planned = {folder.name: folder for folder in run_folders(self._out) if read_run(folder) is not None}
        assert set(self.runs) <= set(planned)
        for name, folder in planned.items():
            if name not in self.runs:
                assert not self._is_unfinished or "--fresh" in options, "an unfinished run is continued"
                self.planned[name], self.newest = self.prompt, name
            assert list(damage(folder, self.runs.get(name, {}))) == []
            self.runs[name] = dict(kept(folder))
        return ended

    def _is_refused(self, options: tuple[str, ...]) -> bool:
        is_other = self.newest is not None and self.planned[self.newest] != self.prompt
        return self._is_unfinished and is_other and "--fresh" not in options

    # ------------------------------------------------------------ what is done

    @rule(options=st.sampled_from(((), (), ("--fresh",))))
    def run(self, options: tuple[str, ...]) -> None:
        refused, before = self._is_refused(options), {name: dict(lines) for name, lines in self.runs.items()}
        ended = self._command(*options)
        if refused:
            assert ended.exit_code == 2 and "planned differently" in ended.stderr and "prompts" in ended.stderr
            assert self.runs == before
            return
        assert ended.exit_code == 0, ended.stderr
        assert self.newest is not None and len(self.runs[self.newest]) == N_TRIALS

    @rule(after_s=moments_s, options=st.sampled_from(((), (), ("--fresh",))))
    def run_and_kill(self, after_s: float, options: tuple[str, ...]) -> None:
        refused = self._is_refused(options)
        ended = self._command(*options, signal_after=(signal.SIGKILL, after_s))
        assert ended.exit_code in (-signal.SIGKILL, 2 if refused else 0), ended.stderr

    @rule(after_s=moments_s, number=st.sampled_from((signal.SIGINT, signal.SIGTERM)))
    def run_and_interrupt(self, after_s: float, number: int) -> None:
        """Before it listens, the signal ends it as any process."""
        refused = self._is_refused(())
        ended = self._command(signal_after=(number, after_s))
        assert ended.exit_code in (130, -number, 2 if refused else 0), ended.stderr

    @rule(prompt=st.sampled_from(PROMPTS))
    def change_the_suite(self, prompt: str) -> None:
        self._change(prompt)

    @precondition(lambda self: self.runs)
    @rule(command=st.sampled_from((("verify",), ("show", "c0"), ("export", "--format", "jsonl"), ("report",))))
    def read(self, command: tuple[str, ...]) -> None:
        """Reading changes nothing, whatever state the run is in."""
        name, *more = command
        path = self._out / "kept" / str(self.newest)
        done = self.commands.run(name, path, *more, cwd=self._folder)
        assert done.exit_code == 0, (command, done.stderr)
        if name == "export":
            assert done.stdout.count("\n") == N_TRIALS

    # ------------------------------------------------------------ always

    @invariant()
    def every_run_is_as_it_was_left(self) -> None:
        for name, lines in self.runs.items():
            assert kept(self._out / "kept" / name) == lines

    def teardown(self) -> None:
        """The newest run can be finished, and all that the server saw is recorded."""
        if self.newest is not None:
            self._change(self.planned[self.newest])
            if self._is_unfinished:
                self.run(())
        self._stack.close()
        seen = self._server.seen()
        assert set(seen) <= set(self.runs), "nothing was sent that belongs to no run"
        for name in self.runs:
            assert list(unaccounted(self._out / "kept" / name, seen.get(name, ()))) == []
        shutil.rmtree(self._folder)
