"""A server that writes exactly the bytes it was told to, for what no HTTP library can be made to do.

Raw asyncio in the test's own loop: broken heads, cut chunks, resets, stalls, pipelined events. Each request takes the
next script; what the server saw is kept.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.support.wire_bytes import answer_stream


class Do(Enum):
    """CLOSE sends FIN; RESET sends RST; HANG keeps the connection open and silent until the client goes."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


#: Bytes to write, seconds to pause, or what to do with the connection. Without the last it is kept alive.
Script = Sequence[bytes | float | Do]


@dataclass
class Request:
    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    port: int
    host: str = "127.0.0.1"
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    n_connections: int = 0

    @property
    def base_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/v1"


def head(status: int = 200, **headers: str) -> bytes:
    """A response head; ``content_type`` is content-type. A body of unknown length ends with the connection unless
    ``content_length`` or ``transfer_encoding`` is given."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
STREAM_HEAD = head(content_type="text/event-stream", transfer_encoding="chunked")
ANSWER = answer_stream("The answer is 7.")
#: One answer, as a server that means well sends it.
COMPLETE: Script = [STREAM_HEAD, chunk(ANSWER), LAST_CHUNK]


def whole(body: bytes, status: int = 200, **headers: str) -> bytes:
    return head(status, content_length=str(len(body)), **headers) + body


@asynccontextmanager
async def scripted(
    *scripts: Script,
    read_request: bool = True,
    host: str = "127.0.0.1",
    unix_socket: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ScriptedServer]:
    """With ``read_request`` false a connection plays its script without waiting for a request."""
    remaining = list(scripts)
    seen = ScriptedServer(port=0, host=host, scheme="http" if tls is None else "https")
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        number = seen.n_connections = seen.n_connections + 1
        try:
            if not read_request:
                await _play(remaining.pop(0), reader, writer)
                return
            while (request := await _read_request(reader, number)) is not None:
                seen.requests.append(request)
                if not await _play(remaining.pop(0), reader, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            connections.discard(task)
            writer.close()

    if unix_socket is None:
        server = await asyncio.start_server(serve, host, 0, ssl=tls)
        seen.port = server.sockets[0].getsockname()[1]
    else:
        server = await asyncio.start_unix_server(serve, unix_socket, ssl=tls)
    try:
        yield seen
    finally:
        server.close()
        for _ in range(3):
            # One that was just accepted has not begun to be served, and would be left open.
            await asyncio.sleep(0)
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


@contextmanager
def silent_place() -> Iterator[tuple[str, int]]:
    """An address whose backlog is full: the kernel answers no further SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()
        finally:
            for filler in fillers:
                filler.close()


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Request | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): text.strip() for name, text in (entry.split(":", 1) for entry in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(connection=connection, line=line, headers=headers, body=body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while n_bytes := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(n_bytes))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


async def _play(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """False where the connection ends with it."""
    for step in script:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, Do):
            if step is Do.RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if step is Do.HANG:
                await reader.read()
            return False
        else:
            await asyncio.sleep(step)
    return True
