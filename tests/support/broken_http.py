"""Responses of every framing, broken at random, and what h11 makes of them.

``python -m tests.support.broken_http N [SEED]`` plays N of them and prints what became of them.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import h11

from evalharness.core.clock import SystemClock
from evalharness.core.failure import Failure
from evalharness.core.model import Limits
from evalharness.transport.reception import WHOLE, Reception, Wanted
from tests.support.transports import terms_of
from tests.support.wire_bytes import answer_stream

#: Small, so that examples reach it.
MAX_BODY_BYTES = 20_000
_STREAM = answer_stream("The answer is 7.")
_BODIES = (b"", b"x", b'{"id": "r"}', _STREAM, b": \xff\x00\r\n" * 40, gzip.compress(_STREAM), b"y" * 30_000)
_TOKENS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b";",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"-1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\r\n",
    b"Content-Encoding: zstd\r\n",
    b"Content-Encoding: deflate\r\n",
    b"Connection: close\r\n",
    b"Upgrade: x\r\n",
    b"\x80\xff",
    b"a" * 3000,
)


@dataclass(frozen=True, kw_only=True)
class Example:
    """``reads`` in order, then the end of the connection: ``reset`` or the regular one."""

    reads: Sequence[bytes]
    reset: bool = False

    @property
    def raw(self) -> bytes:
        return b"".join(self.reads)


def valid(random: Random) -> bytes:
    body = random.choice(_BODIES)
    status = random.choice((200, 200, 200, 204, 206, 302, 304, 404, 429, 500))
    version = random.choice((b"1.1", b"1.1", b"1.1", b"1.0"))
    lines = [b"HTTP/%b %d OK" % (version, status)]
    lines += random.sample(
        [b"Content-Type: text/event-stream", b"X-A: 1", b"x-a: 2", b"Connection: close", b"Keep-Alive: timeout=5"],
        random.randrange(4),
    )
    if body[:2] == b"\x1f\x8b":
        lines.append(b"Content-Encoding: gzip")
    framing = random.choice(("length", "chunked", "close"))
    if status in (204, 304):
        body, framing = b"", "close"
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        body = in_chunks(random, body)
    interim = random.choice((b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"))
    return interim + b"\r\n".join([*lines, b"", body])


def in_chunks(random: Random, body: bytes) -> bytes:
    parts = []
    while body:
        size = random.choice((1, 7, 100, 5000))
        extension = random.choice((b"", b"", b";name=value"))
        parts.append(b"%x%b\r\n%b\r\n" % (len(body[:size]), extension, body[:size]))
        body = body[size:]
    trailers = random.choice((b"", b"", b"X-T: 1\r\n"))
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


def broken(random: Random, raw: bytes) -> bytes:
    for _ in range(random.randrange(4)):
        at = random.randrange(len(raw) + 1)
        upto = min(len(raw), at + random.choice((1, 1, 4, 50)))
        kind = random.randrange(6)
        if kind == 0:
            raw = raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :]
        elif kind == 1:
            raw = raw[:at] + random.choice(_TOKENS) + raw[at:]
        elif kind == 2:
            raw = raw[:at] + raw[upto:]
        elif kind == 3:
            raw = raw[:upto] + raw[at:]
        elif kind == 4:
            raw = raw[:at]
        else:
            raw += random.choice((b"GARBAGE", valid(random), b"\r\n"))
    return raw


def split(random: Random, raw: bytes) -> list[bytes]:
    if random.random() < 0.1 and len(raw) < 2000:
        return [bytes([byte]) for byte in raw]
    reads = []
    while raw:
        size = random.choice((1, 3, 50, 500, 65536))
        reads.append(raw[:size])
        raw = raw[size:]
    return reads


def example(random: Random) -> Example:
    return Example(reads=split(random, broken(random, valid(random))), reset=random.random() < 0.2)


# ---------------------------------------------------------------- what becomes of it


@dataclass(frozen=True, kw_only=True)
class Outcome:
    status: int | None
    body: bytes
    failure: Failure | None
    leaves_open: bool


def played(example: Example, wanted: Wanted = WHOLE) -> Outcome:
    """By hand, without a socket. Must be called in an event loop; whatever is raised is a defect."""
    clock = SystemClock()
    terms = terms_of(limits=Limits(max_body_bytes=MAX_BODY_BYTES if wanted is WHOLE else 10**7))
    reception = Reception(terms, place="h:1", clock=clock, started_ns=clock.monotonic_ns(), wanted=wanted)
    for number, data in enumerate(example.reads):
        reception.received(data, number, number, 0)
    leaves_open = reception.leaves_open
    reception.lost(ConnectionResetError() if example.reset else None)
    assert reception.is_over, "neither the end of the body nor that of the connection ended it"
    reads = reception.take()
    body = b"".join(data for _, data in reads)
    assert len(reads) == len(reception.read_ns) == len(reception.earliest_ns)
    assert wanted is not WHOLE or len(body) <= MAX_BODY_BYTES, "more than the limit was kept"
    status = None if reception.head is None else reception.head.status
    return Outcome(status=status, body=body, failure=reception.failure, leaves_open=leaves_open)


#: What llhttp refuses and h11 lets pass.
STRICTER = "only h11 reads it: "


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """h11's. ``error``: what it could not read; None also where the response is only cut."""

    status: int | None
    body: bytes
    is_complete: bool
    error: str | None


def judged_by_h11(example: Example) -> Verdict:
    connection = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=10**6)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "h"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(example.raw)
    has_closed = False
    status, body, is_complete, error = None, b"", False, None
    try:
        while not is_complete:
            event = connection.next_event()
            if event is h11.NEED_DATA and not has_closed and not example.reset:
                connection.receive_data(b"")
                has_closed = True
            elif event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                break
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                is_complete = True
    except h11.RemoteProtocolError as problem:
        if not (has_closed and "peer" in str(problem)):
            error = str(problem)
    return Verdict(status=status, body=body, is_complete=is_complete, error=error)


def difference(ours: Outcome, theirs: Verdict) -> str | None:
    """None where both read the same: the answer's status, its body to the byte, and whether it is whole."""
    if theirs.error is not None:
        return None
    is_complete = ours.failure is None and ours.status is not None
    if ours.failure is not None and "not HTTP/1.1" in ours.failure.message:
        if not theirs.is_complete and theirs.body.startswith(ours.body):
            # Given up at once, where h11 waits for an end that does not come.
            return None
        return STRICTER + ours.failure.message.split("not HTTP/1.1: ")[1]
    is_alike = (ours.status, is_complete) == (theirs.status, theirs.is_complete)
    if is_alike and (ours.body == theirs.body or (not is_complete and ours.body.startswith(theirs.body))):
        return None
    return (
        f"{ours.status}/{len(ours.body)}/{is_complete} and not {theirs.status}/{len(theirs.body)}/{theirs.is_complete}"
    )


def main(n: int, seed: int) -> None:
    counts: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    random = Random(seed)

    async def run() -> None:
        for _ in range(n):
            made = example(random)
            whole, raw, theirs = played(made), played(made, Wanted(is_raw=True)), judged_by_h11(made)
            counts["answers" if whole.failure is None else str(whole.failure.kind)] += 1
            counts["h11 cannot read it" if theirs.error else "h11 reads it"] += 1
            if differs := difference(raw, theirs):
                counts["differs: " + differs[:60]] += 1
                shown[differs[:60]] += 1
                if shown[differs[:60]] <= 2:
                    print(differs, made.raw[:300])

    began_s = time.perf_counter()
    asyncio.run(run())
    print(f"{n} examples in {time.perf_counter() - began_s:.0f} s")
    for what, count in counts.most_common():
        print(f"{count:8} {what}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
