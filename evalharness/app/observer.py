"""What a run notices of the client it runs on, and writes down beside what it measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from evalharness.app.lanes import used_endpoints
from evalharness.core.model import Plan
from evalharness.core.record import ObserverRecord
from evalharness.store.run_store import RunStore
from evalharness.transport.clock_watch import ClockWatch
from evalharness.transport.crew import Crew
from evalharness.transport.loop import MeasuringLoop
from evalharness.transport.opening import route_words

#: How often the clocks are compared.
LOOK_EVERY_S = 1.0
#: How often what was noticed is written down: what a killed run has noticed is of use too.
WRITE_EVERY_S = 15.0


class Observer:
    """One session's: of this process, or of its crew where that reads the sockets."""

    def __init__(self, plan: Plan, store: RunStore, crew: Crew) -> None:
        self._store = store
        self._crew = crew
        self._clocks = ClockWatch()
        self._routes = {endpoint.name: route_words(endpoint.route) for endpoint in used_endpoints(plan)}
        self._loop = asyncio.get_running_loop()
        self._lags_before = self._own_lags()

    async def seen(self) -> ObserverRecord:
        return ObserverRecord(
            loop="measuring" if isinstance(self._loop, MeasuringLoop) else "foreign",
            n_workers=len(self._crew),
            routes=self._routes,
            loop_lag_counts=await self._lag_counts(),
            clock_steps_ns=tuple(self._clocks.steps_ns),
            suspended_ns=self._clocks.suspended_ns,
        )

    async def _lag_counts(self) -> Mapping[int, int]:
        """Of the processes that read sockets: this one, unless workers do."""
        if len(self._crew):
            return await self._crew.lag_counts()
        own = {size: n - self._lags_before.get(size, 0) for size, n in self._own_lags().items()}
        return {size: n for size, n in own.items() if n}

    def _own_lags(self) -> Mapping[int, int]:
        return self._loop.lag_counts if isinstance(self._loop, MeasuringLoop) else {}

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look and write now and then inside, and once more at the end."""
        watcher = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
            self._clocks.look()
            await self._store.observe(await self.seen())

    async def _watch(self) -> None:
        until_written_s = WRITE_EVERY_S
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._clocks.look()
            until_written_s -= LOOK_EVERY_S
            if until_written_s <= 0:
                until_written_s = WRITE_EVERY_S
                await self._store.observe(await self.seen())
