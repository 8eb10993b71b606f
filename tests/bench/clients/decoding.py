"""Answers that were read by chunk, decoded after the call: by the project's own decoder for every client alike.

The comparison is then one of clients. With ``json.loads`` per event, as is usual, the others would come out slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate

from evalharness import wire
from evalharness.core.model import Status
from evalharness.core.ports import ResponseHead, Tape
from tests.bench.clients.face import Heard
from tests.support.tapes import decode_tape

_CODEC = wire.codec("responses")


def heard(*, sent_ns: int, status: int, chunks: Sequence[tuple[int, bytes]]) -> Heard | None:
    """Stamps over running totals of the body's bytes; None where it is no whole answer."""
    head = ResponseHead(status=status, headers={"content-type": "text/event-stream"})
    closed_ns = chunks[-1][0] if chunks else sent_ns
    tape = Tape(sent_ns=sent_ns, closed_ns=closed_ns, headers_ns=closed_ns, head=head, reads=chunks)
    if decode_tape(_CODEC, tape, stream=True).status is not Status.OK:
        return None
    return Heard(sent_ns=sent_ns, reads=partial(_totals, chunks))


def _totals(chunks: Sequence[tuple[int, bytes]]) -> list[tuple[int, int]]:
    return list(zip((at_ns for at_ns, _ in chunks), accumulate(len(chunk) for _, chunk in chunks), strict=True))
