"""For all tests of the engine."""

from __future__ import annotations

import asyncio

import pytest

from evalharness.engine.stop import StopSignal


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits are recorded, not waited."""
    waits: list[float] = []

    async def sleep(self: StopSignal, seconds: float) -> bool:
        if seconds > 0:
            waits.append(seconds)
        await asyncio.sleep(0)
        return not self.is_set

    monkeypatch.setattr(StopSignal, "sleep", sleep)
    return waits
