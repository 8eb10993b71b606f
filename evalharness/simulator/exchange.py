"""The small values that pass between the parts of the simulator: events with their time, bytes with their time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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


# Event and Write are frozen by habit only, and may be made by position: a reply has a hundred of each, a frozen one
# with keywords takes four times as long to make, and all other streams wait meanwhile.
@dataclass(slots=True)
class Event:
    """One server-sent event, planned ``at_ms`` after the work on the request began.

    ``text`` is the JSON as it is sent, or anything else (``[DONE]``). Without ``named`` there is no ``event:`` line.
    """

    at_ms: float
    type: str
    text: str
    named: bool = True

    @classmethod
    def of(cls, payload: Mapping[str, Any], *, at_ms: float, type: str, named: bool = True) -> Event:
        return cls(at_ms=at_ms, type=type, text=compact(payload), named=named)

    @property
    def payload(self) -> dict[str, Any] | str:
        """What ``text`` says, for faults that change it; ``text`` itself where it is no JSON object."""
        try:
            payload = json.loads(self.text)
        except ValueError:
            return self.text
        return payload if isinstance(payload, dict) else self.text


class Ending(Enum):
    """How a connection goes on after the last byte."""

    COMPLETE = "complete"
    FIN = "fin"
    RESET = "reset"
    #: It stays open as promised, and is reset when the next request comes.
    STALE = "stale"


class Framing(Enum):
    """How the length of a body is told. ``ADORNED``: chunks with extensions, and trailers after the last."""

    LENGTH = "length"
    CHUNKED = "chunked"
    ADORNED = "adorned"
    CLOSE = "close"


@dataclass(slots=True)
class Write:
    """Bytes of the body that leave in one write. ``label`` is the event type, for the truth log."""

    at_ms: float
    label: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A whole response: interim heads, the head, then the writes, then the ending.

    ``status`` 0: not even a head. In chunks, each write is one. A length that is announced is ``announced_bytes``, or
    that of all writes together; head and first write then leave as one. ``raw_head`` is sent in place of a head.
    ``halves_last``: of the last write, framing included, only a half. ``is_endless``: the last write again and again,
    until the client has gone. ``refuses_ms``: for so long after the ending nobody listens.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    head_ms: float = 0.0
    writes: tuple[Write, ...] = ()
    ending: Ending = Ending.COMPLETE
    framing: Framing = Framing.LENGTH
    announced_bytes: int | None = None
    interim: tuple[int, ...] = ()
    raw_head: bytes | None = None
    halves_last: bool = False
    is_endless: bool = False
    refuses_ms: float = 0.0

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
    """One event as it goes on the wire, with LF."""
    return as_utf8(f"event: {event.type}\ndata: {event.text}\n\n" if event.named else f"data: {event.text}\n\n")


def as_utf8(text: str) -> bytes:
    """JSON in UTF-8. Lone surrogates, which UTF-8 has no bytes for, become the escapes that JSON has for them."""
    return text.encode("utf-8", "backslashreplace")


def compact(payload: Any) -> str:
    return _ENCODER.encode(payload)


#: A string as JSON: ``compact`` for the small part of an event that differs from the one before.
quoted: Callable[[str], str] = json.encoder.encode_basestring
