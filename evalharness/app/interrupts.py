"""Ctrl-C once, twice, and SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evalharness.core.model import PendingReason
from evalharness.engine.stop import StopSignal

GRACE_S = 10.0


@contextmanager
def obeyed(stop: StopSignal, task: asyncio.Task[Any]) -> Iterator[None]:
    """Inside: the first signal stops the run and gives calls in flight ``GRACE_S``; the second cancels ``task``."""
    loop = asyncio.get_running_loop()
    n_signals = 0

    def receive() -> None:
        nonlocal n_signals
        n_signals += 1
        if n_signals == 1:
            # A run that is stopping already (its budget is used up) still waits for its calls: now it need not.
            if stop.is_set:
                task.cancel()
            stop.stop(PendingReason.INTERRUPTED, "interrupted", grace_s=GRACE_S)
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, receive)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
