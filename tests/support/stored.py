"""A run in a folder, and the process that is killed while it writes one."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from evalharness.core.record import RunRecord, RunState, TrialResult
from evalharness.store import run_store
from evalharness.store.run_store import RunStore
from tests.support.runs import make_run

#: What the killed process writes, made once in the server it is forked from.
KILLED_RUN = make_run(arms=2, cases=200, repeats=2, seed=7)
IN_FLIGHT = 6


def create(out_dir: Path, run: RunRecord) -> RunStore:
    return run_store.create(out_dir, replace(run.manifest, state=RunState.RUNNING), run.plan)


def append_all(store: RunStore, results: Iterable[TrialResult]) -> None:
    async def append() -> None:
        await asyncio.gather(*(store.append(result) for result in results))

    asyncio.run(append())


def store_run(out_dir: Path, run: RunRecord) -> Path:
    """The whole run as a folder."""
    with create(out_dir, run) as store:
        append_all(store, run.results.values())
        asyncio.run(store.finish(run.manifest))
    return store.folder


def rounded(result: TrialResult) -> TrialResult:
    """Arrivals as they are stored: whole microseconds from the first on. All else is compared exactly."""

    def whole_us(arrivals_ns: array[int]) -> array[int]:
        return array("q", (arrivals_ns[0] + (at - arrivals_ns[0] + 500) // 1000 * 1000 for at in arrivals_ns))

    return replace(
        result,
        calls=tuple(
            replace(
                call,
                attempts=tuple(
                    replace(attempt, stamps=replace(attempt.stamps, deltas_ns=whole_us(attempt.stamps.deltas_ns)))
                    for attempt in call.attempts
                ),
            )
            for call in result.calls
        ),
    )


def write_until_killed(folder: Path, acknowledged: Connection) -> None:
    """Resume ``KILLED_RUN`` in ``folder`` and send the id of each trial once its result is acknowledged."""

    async def run(store: RunStore) -> None:
        slots = asyncio.Semaphore(IN_FLIGHT)
        finished = store.finished_trial_ids()

        async def one(result: TrialResult) -> None:
            async with slots:
                await store.begin_attempt(result.trial_id, 0, 0)
                await store.append(result)
                acknowledged.send(result.trial_id)

        pending = [result for trial_id, result in KILLED_RUN.results.items() if trial_id not in finished]
        await asyncio.gather(*map(one, pending))
        await store.finish(KILLED_RUN.manifest)

    with run_store.open(folder) as store:
        asyncio.run(run(store))
