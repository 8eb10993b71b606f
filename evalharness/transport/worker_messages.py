"""What the process that conducts a run and those that read sockets for it say to each other, over a socket pair.

Pickled: both ends are this program, and nobody else can write into the pair.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from evalharness.core.ports import Exchange, HttpRequest
from evalharness.transport.access import Access

_SIZE = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The first message of all: the endpoints, by name, with their keys."""

    accesses: Mapping[str, Access]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenConnections:
    endpoint: str
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    number: int
    endpoint: str
    request: HttpRequest
    stream: bool
    at_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Nobody waits for this exchange any more."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The answer to ``OpenConnections``."""

    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    number: int
    exchange: Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Broke:
    """Instead of ``Done``: this program has a defect, and the exchange no outcome. ``defect`` is the traceback."""

    number: int
    defect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellLags:
    """Asks for ``Lags``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lags:
    """How often the worker's loop was away from its sockets, since it began (``ObserverRecord.loop_lag_counts``)."""

    counts: Mapping[int, int]


Message: TypeAlias = Begin | OpenConnections | Ask | GiveUp | TellLags | Opened | Done | Broke | Lags


def write(writer: asyncio.StreamWriter, message: Message) -> None:
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    writer.write(_SIZE.pack(len(body)) + body)


async def read(reader: asyncio.StreamReader) -> Message | None:
    """None: the other end is gone."""
    try:
        (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
        message: Message = pickle.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return message
