"""A stream's bytes to the events a dialect reads: one by one, or in runs where a whole tape is read at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from evalharness.core.failure import FailureKind
from evalharness.wire.notes import Notes
from evalharness.wire.pieces import OutputTooLargeError
from evalharness.wire.reader import Reader, StreamEvent, stream_event
from evalharness.wire.runs_of_deltas import DeltaRuns, Outlines, Run
from evalharness.wire.sse import SseEvent, SseParser
from evalharness.wire.strict_json import MalformedJsonError

_DONE_MARKER = b"[DONE]"
#: Reads are joined up to this size, so that a tape is never copied whole.
_BLOCK_BYTES = 2**20


class EventStream:
    """``fault``: why nothing more is read, None as long as all is well."""

    def __init__(self, reader: Reader, notes: Notes, *, max_event_bytes: int, outlines: Outlines) -> None:
        self._reader = reader
        self._notes = notes
        self._max_event_bytes = max_event_bytes
        self._parser = SseParser(max_event_bytes=max_event_bytes)
        self._runs = DeltaRuns(outlines)
        self._n_fed = 0
        self.ended_by_marker = False
        self.fault: tuple[FailureKind, str] | None = None

    def feed(self, at_ns: int, data: bytes) -> None:
        if self.fault is None:
            self._step(at_ns, self._n_fed, data)
            self._n_fed += 1

    def feed_reads(self, reads: Sequence[tuple[int, bytes]]) -> None:
        """The same as ``feed`` for each of them."""
        for block in _blocks(reads):
            self._feed_block(block)
            self._n_fed += len(block)

    def _feed_block(self, reads: Sequence[tuple[int, bytes]]) -> None:
        """Runs where there are any, else up to the next place where an event may end."""
        block = b"".join([data for _, data in reads])
        read_ends = list(accumulate([len(data) for _, data in reads]))
        event_end = _event_end(block)
        # An event in a run is no larger than the block; only the parser keeps to a bound below that.
        may_run = len(block) <= self._max_event_bytes
        at, event_start = 0, None
        while at < len(block) and self.fault is None:
            is_between = self._parser.is_between_events
            if is_between:
                at = self._parser.skip_silence(block, at) if may_run else at
                if at == len(block):
                    return
                run = self._runs.run(block, at, self._reader.next_number) if may_run else None
                if run and self._take_run(run, reads, read_ends):
                    at = run.ends[-1]
                    continue
                event_start = at
            index = bisect_right(read_ends, at)
            # The end of a pending event may lie across two pieces.
            found = block.find(event_end, at if is_between else max(0, at - 2), read_ends[index])
            end = read_ends[index] if found < 0 else found + len(event_end)
            seen = self._step(reads[index][0], self._n_fed + index, block[at:end])
            at = end
            if len(seen) == 1 and event_start is not None and self._parser.is_between_events:
                self._learn(block[event_start:end], seen[0])

    def _take_run(self, run: Run, reads: Sequence[tuple[int, bytes]], read_ends: Sequence[int]) -> bool:
        """An event has the stamp of the read that completed it. False: nothing was taken, for want of room."""
        completed_by = _completed_by(run.ends, read_ends)
        stamps_ns = [reads[index][0] for index in completed_by]
        try:
            self._reader.more_deltas(run.like, run.texts, stamps_ns)
        except OutputTooLargeError:
            self._runs.stop()
            return False
        self._notes.saw_events(stamps_ns[0], [self._n_fed + index for index in completed_by])
        return True

    def _step(self, at_ns: int, read_index: int, data: bytes) -> list[StreamEvent]:
        """The events that a read, or a piece of one, completes."""
        seen: list[StreamEvent] = []
        try:
            for event in self._parser.feed(data):
                if (taken := self._take(at_ns, read_index, event)) is not None:
                    seen.append(taken)
        except MalformedJsonError as error:
            self.fault = (FailureKind.PROTOCOL, f"an event is no JSON: {error}")
        except OutputTooLargeError as error:
            self.fault = (FailureKind.TOO_LARGE, str(error))
        else:
            if self._parser.too_large:
                self.fault = (FailureKind.TOO_LARGE, f"one event is larger than {self._max_event_bytes} bytes")
        return seen

    def _take(self, at_ns: int, read_index: int, event: SseEvent) -> StreamEvent | None:
        """None for the end marker, which is no event of the protocol."""
        if not event.data.startswith(b"{") and event.data.strip() == _DONE_MARKER:
            self.ended_by_marker = True
            return None
        taken = stream_event(event)
        self._notes.saw_event(at_ns, read_index)
        self._reader.event(at_ns, taken)
        return taken

    def _learn(self, raw: bytes, event: StreamEvent) -> None:
        shape = self._reader.delta_shape(event)
        if shape is not None:
            self._runs.learn(raw, event, shape)


def _completed_by(ends: Sequence[int], read_ends: Sequence[int]) -> list[int]:
    """The index of the read in which each event ends."""
    index = bisect_right(read_ends, ends[0] - 1)
    if ends[-1] <= read_ends[index]:
        return [index] * len(ends)
    found: list[int] = []
    for end in ends:
        while read_ends[index] < end:
            index += 1
        found.append(index)
    return found


def _event_end(block: bytes) -> bytes:
    """What events end with here, judging by the first line. Only a hint: cutting elsewhere changes no event."""
    line_end = block.find(b"\n")
    if line_end < 0:
        return b"\r\r"
    # An event is complete with the CR of its blank line; its LF goes with the event that follows.
    return b"\r\n\r" if block[line_end - 1 : line_end] == b"\r" else b"\n\n"


def _blocks(reads: Sequence[tuple[int, bytes]]) -> Iterator[Sequence[tuple[int, bytes]]]:
    start, n_bytes = 0, 0
    for index, (_, data) in enumerate(reads, start=1):
        n_bytes += len(data)
        if n_bytes >= _BLOCK_BYTES:
            yield reads[start:index]
            start, n_bytes = index, 0
    yield reads[start:]
