"""One response while it comes in: parsed just far enough to know where it ends, kept with its times for later.

Nothing of a stream is decoded here. The clocks look at what came only when one of them is due.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass

from evalharness.core.failure import Clock as TimeoutClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.ports import Activity, Clock, ResponseHead, Terms
from evalharness.core.units import NS_PER_S
from evalharness.transport.content import BodyTooLargeError, Content, ContentError, content_of
from evalharness.transport.framing import Framing
from evalharness.transport.heads import dated
from evalharness.transport.network_errors import NoAnswerError, broken, clock_failure
from evalharness.transport.patience import Patience

#: How often what came is looked at, where no clock is due: an ended stream must not wait for its idle clock.
_LOOK_NS = NS_PER_S
#: Kept before it is handed on to be decoded: so much memory a call in flight may take.
HAND_ON_BYTES = 2**20


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
        self._framing = Framing(has_no_body=wanted.has_no_body)
        self._content: Content | None = None
        self._patience = Patience(terms.timeouts, started_ns=started_ns)
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
        self.headers_ns: int | None = None
        self.failure: Failure | None = None
        #: The exception behind ``failure``, where there was one.
        self.cause: BaseException | None = None
        self.is_over = False
        self.saw_bytes = False

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
        self._framing.let_go()

    def _start(self, sent_ns: int) -> None:
        if not self._wanted.is_raw:
            self._patience.run(TimeoutClock.FIRST_EVENT, sent_ns)
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
    def has_kept(self) -> bool:
        """Whether ``take`` would give something."""
        return bool(self._kept)

    @property
    def is_full(self) -> bool:
        """Its reader takes its time: nothing more should be read until ``take``."""
        return self._wanted.is_raw and self._kept_bytes > HAND_ON_BYTES

    def sent(self, now_ns: int, *, whole: bool) -> None:
        """Some of the request has been sent. A raw reader's clocks, like httpx's, count from the last that was."""
        if self._wanted.is_raw:
            self._patience.run(TimeoutClock.FIRST_EVENT if whole else TimeoutClock.IDLE, now_ns)

    def broke(self, defect: Exception) -> bool:
        self._defect = defect
        self.is_over = True
        return self._wake()

    def _wake(self) -> bool:
        if self._turn is None or self._turn.done():
            return False
        self._turn.set_result(None)
        return True

    def _hand_on(self) -> None:
        if self._kept and self.head is not None:
            if not self.is_over:
                # Before they are gone. Of an answer that is over no clock wants to know.
                self._look()
            if self._terms.sink is None:
                self.reads += self.take()
            else:
                self._terms.sink(self.head, self.take())

    # ------------------------------------------------------------ the clocks

    def _arm(self) -> None:
        now_ns = self._wall.monotonic_ns()
        at_ns = min(self._patience.due_ns, now_ns + _LOOK_NS)
        self._timer = self._loop.call_at(self._loop.time() + max(0, at_ns - now_ns) / NS_PER_S, self._tick)

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
        if now_ns < self._patience.due_ns:
            self._arm()
            return
        if lost_to := self._patience.lost_to(now_ns):
            clock, limit_ns = lost_to
            self.failure = clock_failure(clock, limit_ns, self._place)
        self.is_over = True
        self._wake()

    def _look(self) -> None:
        """What the reads since the last look were worth to the clocks."""
        is_stream = 200 <= self._framing.status < 300
        for at_ns, data in self._kept[self._n_watched :]:
            # The body of an error is no stream: whatever comes of it is what is waited for.
            self._patience.saw(self._terms.watch.saw(data) if is_stream else Activity.DATA, at_ns)
        self._n_watched = len(self._kept)

    # ------------------------------------------------------------ bytes

    def received(self, data: memoryview | bytes, at_ns: int, read_ns: int, earliest_ns: int) -> bool:
        """One read of the socket; True where the waiting task has something to do now. ``data`` is not kept."""
        framing = self._framing
        if self.is_over:
            framing.leaves_open = False
            return False
        self.saw_bytes = True
        body, error = framing.feed(data)
        if framing.status and self.head is None:
            self._take_head(at_ns)
        if body and self._content is not None:
            self._keep(self._content, body, (at_ns, read_ns, earliest_ns))
        if self.failure is None:
            self._judge(error)
        return self._wake() if self.is_over or self._has_news() else False

    def _has_news(self) -> bool:
        if self._wanted.is_raw:
            return self.head is not None
        return self._kept_bytes > HAND_ON_BYTES

    def _take_head(self, at_ns: int) -> None:
        framing, status = self._framing, self._framing.status
        self.head = ResponseHead(status=status, headers=dated(framing.headers, self._wall))
        self.headers_ns = at_ns
        if 300 <= status < 400 and not self._wanted.is_raw:
            target = framing.headers.get("location", "nowhere")
            self._refuse(FailureKind.REDIRECT, f"HTTP {status}: redirected to {target}, which is never followed")
        elif coding := framing.foreign_coding:
            self._refuse(FailureKind.PROTOCOL, f"the body is in the transfer coding {coding[:40]!r}, not in chunks")
        else:
            self._open_content("" if self._wanted.is_raw else framing.headers.get("content-encoding", ""))

    def _open_content(self, encoding: str) -> None:
        try:
            self._content = content_of(encoding, max_bytes=self._terms.limits.max_body_bytes)
        except ContentError as error:
            self._refuse(FailureKind.PROTOCOL, str(error))

    def _keep(self, content: Content, body: bytes, times_ns: tuple[int, int, int]) -> None:
        try:
            data = content.decode(body)
        except BodyTooLargeError:
            limit = self._terms.limits.max_body_bytes
            self._refuse(FailureKind.TOO_LARGE, f"the body is larger than limits.max_body_bytes ({limit})")
            return
        except ContentError as error:
            self._refuse(FailureKind.PROTOCOL, str(error))
            return
        if data:
            at_ns, read_ns, earliest_ns = times_ns
            self._kept.append((at_ns, data))
            self._kept_bytes += len(data)
            self.read_ns.append(read_ns)
            self.earliest_ns.append(earliest_ns)

    def _judge(self, error: Exception | None) -> None:
        if error is not None:
            self._fail(NoAnswerError(f"what it sent is not HTTP/1.1: {error}"))
        elif self._framing.is_endless:
            what = "response head" if self.head is None else "framing of the body"
            self._refuse(FailureKind.TOO_LARGE, f"the {what} of {self._place} is too large")
        elif self._framing.is_complete:
            self.is_over = True

    def lost(self, error: BaseException | None) -> bool:
        """The connection is gone: None for its regular end, which ends a body without a length too."""
        if self.is_over:
            return False
        if error is not None or self.head is None or self._framing.has_length:
            self._fail(error or NoAnswerError("the connection was closed"))
        self.is_over = True
        return self._wake()

    @property
    def leaves_open(self) -> bool:
        """The body ended as its framing announced, nothing came after it, and the server will hear another request."""
        return self._framing.leaves_open and self.failure is None

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """As they came, for whoever has to tell repeated ones apart."""
        return self._framing.raw_headers

    def _fail(self, cause: BaseException) -> None:
        self.cause = cause
        self.failure = broken(cause, self._place, has_head=self.head is not None)
        self.is_over = True

    def _refuse(self, kind: FailureKind, message: str) -> None:
        self.failure = Failure(kind=kind, message=message, http_status=self._framing.status or None)
        self.is_over = True
