"""Every protocol of the project in one file: the catalogue of what can be plugged in or replaced.

A plug-in is a module named after what a suite writes (``type: numeric`` is ``graders/numeric.py``). The folder is the
registry: nothing is imported until it is named.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeAlias, runtime_checkable

from evalharness.core.failure import Failure
from evalharness.core.model import Case, Json, Limits, Status, Timeouts, Trial
from evalharness.core.record import (
    Answer,
    Call,
    Observed,
    RunRecord,
    Score,
    Stamps,
    StampSource,
    TrialResult,
    Usage,
)


class Clock(Protocol):
    def monotonic_ns(self) -> int: ...
    def utc_ns(self) -> int: ...


# ---------------------------------------------------------------- wire


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """What a codec makes of an arm and its input: the path below the base URL and the body."""

    path: str
    body: Mapping[str, Json]
    stream: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseHead:
    """Status line and headers; header names in lower case, repeated ones joined by ``, ``."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a decoder made of one exchange. ``status`` error goes with a ``failure``.

    ``stamps`` holds what the decoder saw (first event to done); the transport's own stamps are merged by the engine.
    ``partial_text`` is visible text received before an attempt broke off.
    """

    status: Status
    answer: Answer = field(default_factory=Answer)
    usage: Usage | None = None
    failure: Failure | None = None
    stamps: Stamps = field(default_factory=Stamps)
    n_events: int = 0
    n_deltas: int = 0
    n_reads: int = 0
    unknown_events: Mapping[str, int] = field(default_factory=dict)
    anomalies: tuple[str, ...] = ()
    partial_text: str | None = None


class Decoder(Protocol):
    """Sans-I/O: bytes and their arrival in, one ``Decoded`` out. Any split of the same bytes gives the same events."""

    def feed(self, at_ns: int, data: bytes) -> None: ...

    def feed_reads(self, reads: Sequence[tuple[int, bytes]]) -> None:
        """The same as ``feed`` for each of them in order, to the byte; quicker for many."""
        ...

    def finish(self, transport_failure: Failure | None) -> Decoded:
        """End of the body. ``transport_failure`` says why it ended early; an answer that was complete stands."""
        ...


class Activity(Enum):
    """What one read was worth to the clocks of a transport."""

    NOTHING = "nothing"
    DATA = "data"
    TERMINAL = "terminal"


class Watch(Protocol):
    """Told of every read by the transport, so that comments do not reset a clock and an ended stream is not waited for.

    Cheap: looks for line starts and the terminal event, decodes nothing.
    """

    def saw(self, data: bytes) -> Activity: ...


class WireProtocol(Protocol):
    """``wire/NAME.py``: one dialect. ``encode`` raises ``ValueError`` for a field that has no counterpart."""

    def encode(self, *, model: str, input: Json, request: Mapping[str, Json]) -> WireRequest:
        """``request`` is in Responses API spelling; ``input`` a string or a list of input items."""
        ...

    def decoder(self, *, head: ResponseHead, stream: bool) -> Decoder: ...

    def watch(self, *, stream: bool) -> Watch: ...


# ---------------------------------------------------------------- transport


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """Ready to send: ``body`` is the encoded JSON. The transport adds the key and nothing else to ``headers``."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """What happened on the wire in one attempt, undecoded.

    ``reads`` are (arrival on the monotonic clock, bytes of the decoded body). ``connect_ns`` is a duration.
    ``failure`` is the transport's own (connection, timeout, stream_cut, too_large, redirect), None where the body ended
    as announced. ``resent``: a connection that had been kept open ended without a byte, and the request went out again
    on a new one, of which all the rest tells.

    How well it was seen: ``send_ns``, how long handing over the request took after ``sent_ns``. One entry per read in
    ``earliest_ns``, before which none of its bytes can have come, and in ``read_ns``, when it was taken from the
    socket; both are empty where a transport cannot tell.
    """

    sent_ns: int
    closed_ns: int
    connect_ns: int | None = None
    connection_reused: bool | None = None
    headers_ns: int | None = None
    head: ResponseHead | None = None
    reads: Sequence[tuple[int, bytes]] = ()
    failure: Failure | None = None
    resent: bool = False
    source: StampSource = StampSource.USER
    send_ns: int = 0
    earliest_ns: array[int] = field(default_factory=lambda: array("q"))
    read_ns: array[int] = field(default_factory=lambda: array("q"))


#: Takes the reads of a body as they gather, at the latest when it has ended.
ReadSink: TypeAlias = Callable[[ResponseHead, Sequence[tuple[int, bytes]]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one exchange is held to.

    With ``at_ns`` nothing is sent before that moment of the monotonic clock. With a ``sink`` the reads of the body go
    there and the tape has none: a long answer is decoded while it comes, and takes no more memory than a short one.
    """

    timeouts: Timeouts
    limits: Limits
    watch: Watch
    at_ns: int | None = None
    sink: ReadSink | None = None


class Transport(Protocol):
    """One endpoint's way to the wire: the only reader of sockets. Never raises for what a service did."""

    async def open(self, connections: int, /) -> None:
        """Connect ahead of the first exchange, as well as it goes: a failure is met again by the exchange itself."""
        ...

    async def exchange(self, request: HttpRequest, terms: Terms) -> Tape:
        """One attempt."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One attempt, sent and understood. ``tape`` comes without its reads: they have been decoded."""

    tape: Tape
    decoded: Decoded
    observed: Observed | None = None


class Exchanger(Protocol):
    """One endpoint, its transport and its codec together, in this process or in another."""

    async def open(self, connections: int, /) -> None: ...

    async def exchange(self, request: HttpRequest, *, stream: bool, at_ns: int | None = None) -> Exchange: ...

    async def close(self) -> None: ...


# ---------------------------------------------------------------- graders


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What a grader sees of a trial: its calls in order and the measured values (``latency_ms``, ``ttfo_ms``,
    ``total_ms``, ``output_tokens``, ``cost_usd``, …; None where not measured)."""

    status: Status
    calls: Sequence[Call]
    measured: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def answer(self) -> Answer:
        return self.calls[-1].answer


@runtime_checkable
class Grader(Protocol):
    """``graders/NAME.py`` holds a pydantic model of its parameters named ``Params`` and a class ``Grader(params)``.

    ``params`` are rendered for the case. Pure: no clock, no randomness, no I/O, no memory of other cases.
    """

    def grade(self, case: Case, transcript: Transcript) -> Score: ...


class CodeEnd(Enum):
    """How code in isolation ended. ``REFUSED``: it was not run, and says nothing about itself; ``STARVED``: the machine
    gave it too little of its wall clock time to tell anything."""

    EXIT = "exit"
    SIGNAL = "signal"
    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    OUTPUT = "output"
    STARVED = "starved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeQuestion:
    """Code to run in isolation: by which driver (``engine/isolated/drivers.py``), with what, beside which files of the
    suite's folder, within how many seconds of processor time."""

    driver: str
    arguments: Mapping[str, Json]
    files: Sequence[str] = ()
    stdin: str = ""
    cpu_s: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAnswer:
    """``detail`` goes with ``end``: an exit code, a signal's number, a reason. ``report`` is the driver's, None where
    it gave none."""

    end: CodeEnd
    detail: str = ""
    report: Json = None
    stdout: str = ""


@runtime_checkable
class AskingGrader(Protocol):
    """A grader that has to know what code does. Pure like the others: the engine runs the code in between."""

    def questions(self, case: Case, transcript: Transcript) -> Sequence[CodeQuestion]: ...

    def decide(self, case: Case, transcript: Transcript, answers: Sequence[CodeAnswer]) -> Score:
        """``answers`` in the order of the questions."""
        ...


# ---------------------------------------------------------------- load and generators


class LoadShape(Protocol):
    """When trials are meant to start. Closed shapes yield nothing and bound ``max_in_flight`` instead."""

    @property
    def max_in_flight(self) -> int | None:
        """None: open, trials start by ``offsets_ns`` however many are in flight."""
        ...

    @property
    def think_ns(self) -> int: ...

    def offsets_ns(self, stream: str) -> Iterator[int]:
        """Rising, from the beginning of the stretch. ``stream`` names the endpoint: each has random starts of its own.
        Endless, or as long as the shape is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a run under one load: the whole of it, or one level of ``shape: steps``.

    ``seconds`` None: it lasts until its list of trials or its offsets end. Otherwise the list is cut or repeated then.
    """

    shape: LoadShape
    step: int = 0
    seconds: float | None = None


# ---------------------------------------------------------------- store and outputs


class RunWriter(Protocol):
    """What the engine needs of a store. Each call returns when the row is committed."""

    async def begin_attempt(self, trial_id: str, turn_index: int, attempt_index: int) -> None:
        """Written before the request is sent (survives kill -9), so that a lost attempt is known."""
        ...

    async def append(self, result: TrialResult) -> None:
        """Committed and synced: only then may the trial be counted or shown."""
        ...

    async def add_trials(self, trials: Sequence[Trial]) -> None:
        """Further trials of a run that time ends: its list was over before its time. Written before any is sent."""
        ...


class Exporter(Protocol):
    """``store/export/NAME.py``: a run as bytes. Writing them is the caller's."""

    def export(self, run: RunRecord) -> bytes: ...


class Sink(Protocol):
    """Receives the events of a run (``core/events.py``): progress, log, tests."""

    def receive(self, event: object) -> None: ...
