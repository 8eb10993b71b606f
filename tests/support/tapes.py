"""A tape played to a decoder, for tests and benchmarks that hold one: a run decodes while it comes."""

from __future__ import annotations

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.ports import Decoded, Tape, WireProtocol


def decode_tape(codec: WireProtocol, tape: Tape, *, stream: bool) -> Decoded:
    """What one exchange came to. Without a response head it is the transport's failure and nothing else."""
    if tape.head is None:
        failure = tape.failure or Failure(kind=FailureKind.CONNECTION, message="the exchange ended without a response")
        return Decoded(status=Status.ERROR, failure=failure)
    decoder = codec.decoder(head=tape.head, stream=stream)
    decoder.feed_reads(tape.reads)
    return decoder.finish(tape.failure)
