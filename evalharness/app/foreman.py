"""How many processes read sockets: as many as were asked for, or one more whenever the ones there are come late."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from evalharness.transport.crew import Crew
from evalharness.transport.loop import MeasuringLoop

#: ``--workers auto``.
AUTO = "auto"
_LOOK_EVERY_S = 1.0
#: Away from the sockets for 2**21 ns (2 ms) and longer is late: two deltas of a quick service come closer together.
_LATE_BITS = 21
#: This share of the time spent away so long, so many looks in a row, and one more process is worth its start.
_LATE_SHARE = 0.05
_LOOKS_IN_A_ROW = 3


@asynccontextmanager
async def staffed(crew: Crew, workers: int | str) -> AsyncIterator[None]:
    """Inside, the crew has so many workers, or with ``auto`` as many as it turns out to need. Raises ``OSError``."""
    if workers == AUTO:
        watching = asyncio.create_task(_hire_when_late(crew))
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    else:
        for _ in range(int(workers)):
            await crew.hire()
        yield


async def _hire_when_late(crew: Crew) -> None:
    before, n_late = await _late_ns(crew), 0
    while len(crew) < (os.cpu_count() or 1):
        await asyncio.sleep(_LOOK_EVERY_S)
        now = await _late_ns(crew)
        # The loops of several workers are late side by side.
        share = (now - before) / (_LOOK_EVERY_S * 1e9 * max(1, len(crew)))
        n_late = n_late + 1 if share > _LATE_SHARE else 0
        before = now
        if n_late == _LOOKS_IN_A_ROW:
            await crew.hire()
            before, n_late = await _late_ns(crew), 0


async def _late_ns(crew: Crew) -> int:
    """For how long whoever reads the sockets has been away from them in stretches that are too long; from below."""
    counts: Mapping[int, int] = await crew.lag_counts() if len(crew) else {}
    loop = asyncio.get_running_loop()
    if not len(crew) and isinstance(loop, MeasuringLoop):
        counts = loop.lag_counts
    return sum(n << bits for bits, n in counts.items() if bits >= _LATE_BITS)
