"""Where an endpoint's next trial comes from: the planned list, and further passes where time ends a run."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from evalharness.core.model import Trial
from evalharness.core.ports import RunWriter

#: Further trials of an endpoint in a step.
MoreTrials: TypeAlias = Callable[[str, int], Sequence[Trial]]


class TrialSource:
    """Shared by all who send to one endpoint in one stretch. Further trials are stored before any of them is given."""

    def __init__(
        self, planned: Sequence[Trial], endpoint: str, step: int, more: MoreTrials | None, writer: RunWriter
    ) -> None:
        self._waiting = deque(planned)
        self._endpoint = endpoint
        self._step = step
        self._more = more
        self._writer = writer
        self._filling = asyncio.Lock()

    async def take(self) -> Trial | None:
        """None: the list is over. Raises ``StoreError`` where further trials could not be written down."""
        if not self._waiting and self._more is not None:
            async with self._filling:
                if not self._waiting:
                    added = self._more(self._endpoint, self._step)
                    await self._writer.add_trials(added)
                    self._waiting.extend(added)
        return self._waiting.popleft() if self._waiting else None
