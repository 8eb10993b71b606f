"""Ctrl-C once, twice, and SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from evalharness.core.model import PendingReason
from evalharness.engine.stop import StopSignal

GRACE_S = 10.0


@dataclass(slots=True)
class Interrupt:
    """``task`` is what a second signal cancels."""

    task: asyncio.Task[Any] | None
    n_signals: int = 0


@contextmanager
def obeyed(stop: StopSignal) -> Iterator[Interrupt]:
    """Inside: the first signal stops the run and gives calls in flight ``GRACE_S``; the second cancels the task,
    which is the caller's own until another is put in its place."""
    loop = asyncio.get_running_loop()
    interrupt = Interrupt(task=asyncio.current_task())

    def receive() -> None:
        interrupt.n_signals += 1
        if interrupt.n_signals == 1:
            stop.stop(PendingReason.INTERRUPTED, "interrupted", grace_s=GRACE_S)
        elif interrupt.task is not None:
            interrupt.task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, receive)
    try:
        yield interrupt
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
