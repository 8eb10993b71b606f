"""One connection: a socket, perhaps TLS over it, and whoever is being answered on it right now."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from time import perf_counter_ns

from evalharness.transport.arrival import ANCILLARY_BYTES, ArrivalClock, stamped_by_kernel
from evalharness.transport.loop import Sockets
from evalharness.transport.network_errors import NoAnswerError
from evalharness.transport.reception import Reception
from evalharness.transport.tls import Tls

_READ_BYTES = 64 * 1024

#: One buffer for all sockets: a read is copied out of it before the next one, and nothing is cleared for it.
_BUFFER = bytearray(_READ_BYTES)
_VIEW = memoryview(_BUFFER)
_NOTHING = memoryview(b"")


class Connection:
    """Idle, or with one reception. ``on_gone`` is told once when it ends while idle."""

    def __init__(self, sock: socket.socket, tls: Tls | None, sockets: Sockets) -> None:
        """Raises ``OSError`` where what came with the end of the TLS handshake breaks it already."""
        self._sock = sock
        self._tls = tls
        self._sockets = sockets
        self._descriptor = sock.fileno()
        self._reception: Reception | None = None
        self._unsent = _NOTHING
        self._send_error: OSError | None = None
        self._sent_ns = 0
        self._handed_over_ns: int | None = None
        self._is_watched = False
        self.has_kernel_stamps = stamped_by_kernel(sock)
        self._arrivals = ArrivalClock()
        self._emptied_ns = perf_counter_ns()
        self._left_over_since_ns: int | None = None
        self.is_open = True
        self.idle_since_ns = 0
        self.on_gone: Callable[[Connection], None] | None = None
        if tls is not None:
            # Session tickets that came with the end of the handshake.
            tls.decrypt(b"")
        self.watch()

    # ------------------------------------------------------------ sending

    def send(self, data: bytes, reception: Reception) -> int:
        """Hand over a request whose answer goes to ``reception``; the moment just before, in ns.

        What the socket does not take at once follows as it finds room, while an answer may come in already. A
        connection that breaks under it is told by the reception.
        """
        self._reception = reception
        self._handed_over_ns = None
        self._arrivals.rest()
        try:
            raw = data if self._tls is None else self._tls.encrypt(data)
        except OSError as error:
            self._sent_ns = perf_counter_ns()
            self._lost(error)
            return self._sent_ns
        self._unsent = memoryview(raw)
        self._sent_ns = self._emptied_ns = perf_counter_ns()
        self._write()
        self._wait_for_room()
        return self._sent_ns

    @property
    def is_sending(self) -> bool:
        """The request is not whole on its way: still, or for good."""
        return bool(self._unsent) or self._send_error is not None

    def send_ns(self, now_ns: int) -> int:
        """How long handing over the request took, or has taken so far."""
        return (self._handed_over_ns or now_ns) - self._sent_ns

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            # The end is found by reading: the answer to a request that was refused while it was sent may be there.
            self._send_error, self._unsent = error, _NOTHING
        now_ns = perf_counter_ns()
        if not self._unsent and self._handed_over_ns is None:
            self._handed_over_ns = now_ns
        if self._reception is not None:
            self._reception.sent(now_ns, whole=not self._unsent)

    def _wait_for_room(self) -> None:
        if self._unsent and self._is_watched:
            self._sockets.watch_room(self._descriptor, self._room)

    def _room(self) -> bool:
        self._write()
        if not self._unsent:
            self._sockets.unwatch_room(self._descriptor)
        return False

    # ------------------------------------------------------------ receiving

    def _readable(self, earliest_ns: int) -> bool:
        try:
            return self._read(earliest_ns)
        except Exception as error:
            # A defect of this program ends this exchange, loudly, and not the event loop with all the others.
            reception = self._reception
            self.close()
            if reception is not None:
                return reception.broke(error)
            context = {"message": "an idle connection could not be read", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return False

    def _read(self, earliest_ns: int) -> bool:
        try:
            n_bytes, ancillary, _, _ = self._sock.recvmsg_into([_BUFFER], ANCILLARY_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            return self._lost(error)
        if n_bytes == 0:
            return self._ended()
        reception = self._reception
        if reception is None:
            return self._spoken_to_while_idle(n_bytes)
        read_ns, came_ns = self._arrivals.date(ancillary)
        if came_ns is None:
            reception.all_by_kernel = False
        earliest_ns = self._earliest_ns(earliest_ns, came_ns)
        self._left_over_since_ns = earliest_ns if n_bytes == _READ_BYTES else None
        self._emptied_ns = read_ns
        at_ns = read_ns if came_ns is None else came_ns
        if self._tls is None:
            has_turn = reception.received(_VIEW[:n_bytes], at_ns, read_ns, earliest_ns)
        else:
            has_turn = self._received_cipher(reception, n_bytes, (at_ns, read_ns, earliest_ns))
        if reception.is_full:
            self.unwatch()
        return has_turn

    def _earliest_ns(self, earliest_ns: int, came_ns: int | None) -> int:
        """Before which nothing of this read can have come; 0 where that is not known."""
        if self._left_over_since_ns is not None:
            # More was waiting than one read takes.
            return self._left_over_since_ns
        if came_ns is None:
            return earliest_ns
        surely_ns = self._sockets.woken_by(came_ns)
        if came_ns < earliest_ns or earliest_ns == 0:
            # It took longer to wake up than it nearly always does.
            return max(surely_ns, self._emptied_ns) if self._emptied_ns <= came_ns else surely_ns
        return earliest_ns

    def _received_cipher(self, reception: Reception, n_bytes: int, times_ns: tuple[int, int, int]) -> bool:
        assert self._tls is not None
        try:
            data, has_ended = self._tls.decrypt(_VIEW[:n_bytes])
        except OSError as error:
            return self._lost(error)
        self._answer_tls()
        has_turn = reception.received(data, *times_ns) if data else False
        return (self._lost(None) | has_turn) if has_ended else has_turn

    def _answer_tls(self) -> None:
        """A key update is answered, after what is still to be sent."""
        assert self._tls is not None
        if answer := self._tls.to_say():
            self._unsent = memoryview(bytes(self._unsent) + answer)
            self._write()
            self._wait_for_room()

    def _spoken_to_while_idle(self, n_bytes: int) -> bool:
        """Session tickets of TLS are nothing said; anything else on an idle connection makes it unusable."""
        if self._tls is not None:
            try:
                data, has_ended = self._tls.decrypt(_VIEW[:n_bytes])
            except OSError as error:
                return self._lost(error)
            if not data and not has_ended:
                self._answer_tls()
                return False
        return self._lost(None)

    def _ended(self) -> bool:
        if self._send_error is not None:
            return self._lost(self._send_error)
        if self._tls is not None:
            # RFC 9112, 9.8: a body without a length is complete only if TLS said goodbye.
            return self._lost(NoAnswerError("the connection was closed without the end of TLS"))
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

    def is_quiet(self) -> bool:
        """Whether it is open and nothing lies in it unread: neither its end nor a word that answers no request.
        For a connection that is idle; its ``on_gone`` is told where it was not."""
        if self.is_open:
            self._readable(0)
        return self.is_open

    def rest(self, now_ns: int) -> None:
        self._reception = None
        self.idle_since_ns = now_ns

    def close(self) -> None:
        """At once; what has not been read is dropped. Safe to call twice."""
        if self.is_open:
            self.is_open = False
            self.unwatch()
            self._sock.close()

    def watch(self) -> None:
        """Read on; safe to call twice, and on a closed connection."""
        if self.is_open and not self._is_watched:
            self._sockets.watch(self._descriptor, self._readable)
            self._is_watched = True
            self._wait_for_room()

    def unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._sockets.unwatch(self._descriptor)
