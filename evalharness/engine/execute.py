"""All pending trials, in flight together: one task group, nothing outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.events import RunStopping, TrialFinished, TrialStarted
from evalharness.core.model import Phase, Status, Trial, Warmup
from evalharness.core.ports import Clock, LoadShape, RunWriter
from evalharness.core.units import NS_PER_S
from evalharness.engine.stop import StopSignal
from evalharness.engine.trial import TrialContext, run_trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a run is carried out, beside what it asks. ``emit`` receives the events of ``core.events``."""

    shape: LoadShape
    writer: RunWriter
    clock: Clock
    stop: StopSignal
    emit: Callable[[object], None]
    warmup: Warmup | None = None


async def execute(pending: Sequence[Trial], context: TrialContext, conduct: Conduct) -> None:
    """Run every pending trial, warm-up first. Returns when all have ended or the stop was obeyed.

    Each endpoint has its own stream of trials with the load shape's slots. A result is stored before its slot is free.

    Raises:
        StoreError: a result could not be written. Nothing more was sent from then on.
    """
    warmup = [trial for trial in pending if trial.phase is Phase.WARMUP]
    measured = [trial for trial in pending if trial.phase is Phase.MEASURED]
    seconds = conduct.warmup.seconds if conduct.warmup else None
    warm_until_ns = None if seconds is None else conduct.clock.monotonic_ns() + round(seconds * NS_PER_S)
    await _phase(warmup, context, conduct, until_ns=warm_until_ns)
    await _phase(measured, context, conduct, until_ns=None)


async def _phase(trials: Sequence[Trial], context: TrialContext, conduct: Conduct, *, until_ns: int | None) -> None:
    """Trials start in their order, the last one before ``until_ns`` (None: all of them)."""
    slots: list[asyncio.Task[None]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for endpoint, stream in _by_endpoint(trials, context).items():
                for _ in range(_n_slots(endpoint, context, conduct)):
                    slots.append(group.create_task(_slot(stream, context, conduct, until_ns)))
            if slots:
                watcher = group.create_task(_obey(conduct, slots))
                await asyncio.wait(slots)
                watcher.cancel()
    except ExceptionGroup as problems:
        # One cause stopped the rest: the first is what the user has to know.
        raise problems.exceptions[0] from None


def _by_endpoint(trials: Sequence[Trial], context: TrialContext) -> Mapping[str, Iterator[Trial]]:
    queues: dict[str, list[Trial]] = {}
    for trial in trials:
        queues.setdefault(context.arms[trial.arm_id].endpoint, []).append(trial)
    return {endpoint: iter(queue) for endpoint, queue in queues.items()}


def _n_slots(endpoint: str, context: TrialContext, conduct: Conduct) -> int:
    wanted = conduct.shape.max_in_flight or 1
    most = context.lanes[endpoint].endpoint.limits.max_concurrency
    return wanted if most is None else min(wanted, most)


async def _slot(trials: Iterator[Trial], context: TrialContext, conduct: Conduct, until_ns: int | None) -> None:
    """One place in flight: takes the next trial of the shared stream when its last one is stored."""
    for trial in trials:
        if not _may_start(conduct, until_ns):
            return
        arm = context.arms[trial.arm_id]
        conduct.emit(TrialStarted(trial=trial, arm=arm))
        result = await run_trial(trial, context, intended_ns=conduct.clock.monotonic_ns())
        if result.status is not Status.PENDING or result.calls:
            await conduct.writer.append(result)
        if result.status is not Status.PENDING:
            conduct.emit(TrialFinished(trial=trial, arm=arm, result=result))
        if not await conduct.stop.sleep(conduct.shape.think_ns / NS_PER_S):
            return


def _may_start(conduct: Conduct, until_ns: int | None) -> bool:
    return not conduct.stop.is_set and (until_ns is None or conduct.clock.monotonic_ns() < until_ns)


async def _obey(conduct: Conduct, slots: Sequence[asyncio.Task[None]]) -> None:
    """Say that the run stops, and end what is still in flight when its grace is over."""
    stop = conduct.stop
    await stop.wait()
    _announce(conduct, slots)
    if stop.grace_s is None:
        # Calls in flight were paid for and may end, unless the user wants to leave.
        await stop.wait_for_user()
        _announce(conduct, slots)
    await asyncio.sleep(stop.grace_s or 0)
    for slot in slots:
        slot.cancel()


def _announce(conduct: Conduct, slots: Sequence[asyncio.Task[None]]) -> None:
    stop = conduct.stop
    in_flight = sum(not slot.done() for slot in slots)
    conduct.emit(RunStopping(reason=stop.message or "", n_in_flight=in_flight, grace_s=stop.grace_s))
