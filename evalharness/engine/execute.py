"""All pending trials, stretch after stretch of the load: one task group each, nothing outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalharness.core.events import RunStopping, TrialFinished, TrialStarted
from evalharness.core.model import Phase, Status, Trial, Warmup
from evalharness.core.ports import Clock, RunWriter, Stretch
from evalharness.core.units import NS_PER_S
from evalharness.engine.gatekeeper import LEAD_NS
from evalharness.engine.source import MoreTrials, TrialSource
from evalharness.engine.stop import StopSignal
from evalharness.engine.trial import TrialContext, run_trial

#: A call's length before any was measured: callers that start together would all wait for each other's connection.
_FIRST_GUESS_NS = 100_000_000
_LONGEST_STAGGER_NS = NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a run is carried out, beside what it asks. ``emit`` receives the events of ``core.events``.

    ``more`` makes further trials of a step for an endpoint when time ends the run and the list was over before.
    ``measured_ns``: for how long each step was measured in earlier sessions. ``max_in_flight``: what this process can
    hold open at all.
    """

    stretches: Sequence[Stretch]
    writer: RunWriter
    clock: Clock
    stop: StopSignal
    emit: Callable[[object], None]
    more: MoreTrials | None = None
    warmup: Warmup | None = None
    measured_ns: Mapping[int, int] = field(default_factory=dict)
    max_in_flight: int | None = None


async def execute(pending: Sequence[Trial], context: TrialContext, conduct: Conduct) -> None:
    """Run every pending trial, warm-up first. Returns when all have ended, time is up or the stop was obeyed.

    Each endpoint has its own stream of trials under the stretch's load. A result is stored before its slot is free.

    Raises:
        StoreError: a result could not be written. Nothing more was sent from then on, and nothing more was waited for.
    """
    warmup = [trial for trial in pending if trial.phase is Phase.WARMUP]
    if warmup:
        seconds = conduct.warmup.seconds if conduct.warmup else None
        await _Sending(replace(conduct.stretches[0], seconds=seconds), context, replace(conduct, more=None)).run(warmup)
    for stretch in conduct.stretches:
        trials = [trial for trial in pending if trial.phase is Phase.MEASURED and trial.step == stretch.step]
        await _Sending(stretch, context, conduct, before_ns=conduct.measured_ns.get(stretch.step, 0)).run(trials)


class _Sending:
    """One stretch: its slots (closed) or its clockwork (open), for every endpoint at once."""

    def __init__(self, stretch: Stretch, context: TrialContext, conduct: Conduct, *, before_ns: int = 0) -> None:
        self._stretch = stretch
        self._context = context
        self._conduct = conduct
        self._stop = conduct.stop
        self._before_ns = before_ns
        self._tasks: set[asyncio.Task[None]] = set()
        self._n_in_flight = 0

    async def run(self, trials: Sequence[Trial]) -> None:
        # The first trial of an open loop is to be on time too.
        begin_ns = self._conduct.clock.monotonic_ns() + (LEAD_NS if self._is_open else 0)
        # A stretch that is continued goes on where it was: its clock is set back by what has been measured of it.
        self._started_ns = begin_ns - (self._before_ns if self._is_timed else 0)
        self._until_ns = None if self._stretch.seconds is None else self._end_ns(self._stretch.seconds)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                watcher = group.create_task(self._obey())
                for endpoint, source in self._sources(trials).items():
                    self._begin(endpoint, source)
                while self._tasks:
                    await asyncio.wait(self._tasks)
                watcher.cancel()
        except ExceptionGroup as problems:
            # One cause stopped the rest: the first is what the user has to know.
            raise problems.exceptions[0] from None

    @property
    def _is_open(self) -> bool:
        return self._stretch.shape.max_in_flight is None

    @property
    def _is_timed(self) -> bool:
        return self._stretch.seconds is not None or self._conduct.more is not None

    def _end_ns(self, seconds: float) -> int:
        return self._started_ns + round(seconds * NS_PER_S)

    def _sources(self, trials: Sequence[Trial]) -> Mapping[str, TrialSource]:
        queues: dict[str, list[Trial]] = {}
        for trial in trials:
            queues.setdefault(self._context.arms[trial.arm_id].endpoint, []).append(trial)
        return {
            endpoint: TrialSource(queue, endpoint, self._stretch.step, self._conduct.more, self._conduct.writer)
            for endpoint, queue in queues.items()
        }

    def _begin(self, endpoint: str, source: TrialSource) -> None:
        n_most = self._most(endpoint)
        shape = self._stretch.shape
        if shape.max_in_flight is None:
            room = None if n_most is None else asyncio.Semaphore(n_most)
            self._spawn(self._by_the_clock(endpoint, source, room))
            return
        n_slots = shape.max_in_flight if n_most is None else min(n_most, shape.max_in_flight)
        spacing_ns = min(_LONGEST_STAGGER_NS, self._context.lanes[endpoint].typical_ns or _FIRST_GUESS_NS) // n_slots
        for place in range(n_slots):
            self._spawn(self._slot(source, after_ns=place * spacing_ns))

    def _most(self, endpoint: str) -> int | None:
        bounds = (self._context.lanes[endpoint].endpoint.limits.max_concurrency, self._conduct.max_in_flight)
        return min((bound for bound in bounds if bound is not None), default=None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------ closed

    async def _slot(self, source: TrialSource, *, after_ns: int) -> None:
        """One place in flight: takes the next trial of the shared stream when its last one is stored."""
        if not await self._stop.sleep(after_ns / NS_PER_S):
            return
        while self._may_start():
            trial = await source.take()
            if trial is None:
                return
            await self._trial(trial, intended_ns=None)
            if not await self._stop.sleep(self._stretch.shape.think_ns / NS_PER_S):
                return

    def _may_start(self) -> bool:
        now_ns = self._conduct.clock.monotonic_ns()
        return not self._stop.is_set and (self._until_ns is None or now_ns < self._until_ns)

    # ------------------------------------------------------------ open

    async def _by_the_clock(self, endpoint: str, source: TrialSource, room: asyncio.Semaphore | None) -> None:
        """Starts each trial at its moment, however many are in flight; one that finds no room is late, and says so."""
        for offset_ns in self._stretch.shape.offsets_ns(endpoint):
            at_ns = self._started_ns + offset_ns
            if self._until_ns is not None and at_ns >= self._until_ns:
                return
            if self._is_timed and offset_ns < self._before_ns:
                continue
            trial = await source.take()
            wait_ns = at_ns - LEAD_NS - self._conduct.clock.monotonic_ns()
            if trial is None or not await self._stop.sleep(wait_ns / NS_PER_S):
                return
            if room is not None:
                await room.acquire()
            if self._stop.is_set:
                return
            self._spawn(self._timely(trial, at_ns, room))

    async def _timely(self, trial: Trial, at_ns: int, room: asyncio.Semaphore | None) -> None:
        try:
            await self._trial(trial, intended_ns=at_ns)
        finally:
            if room is not None:
                room.release()

    # ------------------------------------------------------------ one trial

    async def _trial(self, trial: Trial, *, intended_ns: int | None) -> None:
        conduct, arm = self._conduct, self._context.arms[trial.arm_id]
        conduct.emit(TrialStarted(trial=trial, arm=arm))
        self._n_in_flight += 1
        try:
            result = await run_trial(trial, self._context, intended_ns=intended_ns)
            if result.status is not Status.PENDING or result.calls:
                await conduct.writer.append(result)
        finally:
            self._n_in_flight -= 1
        if result.status is not Status.PENDING:
            conduct.emit(TrialFinished(trial=trial, arm=arm, result=result))

    # ------------------------------------------------------------ stopping

    async def _obey(self) -> None:
        """Say that the run stops, and end what is still in flight when its grace is over."""
        stop = self._stop
        await stop.wait()
        self._announce()
        if stop.grace_s is None:
            # Calls in flight were paid for and may end, unless the user wants to leave.
            await stop.wait_for_user()
            self._announce()
        await asyncio.sleep(stop.grace_s or 0)
        for task in tuple(self._tasks):
            task.cancel()

    def _announce(self) -> None:
        stop = self._stop
        event = RunStopping(reason=stop.message or "", n_in_flight=self._n_in_flight, grace_s=stop.grace_s)
        self._conduct.emit(event)
