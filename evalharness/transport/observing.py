"""How far the stamps of one exchange may be from what they date, computed from what was noticed while it was read.

A stamp of the kernel dates the last segment of a read: for the event that ends the read it is the event's own arrival,
whatever came before it. Where something follows an event (another one, the beginning of another, the end of the body),
the event may have come earlier, but not before the last moment at which the socket was known to be empty: that span is
the bound. Without the kernel every read has that bound.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby
from operator import sub

from evalharness.core.ports import Tape
from evalharness.core.record import Observed, Stamps, StampSource

#: From the arrival at the network interface to the kernel's own look at the clock, and from ours to the other clock.
STAMP_ERROR_NS = 20_000
#: Two events of one read that may have come this far apart are no gap of 0 but an unknown one. More than a process
#: takes to wake up: otherwise every bundle that a server sends would be one.
COALESCED_NS = 150_000
#: A delta of output or reasoning in either dialect, by its key alone: quotes inside a text are escaped there.
_DELTA = re.compile(
    rb'"delta"\s*:\s*(?:"[^"]|\{[^{}]*"(?:content|reasoning|reasoning_content)"\s*:\s*"[^"])',
)


class Observing:
    """Fed with the reads of one exchange in order; keeps two numbers of each, and which of them end with a delta.

    ``_alone``: those of the latter that hold no other delta.
    """

    def __init__(self) -> None:
        self._at_ns = array("q")
        self._holds_more = bytearray()
        self._end_with_delta: set[int] = set()
        self._alone: set[int] = set()

    def take(self, reads: Sequence[tuple[int, bytes]]) -> None:
        for at_ns, data in reads:
            self._at_ns.append(at_ns)
            blank = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
            first, last = data.find(blank), len(data) - len(blank)
            goes_on = 0 <= first < last
            self._holds_more.append(goes_on)
            if goes_on and data.endswith(blank):
                self._look_for_deltas(at_ns, data, data.rfind(blank, 0, last))

    def _look_for_deltas(self, at_ns: int, data: bytes, last_event: int) -> None:
        if _DELTA.search(data, last_event):
            self._end_with_delta.add(at_ns)
            # Of a bundle of deltas its first event is one: this ends there.
            if not _DELTA.search(data, 0, last_event):
                self._alone.add(at_ns)

    def observed(self, tape: Tape, stamps: Stamps) -> Observed | None:
        """None where the transport cannot tell: it dates reads when it gets round to them, and not when."""
        if len(tape.earliest_ns) != len(self._at_ns) or not self._at_ns:
            return None
        unsure_ns = self._unsure_ns(tape)
        return Observed(
            source=tape.source,
            send_ns=tape.send_ns,
            max_lag_ns=self._max_lag_ns(tape, unsure_ns),
            n_coalesced=self._n_coalesced(unsure_ns, stamps),
            first_output_error_ns=self._first_output_error_ns(unsure_ns, stamps),
            done_error_ns=self._error_ns(unsure_ns, stamps.done_ns),
            first_reasoning_error_ns=self._first_reasoning_error_ns(unsure_ns, stamps),
        )

    def _max_lag_ns(self, tape: Tape, unsure_ns: Sequence[int]) -> int:
        """Of a read that may have gathered what came one after another, the first of it has waited longest."""
        reads = zip(tape.read_ns, self._at_ns, unsure_ns, strict=True)
        return max(read_ns - at_ns + (unsure if unsure > COALESCED_NS else 0) for read_ns, at_ns, unsure in reads)

    def _unsure_ns(self, tape: Tape) -> Sequence[int]:
        spans = [max(0, span) for span in map(sub, self._at_ns, tape.earliest_ns)]
        if tape.source is StampSource.USER:
            return spans
        unsure_ns = [span if more else 0 for span, more in zip(spans, self._holds_more, strict=True)]
        # With the last of a body its end may have come: a chunk of no bytes, which leaves no trace here.
        unsure_ns[-1] = spans[-1]
        return unsure_ns

    def _first_output_error_ns(self, unsure_ns: Sequence[int], stamps: Stamps) -> int | None:
        at_ns, deltas_ns = stamps.first_output_ns, stamps.deltas_ns
        if at_ns in self._end_with_delta and deltas_ns[:2].count(at_ns) == 1:
            # The one delta of its read, and that ends with it.
            return STAMP_ERROR_NS
        return self._error_ns(unsure_ns, at_ns)

    def _first_reasoning_error_ns(self, unsure_ns: Sequence[int], stamps: Stamps) -> int | None:
        at_ns = stamps.first_reasoning_ns
        if at_ns in self._alone and at_ns != stamps.first_output_ns:
            # Arrivals of reasoning are not kept one by one: only a read without another delta says which one it was.
            return STAMP_ERROR_NS
        return self._error_ns(unsure_ns, at_ns)

    def _error_ns(self, unsure_ns: Sequence[int], stamp_ns: int | None) -> int | None:
        if stamp_ns is None:
            return None
        place = bisect_left(self._at_ns, stamp_ns)
        return STAMP_ERROR_NS + (unsure_ns[place] if place < len(unsure_ns) else 0)

    def _n_coalesced(self, unsure_ns: Sequence[int], stamps: Stamps) -> int:
        doubtful = {
            at_ns
            for at_ns, unsure, more in zip(self._at_ns, unsure_ns, self._holds_more, strict=True)
            if more and unsure > COALESCED_NS
        }
        if not doubtful:
            return 0
        return sum(sum(1 for _ in same) - 1 for at_ns, same in groupby(stamps.deltas_ns) if at_ns in doubtful)
