"""TLS without a socket: bytes in, bytes out, so that the socket stays ours and a stamp is that of the ciphertext."""

from __future__ import annotations

import asyncio
import socket
import ssl

from evalharness.transport.network_errors import NoAnswerError

_READ_BYTES = 64 * 1024


class Tls:
    """One TLS session. What it wants to say itself (alerts, key updates) waits in ``outgoing``."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def shake_hands(self, sock: socket.socket) -> None:
        """Raises ``OSError``, ``ssl.SSLError`` among them."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush(loop, sock)
                data = await loop.sock_recv(sock, _READ_BYTES)
                if not data:
                    raise NoAnswerError("the connection was closed during the TLS handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                # The alert that says why belongs to the peer too.
                await self._flush(loop, sock)
                raise
            else:
                await self._flush(loop, sock)
                return

    async def _flush(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        if self._outgoing.pending:
            await loop.sock_sendall(sock, self._outgoing.read())

    def decrypt(self, data: memoryview | bytes) -> tuple[bytes, bool]:
        """The clear bytes, and whether the peer has ended the stream. Raises ``ssl.SSLError`` for a record that is
        broken, once what came before it has been given out."""
        self._incoming.write(data)
        pieces: list[bytes] = []
        while True:
            try:
                piece = self._object.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                return b"".join(pieces), False
            except ssl.SSLZeroReturnError:
                return b"".join(pieces), True
            except ssl.SSLError:
                if pieces:
                    # The session keeps its error: the end of the connection, or the next read, meets it again.
                    return b"".join(pieces), False
                raise
            if not piece:
                return b"".join(pieces), True
            pieces.append(piece)

    def encrypt(self, data: bytes) -> bytes:
        """Raises ``ssl.SSLError``."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._object.write(rest) :]
        return self._outgoing.read()

    def to_say(self) -> bytes:
        return self._outgoing.read() if self._outgoing.pending else b""
