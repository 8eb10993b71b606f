"""A service with a declared capacity: so many requests are worked on at once, the others wait in line. Pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Slots(Generic[Job]):
    """First come, first served. ``n`` None: no limit."""

    def __init__(self, n: int | None) -> None:
        self._n_free = n
        self._line: deque[Job] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def take(self, job: Job) -> bool:
        """True: work on ``job`` begins now. False: it waits until ``give_back`` names it."""
        if self._n_free is None:
            return True
        if self._n_free > 0:
            self._n_free -= 1
            return True
        self._line.append(job)
        return False

    def give_back(self) -> Job | None:
        """One piece of work has ended: the job that begins now in its place, None where none waits."""
        if self._n_free is None:
            return None
        if self._line:
            return self._line.popleft()
        self._n_free += 1
        return None

    def forget(self, job: Job) -> None:
        """``job`` no longer waits. Raises ``ValueError`` where it did not."""
        self._line.remove(job)
