"""One response while it comes in: parsed just far enough to know where it ends, kept with its times for later.

Nothing of a stream is decoded here. The clocks look at what came only when one of them is due.
"""

from __future__ import annotations

import asyncio
from array import array

import httptools

from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ports import Activity, Clock, ResponseHead, Terms
from evalharness.core.units import NS_PER_S, ns_from_ms
from evalharness.transport.content import BodyTooLargeError, Content, ContentError, content_of
from evalharness.transport.heads import dated
from evalharness.transport.network_errors import NoAnswerError, broken, clock_failure

#: How long the end of a body is awaited after the terminal event, so that the connection can be used again.
DRAIN_NS = NS_PER_S
#: How often what came is looked at, where no clock is due: an ended stream must not wait for its idle clock.
_LOOK_NS = NS_PER_S
#: Kept before it is handed on to be decoded: so much memory a call in flight may take.
_HAND_ON_BYTES = 2**20
_MAX_HEAD_BYTES = 64 * 1024


class Reception:
    """The receiving half of one exchange. ``ended`` is awaited once; all the rest happens where the socket is read."""

    def __init__(self, terms: Terms, *, place: str, clock: Clock, started_ns: int) -> None:
        """``place`` is ``host:port``, for messages; the total clock runs from ``started_ns``."""
        self._terms = terms
        self._place = place
        self._wall = clock
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
        self._head_bytes = 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._kept: list[tuple[int, bytes]] = []
        self._kept_bytes = 0
        self._n_watched = 0
        #: What no sink took.
        self.reads: list[tuple[int, bytes]] = []
        self.read_ns = array("q")
        self.earliest_ns = array("q")
        self.all_by_kernel = True
        self.head: ResponseHead | None = None
        self.headers_ns: int | None = None
        self.failure: Failure | None = None
        self.is_over = False
        self.saw_bytes = False
        #: The body ended as its framing announced, nothing came after it, and the server will hear another request.
        self.leaves_open = False

    # ------------------------------------------------------------ waiting

    async def wait(self, sent_ns: int) -> None:
        """Until the response is over, however it ends."""
        self._clock_from_ns = sent_ns
        try:
            self._arm()
            while not self.is_over:
                self._turn = self._loop.create_future()
                await self._turn
                self._hand_on()
            self._hand_on()
        finally:
            self.is_over = True
            if self._timer is not None:
                self._timer.cancel()

    def _wake(self) -> bool:
        if self._turn is None or self._turn.done():
            return False
        self._turn.set_result(None)
        return True

    def _hand_on(self) -> None:
        if self._kept and self.head is not None:
            self._look()
            if self._terms.sink is None:
                self.reads += self._kept
            else:
                self._terms.sink(self.head, self._kept)
            self._kept, self._kept_bytes, self._n_watched = [], 0, 0

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
        self._look()
        now_ns = self._wall.monotonic_ns()
        if now_ns < self._due_ns():
            self._arm()
            return
        if self._ended_stream_ns is None:
            clock = TimeoutClock.TOTAL if now_ns >= self._total_at_ns else self._clock
            self.failure = clock_failure(clock, self._limits_ns[clock], self._place)
        # No clock runs while the end of a finished body is awaited: closing it early is no failure.
        self._end()
        self._wake()

    def _look(self) -> None:
        """What the reads since the last look were worth to the clocks."""
        if self._status and not 200 <= self._status < 300:
            return
        for at_ns, data in self._kept[self._n_watched :]:
            activity = self._terms.watch.saw(data)
            if activity is Activity.DATA and self._ended_stream_ns is None:
                self._clock, self._clock_from_ns = TimeoutClock.IDLE, at_ns
            elif activity is Activity.TERMINAL and self._ended_stream_ns is None:
                self._ended_stream_ns = at_ns
        self._n_watched = len(self._kept)

    # ------------------------------------------------------------ bytes

    def received(self, data: bytes, at_ns: int, read_ns: int, earliest_ns: int) -> bool:
        """One read of the socket; True where the waiting task has something to do now."""
        if self.is_over:
            self.leaves_open = False
            return False
        self.saw_bytes = True
        if self.head is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._pieces:
                self._keep(at_ns, read_ns, earliest_ns)
            self.failure = self.failure or self._unparsable(error)
            self._end()
            return self._wake()
        if self.head is None and self._head_bytes > _MAX_HEAD_BYTES:
            return self._too_much_head()
        if self.head is not None and self.headers_ns is None:
            self.headers_ns = at_ns
        if self._pieces:
            self._keep(at_ns, read_ns, earliest_ns)
        return self._wake() if self.is_over or self._kept_bytes > _HAND_ON_BYTES else False

    def _keep(self, at_ns: int, read_ns: int, earliest_ns: int) -> None:
        pieces, self._pieces = self._pieces, []
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.failure is not None:
            return
        assert self._content is not None
        try:
            data = self._content.decode(data)
        except BodyTooLargeError:
            limit = self._terms.limits.max_body_bytes
            message = f"the body is larger than limits.max_body_bytes ({limit})"
            self._refuse(FailureKind.TOO_LARGE, message)
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
        is_complete = error is None and self.head is not None and not self._is_framed
        if not is_complete:
            cause = error or NoAnswerError("the connection was closed")
            self.failure = self.failure or broken(cause, self._place, has_head=self.head is not None)
        self._end()
        return self._wake()

    @property
    def _is_framed(self) -> bool:
        return "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()

    def _unparsable(self, error: Exception) -> Failure:
        cause = NoAnswerError(f"what it sent is not HTTP/1.1: {error}")
        return broken(cause, self._place, has_head=self.head is not None)

    def _too_much_head(self) -> bool:
        message = f"the response head of {self._place} is too large"
        self.failure = Failure(kind=FailureKind.TOO_LARGE, message=message)
        self._end()
        return self._wake()

    def _refuse(self, kind: FailureKind, message: str) -> None:
        self.failure = Failure(kind=kind, message=message, http_status=self._status)
        self.leaves_open = False
        self._end()

    def _end(self) -> None:
        self.is_over = True

    # ------------------------------------------------------------ told by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            # An interim response: the one that counts is still to come.
            self._headers.clear()
            self._head_bytes = 0
            return
        self._status = status
        self.head = ResponseHead(status=status, headers=dated(self._headers, self._wall))
        if 300 <= status < 400:
            target = self._headers.get("location", "nowhere")
            self._refuse(FailureKind.REDIRECT, f"HTTP {status}: redirected to {target}, which is never followed")
            return
        try:
            encoding = self._headers.get("content-encoding", "")
            self._content = content_of(encoding, max_bytes=self._terms.limits.max_body_bytes)
        except ContentError as error:
            self._refuse(FailureKind.PROTOCOL, str(error))

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        if self.head is None:
            return
        if self.is_over:
            # A second message nobody asked for.
            self.leaves_open = False
            return
        self.leaves_open = self.failure is None and self._parser.should_keep_alive()
        self.is_over = True

    def on_message_begin(self) -> None:
        if self.is_over:
            self.leaves_open = False
