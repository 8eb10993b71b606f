"""One connection: requests come in, wait for a free slot, are answered in order; then it goes on, ends or breaks."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter_ns

from evalharness.simulator.arrivals import receive
from evalharness.simulator.departures import DepartureLoop
from evalharness.simulator.effects import error_script
from evalharness.simulator.exchange import Ending, Framing, RejectedError, Script
from evalharness.simulator.framing import timetable
from evalharness.simulator.http1 import CONTINUE, HttpRequest, RequestReader, UnreadableError
from evalharness.simulator.player import Playback
from evalharness.simulator.service import Outcome, Service
from evalharness.simulator.slots import Slots
from evalharness.simulator.tls import TlsLayer
from evalharness.simulator.truth_log import TruthLog

#: How long a client may go on sending what nobody reads, before it is cut off.
_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What all connections of a server share."""

    loop: DepartureLoop
    service: Service
    log: TruthLog
    slots: Slots[Connection]
    tls: ssl.SSLContext | None
    refuse_for: Callable[[float], None]
    connections: set[Connection] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class _Work:
    """What is being answered. ``outcome`` None: no request, but the refusal of one that cannot be read.

    ``playback`` None: it waits for a slot.
    """

    script: Script
    keep_alive: bool
    read_ns: int
    stamp: str
    outcome: Outcome | None = None
    start_ns: int | None = None
    playback: Playback | None = None

    @property
    def takes_slot(self) -> bool:
        return self.outcome is not None and self.outcome.takes_slot


class Connection:
    """Reads and answers until one side ends it."""

    def __init__(self, premises: Premises, accepted: socket.socket, number: int) -> None:
        self._premises = premises
        self._socket = accepted
        self._number = number
        self._tls = None if premises.tls is None else TlsLayer(premises.tls)
        self._reader = RequestReader(premises.service.settings.max_body_bytes)
        self._work: _Work | None = None
        self._is_draining = False
        self._is_paused = False
        self._is_stale = False
        self._read_ns, self._stamp = 0, ""
        self._free_ns = 0
        premises.connections.add(self)
        premises.loop.add_reader(accepted, self._read)

    def stop(self) -> None:
        """The server ends."""
        self._lose("stopped")

    # ------------------------------------------------------------ in

    def _read(self) -> None:
        try:
            received, self._read_ns, self._stamp = receive(self._socket)
            plain = received if self._tls is None else self._tls.open(received)
        except BlockingIOError:
            return
        except OSError:
            # A reset, or ciphertext that is none: TLS may have something to say about it.
            received, plain = b"", None
        if self._tls is not None and self._work is None:
            self._say(b"")
        if not received or plain is None:
            self._lose("left")
        elif self._is_stale:
            self._reset()
        elif plain and not self._is_draining:
            self._reader.feed(plain)
            self._go_on()

    def _go_on(self) -> None:
        """Answers what has arrived, one request at a time."""
        try:
            while self._work is None and self._is_open and (request := self._reader.next_request()) is not None:
                self._answer(request)
        except UnreadableError as refused:
            self._refuse(refused.rejection)
            return
        if self._work is None and self._is_open and self._reader.take_continue():
            self._say(CONTINUE)
        self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        """A client that sends requests without end is not read before its last was answered."""
        if not self._is_open or self._reader.is_full == self._is_paused:
            return
        self._is_paused = self._reader.is_full
        if self._is_paused:
            self._premises.loop.remove_reader(self._socket)
        else:
            self._premises.loop.add_reader(self._socket, self._read)

    # ------------------------------------------------------------ out

    def _answer(self, request: HttpRequest) -> None:
        outcome = self._premises.service.answer(request)
        script = outcome.script
        can_go_on = script.ending in (Ending.COMPLETE, Ending.STALE) and script.framing is not Framing.CLOSE
        self._work = _Work(
            script=script,
            keep_alive=request.keep_alive and can_go_on,
            read_ns=self._read_ns,
            stamp=self._stamp,
            outcome=outcome,
        )
        if not outcome.takes_slot or self._premises.slots.take(self):
            self.begin(self._read_ns)

    def _refuse(self, rejection: RejectedError) -> None:
        self._is_draining = True
        script = error_script(rejection, {})
        self._work = _Work(script=script, keep_alive=False, read_ns=self._read_ns, stamp=self._stamp)
        self.begin(self._read_ns)

    def begin(self, free_ns: int) -> None:
        """The work on the request begins, ``free_ns`` at the earliest: all times of the response count from here."""
        work = self._work
        assert work is not None
        work.start_ns = max(free_ns, work.read_ns, self._free_ns)
        if work.script.status == 0:
            self._say_nothing(work.script)
            return
        table = timetable(work.script, start_ns=work.start_ns, keep_alive=work.keep_alive)
        work.playback = Playback(table, self._socket, self._tls, self._premises.loop, self._played)
        work.playback.begin()

    def _say_nothing(self, script: Script) -> None:
        self._ended(script.ending.value)
        if script.refuses_ms:
            self._premises.refuse_for(script.refuses_ms)
        if script.ending is Ending.RESET:
            self._reset()
        else:
            self._close(is_whole=False)

    def _played(self) -> None:
        work = self._work
        if work is None or work.playback is None:
            return
        if work.playback.has_left:
            self._lose("left")
            return
        self._free_ns = work.playback.due_end_ns
        self._ended(work.script.ending.value)
        if work.script.ending is Ending.RESET:
            self._reset()
        elif self._is_draining:
            self._drain()
        elif work.keep_alive:
            self._is_stale = work.script.ending is Ending.STALE
            self._go_on()
        else:
            self._close(is_whole=work.script.ending is Ending.COMPLETE)

    def _ended(self, how: str) -> None:
        """The record of the request is complete, and its slot is free."""
        work, self._work = self._work, None
        assert work is not None
        if work.outcome is None:
            return
        facts = {
            **work.outcome.facts,
            "connection": self._number,
            "read_ns": work.read_ns,
            "stamp": work.stamp,
            "queued_ns": None if work.start_ns is None else work.start_ns - work.read_ns,
            "ended": how,
        }
        self._premises.log.add(facts, work.playback)
        if work.takes_slot:
            self._leave_slot(work, how)

    def _leave_slot(self, work: _Work, how: str) -> None:
        slots = self._premises.slots
        if work.playback is None:
            slots.forget(self)
            return
        was_played = how not in ("left", "stopped")
        # By the plan and not by the clock: what this server is late does not add up from one request to the next.
        free_ns = work.playback.due_end_ns if was_played else perf_counter_ns()
        following = slots.give_back()
        if following is not None:
            following.begin(free_ns)

    def _say(self, body: bytes) -> None:
        """A few bytes outside of any response (handshake, interim head): the buffer of an idle socket has room."""
        sealed = body if self._tls is None else self._tls.seal(body)
        try:
            is_said = not sealed or self._socket.send(sealed) == len(sealed)
        except OSError:
            is_said = False
        if not is_said:
            self._lose("left")

    # ------------------------------------------------------------ ends

    @property
    def _is_open(self) -> bool:
        return self._socket.fileno() >= 0

    def _lose(self, how: str) -> None:
        if self._work is not None:
            if self._work.playback is not None:
                self._work.playback.leave()
            self._ended(how)
        self._close(is_whole=False)

    def _reset(self) -> None:
        """Closes with RST: what is not sent yet is lost, as when a peer's process dies. A Unix socket just ends."""
        if self._is_open:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._close(is_whole=False)

    def _drain(self) -> None:
        """Ends the sending side alone: to close with bytes unread would reset, and the answer might be lost."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(is_whole=False)
            return
        self._premises.loop.call_later(_DRAIN_S, self._lose, "left")

    def _close(self, *, is_whole: bool) -> None:
        if not self._is_open:
            return
        if is_whole and self._tls is not None:
            with suppress(OSError):
                self._socket.send(self._tls.farewell())
        self._premises.loop.remove_reader(self._socket)
        self._premises.connections.discard(self)
        self._socket.close()
