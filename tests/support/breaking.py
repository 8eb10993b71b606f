"""A program with a defect, to be handed to another process: what is pickled must be found there by its name."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.core.ports import Clock, Exchange, HttpRequest


@dataclass(frozen=True)
class BreakingAccess:
    """In place of an ``Access``: its exchanger breaks."""

    def exchanger(self, clock: Clock) -> BreakingExchanger:
        return BreakingExchanger()


class BreakingExchanger:
    async def open(self, connections: int) -> None:
        raise ZeroDivisionError("no connection for you")

    async def exchange(self, request: HttpRequest, *, stream: bool, at_ns: int | None = None) -> Exchange:
        raise ZeroDivisionError("the codec is broken")

    async def close(self) -> None:
        pass
