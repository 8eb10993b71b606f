"""One connection: a socket, perhaps TLS over it, and whoever is being answered on it right now."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from time import perf_counter_ns, time_ns

from evalharness.core.units import NS_PER_S
from evalharness.transport.loop import Sockets
from evalharness.transport.network_errors import NoAnswerError
from evalharness.transport.reception import Reception

#: SO_TIMESTAMPNS of Linux's generic architectures: the kernel dates each segment when it comes in.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
_READ_BYTES = 64 * 1024
#: A kernel stamp that lies further back, or ahead, is from before or after a step of the wall clock.
_LONGEST_LAG_NS = 10 * NS_PER_S

#: One buffer for all sockets: a read is copied out of it before the next one, and nothing is cleared for it.
_BUFFER = bytearray(_READ_BYTES)
_VIEW = memoryview(_BUFFER)


class Tls:
    """TLS by memory: the socket stays ours, and a stamp is that of the ciphertext."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)

    async def shake_hands(self, sock: socket.socket) -> None:
        """Raises ``OSError``, ``ssl.SSLError`` among them."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                self.object.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush(loop, sock)
                data = await loop.sock_recv(sock, _READ_BYTES)
                if not data:
                    raise NoAnswerError("the connection was closed during the TLS handshake") from None
                self.incoming.write(data)
            except ssl.SSLError:
                # The alert that says why belongs to the peer too.
                await self._flush(loop, sock)
                raise
            else:
                await self._flush(loop, sock)
                return

    async def _flush(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        if self.outgoing.pending:
            await loop.sock_sendall(sock, self.outgoing.read())

    def decrypt(self, data: memoryview, sock: socket.socket) -> tuple[bytes, bool]:
        """The clear bytes, and whether the peer has ended the stream. Raises ``OSError``, so ``ssl.SSLError``."""
        clear = self._clear(data)
        if self.outgoing.pending:
            # A key update is answered; so few bytes always find room.
            sock.send(self.outgoing.read())
        return clear

    def _clear(self, data: memoryview) -> tuple[bytes, bool]:
        self.incoming.write(data)
        pieces: list[bytes] = []
        while True:
            try:
                piece = self.object.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                return b"".join(pieces), False
            except ssl.SSLZeroReturnError:
                return b"".join(pieces), True
            if not piece:
                return b"".join(pieces), True
            pieces.append(piece)

    def encrypt(self, data: bytes) -> bytes:
        self.object.write(data)
        return self.outgoing.read()


class Connection:
    """Idle, or with one reception. ``on_gone`` is told once when it ends while idle."""

    def __init__(self, sock: socket.socket, tls: Tls | None, sockets: Sockets) -> None:
        self._sock = sock
        self._tls = tls
        self._sockets = sockets
        self._descriptor = sock.fileno()
        self._reception: Reception | None = None
        self._is_watched = False
        self.has_kernel_stamps = _stamped_by_kernel(sock)
        self.is_open = True
        self.idle_since_ns = 0
        self.on_gone: Callable[[Connection], None] | None = None
        self._watch()
        if tls is not None and tls.incoming.pending:
            # Session tickets that came with the end of the handshake: read with the next bytes.
            tls.decrypt(memoryview(b""), sock)

    # ------------------------------------------------------------ sending

    async def send(self, data: bytes, reception: Reception) -> tuple[int, int]:
        """Hand over a request whose answer goes to ``reception``: (just before, how long it took), in ns.

        Raises ``OSError`` where it cannot be written. A large request is written as the socket takes it.
        """
        self._reception = reception
        raw = data if self._tls is None else self._tls.encrypt(data)
        sent_ns = perf_counter_ns()
        try:
            n_sent = self._sock.send(raw)
        except BlockingIOError:
            n_sent = 0
        if n_sent < len(raw):
            await self._send_rest(memoryview(raw)[n_sent:])
        return sent_ns, perf_counter_ns() - sent_ns

    async def _send_rest(self, rest: memoryview) -> None:
        # Watched for nothing but room: an answer that comes before the request is whole is read after it.
        self._unwatch()
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, rest)
        finally:
            if self.is_open:
                self._watch()

    # ------------------------------------------------------------ receiving

    def _readable(self, earliest_ns: int) -> bool:
        try:
            n_bytes, ancillary, _, _ = self._sock.recvmsg_into([_BUFFER], _ANCILLARY_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            return self._lost(error)
        read_ns, real_ns = perf_counter_ns(), time_ns()
        if n_bytes == 0:
            return self._lost(None)
        reception = self._reception
        if reception is None:
            return self._spoken_to_while_idle(n_bytes)
        at_ns = read_ns
        if ancillary:
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
            lag_ns = real_ns - seconds * NS_PER_S - nanoseconds
            # Both clocks are read here and now, so neither their offset nor its drift has to be known.
            if 0 <= lag_ns < _LONGEST_LAG_NS:
                at_ns = read_ns - lag_ns
            else:
                reception.all_by_kernel = False
        else:
            reception.all_by_kernel = False
        if earliest_ns == 0:
            # Somebody else's event loop: that it was late once is the best guess of how late it may have been.
            earliest_ns = at_ns - (read_ns - at_ns)
        if self._tls is None:
            return reception.received(_VIEW[:n_bytes].tobytes(), at_ns, read_ns, earliest_ns)
        return self._received_cipher(reception, n_bytes, at_ns, read_ns, earliest_ns)

    def _received_cipher(self, reception: Reception, n_bytes: int, at_ns: int, read_ns: int, earliest_ns: int) -> bool:
        assert self._tls is not None
        try:
            data, has_ended = self._tls.decrypt(_VIEW[:n_bytes], self._sock)
        except OSError as error:
            return self._lost(error)
        has_turn = reception.received(data, at_ns, read_ns, earliest_ns) if data else False
        return (self._lost(None) | has_turn) if has_ended else has_turn

    def _spoken_to_while_idle(self, n_bytes: int) -> bool:
        """Session tickets of TLS are nothing said; anything else on an idle connection makes it unusable."""
        if self._tls is not None:
            try:
                data, has_ended = self._tls.decrypt(_VIEW[:n_bytes], self._sock)
            except OSError as error:
                return self._lost(error)
            if not data and not has_ended:
                return False
        return self._lost(None)

    def _lost(self, error: BaseException | None) -> bool:
        reception = self._reception
        self.close()
        if reception is not None:
            return reception.lost(error)
        if self.on_gone is not None:
            self.on_gone(self)
        return False

    # ------------------------------------------------------------ between exchanges

    def rest(self, now_ns: int) -> None:
        self._reception = None
        self.idle_since_ns = now_ns

    def close(self) -> None:
        """At once; what has not been read is dropped. Safe to call twice."""
        if self.is_open:
            self.is_open = False
            self._unwatch()
            self._sock.close()

    def _watch(self) -> None:
        self._sockets.watch(self._descriptor, self._readable)
        self._is_watched = True

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._sockets.unwatch(self._descriptor)


def _stamped_by_kernel(sock: socket.socket) -> bool:
    if sys.platform != "linux" or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True
