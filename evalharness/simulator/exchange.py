"""The small values that pass between the parts of the simulator: events with their time, bytes with their time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What makes one response distinct from all others; random, unlike everything else."""

    token: str
    created_at: int

    @property
    def response_id(self) -> str:
        return f"resp_{self.token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One server-sent event, planned ``at_ms`` after the request was read.

    ``payload`` is JSON, or a string that is sent as it is (``[DONE]``). Without ``named`` there is no ``event:`` line.
    """

    at_ms: float
    type: str
    payload: Mapping[str, Any] | str
    named: bool = True


class Ending(Enum):
    """How a connection goes on after the last byte."""

    COMPLETE = "complete"
    FIN = "fin"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes of the body that leave in one write. ``label`` is the event type, for the truth log."""

    at_ms: float
    label: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A whole response: the head, then the writes, then the ending.

    ``status`` 0: not even a head. ``chunked``: the body is framed in chunks, one per write; else its length is
    announced: ``announced_bytes``, or that of all writes together.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    head_ms: float = 0.0
    writes: tuple[Write, ...] = ()
    ending: Ending = Ending.COMPLETE
    chunked: bool = False
    announced_bytes: int | None = None

    @property
    def body_bytes(self) -> int:
        return sum(len(write.body) for write in self.writes)


class RejectedError(Exception):
    """A request that is answered by an error object. ``message`` and ``code`` are the words of the real service."""

    def __init__(
        self,
        *,
        status: int,
        message: str,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def as_bytes(event: Event) -> bytes:
    """One event as it goes on the wire, in UTF-8 and with LF."""
    data = event.payload if isinstance(event.payload, str) else compact(event.payload)
    line = f"event: {event.type}\n" if event.named else ""
    return f"{line}data: {data}\n\n".encode("utf-8", "surrogatepass")


def compact(payload: Any) -> str:
    return _ENCODER.encode(payload)
