"""How far the stamps of one exchange may be from what they date, computed from what was noticed while it was read.

A stamp of the kernel dates the last segment of a read. Where a read holds one event, that is the event's own arrival.
Where it holds several, the first of them may have come earlier, but not before the last moment at which the socket was
known to be empty: that span is the bound. Without the kernel every read has that bound.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby
from operator import sub

from evalharness.core.ports import Tape
from evalharness.core.record import Observed, Stamps, StampSource

#: From the arrival at the network interface to the kernel's own look at the clock, and from ours to the other clock.
STAMP_ERROR_NS = 20_000
#: Two events of one read that may have come this far apart are no gap of 0 but an unknown one.
COALESCED_NS = 50_000


class Observing:
    """Fed with the reads of one exchange in order; keeps two numbers of each."""

    def __init__(self) -> None:
        self._at_ns = array("q")
        self._holds_several = bytearray()

    def take(self, reads: Sequence[tuple[int, bytes]]) -> None:
        for at_ns, data in reads:
            self._at_ns.append(at_ns)
            self._holds_several.append(data.count(b"\n\n") + data.count(b"\r\n\r\n") > 1)

    def observed(self, tape: Tape, stamps: Stamps) -> Observed | None:
        """None where the transport cannot tell: it dates reads when it gets round to them, and not when."""
        if len(tape.earliest_ns) != len(self._at_ns) or not self._at_ns:
            return None
        unsure_ns = self._unsure_ns(tape)
        return Observed(
            source=tape.source,
            send_ns=tape.send_ns,
            max_lag_ns=max(map(sub, tape.read_ns, self._at_ns)),
            n_coalesced=self._n_coalesced(unsure_ns, stamps),
            first_output_error_ns=self._error_ns(unsure_ns, stamps.first_output_ns),
            done_error_ns=self._error_ns(unsure_ns, stamps.done_ns),
        )

    def _unsure_ns(self, tape: Tape) -> Sequence[int]:
        spans = map(sub, self._at_ns, tape.earliest_ns)
        if tape.source is StampSource.USER:
            return [max(0, span) for span in spans]
        return [max(0, span) if several else 0 for span, several in zip(spans, self._holds_several, strict=True)]

    def _error_ns(self, unsure_ns: Sequence[int], stamp_ns: int | None) -> int | None:
        if stamp_ns is None:
            return None
        place = bisect_left(self._at_ns, stamp_ns)
        return STAMP_ERROR_NS + (unsure_ns[place] if place < len(unsure_ns) else 0)

    def _n_coalesced(self, unsure_ns: Sequence[int], stamps: Stamps) -> int:
        doubtful = {
            at_ns
            for at_ns, unsure, several in zip(self._at_ns, unsure_ns, self._holds_several, strict=True)
            if several and unsure > COALESCED_NS
        }
        if not doubtful:
            return 0
        return sum(sum(1 for _ in same) - 1 for at_ns, same in groupby(stamps.deltas_ns) if at_ns in doubtful)
