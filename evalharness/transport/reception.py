"""One response while it comes in: parsed just far enough to know where it ends, kept with its times for later.

Nothing of a stream is decoded here. The clocks look at what came only when one of them is due.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass

import httptools

from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ports import Activity, Clock, ResponseHead, Terms
from evalharness.core.units import NS_PER_S, ns_from_ms
from evalharness.transport.content import BodyTooLargeError, Content, ContentError, content_of
from evalharness.transport.deadlines import DRAIN_NS
from evalharness.transport.heads import dated
from evalharness.transport.network_errors import NoAnswerError, broken, clock_failure

#: How often what came is looked at, where no clock is due: an ended stream must not wait for its idle clock.
_LOOK_NS = NS_PER_S
#: Kept before it is handed on to be decoded: so much memory a call in flight may take.
_HAND_ON_BYTES = 2**20
#: So much may come without a byte of a body: a head, interim heads before it, extensions of a chunk, trailers.
_MAX_FRAMING_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an answer is read for. As a rule whole, decoded, and from nowhere else than asked.

    ``is_raw``: content encodings and redirects are the reader's own business, who takes what came as soon as it
    comes; the idle clock is then that of sending, and ends with the head. ``has_no_body``: the request was a HEAD.
    """

    is_raw: bool = False
    has_no_body: bool = False


WHOLE = Wanted()


class Reception:
    """The receiving half of one exchange. ``wait`` is awaited once; all the rest happens where the socket is read."""

    def __init__(self, terms: Terms, *, place: str, clock: Clock, started_ns: int, wanted: Wanted = WHOLE) -> None:
        """``place`` is ``host:port``, for messages; the total clock runs from ``started_ns``."""
        self._terms = terms
        self._place = place
        self._wall = clock
        self._wanted = wanted
        self._loop = asyncio.get_running_loop()
        self._turn: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._content: Content | None = None
        self._limits_ns = {
            TimeoutClock.FIRST_EVENT: ns_from_ms(terms.timeouts.first_event),
            TimeoutClock.IDLE: ns_from_ms(terms.timeouts.idle),
            TimeoutClock.TOTAL: ns_from_ms(terms.timeouts.total),
        }
        self._total_at_ns = started_ns + self._limits_ns[TimeoutClock.TOTAL]
        self._clock = TimeoutClock.FIRST_EVENT
        self._clock_from_ns = started_ns
        self._ended_stream_ns: int | None = None
        self._framing_bytes = 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._kept: list[tuple[int, bytes]] = []
        self._kept_bytes = 0
        self._n_watched = 0
        self._defect: Exception | None = None
        #: What no sink took.
        self.reads: list[tuple[int, bytes]] = []
        self.read_ns = array("q")
        self.earliest_ns = array("q")
        self.all_by_kernel = True
        self.head: ResponseHead | None = None
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.headers_ns: int | None = None
        self.failure: Failure | None = None
        #: The exception behind ``failure``, where there was one.
        self.cause: BaseException | None = None
        self.is_over = False
        self.saw_bytes = False
        #: The body ended as its framing announced, nothing came after it, and the server will hear another request.
        self.leaves_open = False

    # ------------------------------------------------------------ waiting

    async def wait(self, sent_ns: int) -> None:
        """Until the response is over, however it ends."""
        self._start(sent_ns)
        try:
            while not self.is_over:
                await self.turn()
                self._hand_on()
            self._raise_defect()
            self._hand_on()
        finally:
            self.stop()

    async def wait_for_head(self, sent_ns: int) -> None:
        """Until the head is there, or all is over; after it no clock runs."""
        self._start(sent_ns)
        while self.head is None and not self.is_over:
            await self.turn()
        self._raise_defect()
        self._disarm()

    async def turn(self) -> None:
        """Until there is something to do, if it is not over. Raises what a defect of this program raised."""
        if not self.is_over:
            self._turn = self._loop.create_future()
            await self._turn
        self._raise_defect()

    def stop(self) -> None:
        self.is_over = True
        self._disarm()

    def _start(self, sent_ns: int) -> None:
        if not self._wanted.is_raw:
            self._clock_from_ns = sent_ns
        self._arm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _raise_defect(self) -> None:
        if self._defect is not None:
            raise self._defect

    def take(self) -> list[tuple[int, bytes]]:
        """What came since the last time."""
        kept, self._kept, self._kept_bytes, self._n_watched = self._kept, [], 0, 0
        return kept

    @property
    def is_full(self) -> bool:
        """Its reader takes its time: nothing more should be read until ``take``."""
        return self._wanted.is_raw and self._kept_bytes > _HAND_ON_BYTES

    def sent(self, now_ns: int, *, whole: bool) -> None:
        """Some of the request has been sent. A raw reader's clocks, like httpx's, count from the last that was."""
        if self._wanted.is_raw:
            self._clock = TimeoutClock.FIRST_EVENT if whole else TimeoutClock.IDLE
            self._clock_from_ns = now_ns

    def broke(self, defect: Exception) -> bool:
        self._defect = defect
        self.leaves_open = False
        self.is_over = True
        return self._wake()

    def _wake(self) -> bool:
        if self._turn is None or self._turn.done():
            return False
        self._turn.set_result(None)
        return True

    def _hand_on(self) -> None:
        if self._kept and self.head is not None:
            self._look()
            if self._terms.sink is None:
                self.reads += self.take()
            else:
                self._terms.sink(self.head, self.take())

    # ------------------------------------------------------------ the clocks

    def _arm(self) -> None:
        now_ns = self._wall.monotonic_ns()
        at_ns = min(self._due_ns(), now_ns + _LOOK_NS)
        self._timer = self._loop.call_at(self._loop.time() + max(0, at_ns - now_ns) / NS_PER_S, self._tick)

    def _due_ns(self) -> int:
        if self._ended_stream_ns is not None:
            return self._ended_stream_ns + DRAIN_NS
        return min(self._total_at_ns, self._clock_from_ns + self._limits_ns[self._clock])

    def _tick(self) -> None:
        if self.is_over:
            # It ended in the same turn of the loop; whoever waits for it has not run yet.
            return
        try:
            self._look()
        except Exception as error:
            self.broke(error)
            return
        now_ns = self._wall.monotonic_ns()
        if now_ns < self._due_ns():
            self._arm()
            return
        if self._ended_stream_ns is None:
            clock = TimeoutClock.TOTAL if now_ns >= self._total_at_ns else self._clock
            self.failure = clock_failure(clock, self._limits_ns[clock], self._place)
        # No clock runs while the end of a finished body is awaited: closing it early is no failure.
        self.is_over = True
        self._wake()

    def _look(self) -> None:
        """What the reads since the last look were worth to the clocks."""
        for at_ns, data in self._kept[self._n_watched :]:
            # The body of an error is no stream: whatever comes of it is what is waited for.
            activity = self._terms.watch.saw(data) if 200 <= self._status < 300 else Activity.DATA
            if activity is Activity.DATA and self._ended_stream_ns is None:
                self._clock, self._clock_from_ns = TimeoutClock.IDLE, at_ns
            elif activity is Activity.TERMINAL and self._ended_stream_ns is None:
                self._ended_stream_ns = at_ns
        self._n_watched = len(self._kept)

    # ------------------------------------------------------------ bytes

    def received(self, data: memoryview | bytes, at_ns: int, read_ns: int, earliest_ns: int) -> bool:
        """One read of the socket; True where the waiting task has something to do now. ``data`` is not kept."""
        if self.is_over:
            self.leaves_open = False
            return False
        self.saw_bytes = True
        error = self._parse(data)
        if self.head is not None and self.headers_ns is None:
            self.headers_ns = at_ns
        if self._pieces:
            self._framing_bytes = 0
            self._keep(at_ns, read_ns, earliest_ns)
        else:
            self._framing_bytes += len(data)
        self._judge(error)
        return self._wake() if self.is_over or self._has_news() else False

    def _has_news(self) -> bool:
        if self._wanted.is_raw:
            return self.head is not None
        return self._kept_bytes > _HAND_ON_BYTES

    def _parse(self, data: memoryview | bytes) -> Exception | None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return error
        return None

    def _judge(self, error: Exception | None) -> None:
        if self.is_over:
            # What follows the answer was no answer to anything.
            self.leaves_open = self.leaves_open and error is None
        elif error is not None:
            self._fail(NoAnswerError(f"what it sent is not HTTP/1.1: {error}"))
        elif self._framing_bytes > _MAX_FRAMING_BYTES:
            what = "response head" if self.head is None else "framing of the body"
            self._refuse(FailureKind.TOO_LARGE, f"the {what} of {self._place} is too large")

    def _keep(self, at_ns: int, read_ns: int, earliest_ns: int) -> None:
        pieces, self._pieces = self._pieces, []
        assert self._content is not None
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        try:
            data = self._content.decode(data)
        except BodyTooLargeError:
            limit = self._terms.limits.max_body_bytes
            self._refuse(FailureKind.TOO_LARGE, f"the body is larger than limits.max_body_bytes ({limit})")
            return
        except ContentError as error:
            self._refuse(FailureKind.PROTOCOL, str(error))
            return
        if data:
            self._kept.append((at_ns, data))
            self._kept_bytes += len(data)
            self.read_ns.append(read_ns)
            self.earliest_ns.append(earliest_ns)

    def lost(self, error: BaseException | None) -> bool:
        """The connection is gone: None for its regular end, which ends a body without a framing too."""
        if self.is_over:
            self.leaves_open = False
            return False
        if error is not None or self.head is None or self._is_framed:
            self._fail(error or NoAnswerError("the connection was closed"))
        self.is_over = True
        return self._wake()

    @property
    def _is_framed(self) -> bool:
        return "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()

    def _fail(self, cause: BaseException) -> None:
        self.cause = cause
        self.failure = broken(cause, self._place, has_head=self.head is not None)
        self.is_over = True

    def _refuse(self, kind: FailureKind, message: str) -> None:
        self.failure = Failure(kind=kind, message=message, http_status=self._status or None)
        self.leaves_open = False
        self.is_over = True

    # ------------------------------------------------------------ told by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head is not None:
            # A trailer: nothing that anybody here waits for.
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text
        self.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            # An interim response: the one that counts is still to come.
            self._headers.clear()
            self.raw_headers.clear()
            return
        if self.head is not None:
            # A second answer to one request.
            return
        self._status = status
        self.head = ResponseHead(status=status, headers=dated(self._headers, self._wall))
        if 300 <= status < 400 and not self._wanted.is_raw:
            target = self._headers.get("location", "nowhere")
            self._refuse(FailureKind.REDIRECT, f"HTTP {status}: redirected to {target}, which is never followed")
        elif self._wanted.has_no_body:
            self.leaves_open = self._parser.should_keep_alive()
            self.is_over = True
        else:
            self._open_content()

    def _open_content(self) -> None:
        coding = self._headers.get("transfer-encoding", "chunked").strip().lower()
        if coding not in ("chunked", "identity"):
            self._refuse(
                FailureKind.PROTOCOL, f"the body is in the transfer coding {coding[:40]!r}: only chunked is known"
            )
            return
        encoding = "" if self._wanted.is_raw else self._headers.get("content-encoding", "")
        try:
            self._content = content_of(encoding, max_bytes=self._terms.limits.max_body_bytes)
        except ContentError as error:
            self._refuse(FailureKind.PROTOCOL, str(error))

    def on_body(self, data: bytes) -> None:
        if self.is_over:
            # Of an answer that was refused, to a HEAD, or to no request at all.
            self.leaves_open = False
        else:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        if self.head is None:
            return
        if self.is_over:
            # A second message nobody asked for, or the end of one that was refused.
            self.leaves_open = False
            return
        self.leaves_open = self._parser.should_keep_alive()
        self.is_over = True

    def on_message_begin(self) -> None:
        if self.is_over:
            self.leaves_open = False
