"""When a run ends before its plan does: the one signal everything waits on."""

from __future__ import annotations

import asyncio

from evalharness.core.model import PendingReason


class StopSignal:
    """Set once; the first reason stands, unless the user interrupts. Waits end early when it is set.

    ``grace_s`` is how long calls in flight may go on; None: to their end (they were paid for).
    """

    def __init__(self) -> None:
        self._set = asyncio.Event()
        self._by_user = asyncio.Event()
        self.reason: PendingReason | None = None
        self.message: str | None = None
        self.grace_s: float | None = None

    @property
    def is_set(self) -> bool:
        return self._set.is_set()

    def stop(self, reason: PendingReason, message: str, *, grace_s: float | None = None) -> None:
        by_user = reason is PendingReason.INTERRUPTED
        if self.is_set and not by_user:
            return
        self.reason, self.message, self.grace_s = reason, message, grace_s
        self._set.set()
        if by_user:
            self._by_user.set()

    async def wait(self) -> None:
        await self._set.wait()

    async def wait_for_user(self) -> None:
        await self._by_user.wait()

    async def sleep(self, seconds: float) -> bool:
        """Wait; False if the stop came first."""
        if seconds <= 0:
            return not self.is_set
        try:
            await asyncio.wait_for(self._set.wait(), seconds)
        except TimeoutError:
            return True
        return False
