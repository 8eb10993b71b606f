"""Recorded responses, broken at random: bytes, lines, events, JSON values, and the framing around them.

All of it comes from one ``Random``: the same seed makes the same bytes, and the same split of them into reads.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

_FOLDER = Path(__file__).parent / "recorded"
#: Over the limits that the examples are read with, so that some of them are met; see ``reading``.
_LONG = 300_000

_TOKENS = (
    *(b"\r", b"\n", b"\r\n", b"\r\r", b"\n\n", b"\0", b" ", b":", b'"', b"\\", b"{", b"}", b"[", b"]", b","),
    *(b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xa8", b"\xc2\x85"),
    *(b"\\ud83d", b"\\u0000", b"\\x", b"\\u12", b"data: [DONE]\n\n", b"data:", b"data\n", b"event: error\n", b":\n\n"),
    *(b"id: 1\0\n", b"retry: 99999999999999999999\n", b"data: {}\n\n", b"data: null\n\n", b"data: 7\n\n", b"<html>"),
    *(b'data: {"type":"error","message":null}\n\n', b'data: {"error":{"code":429}}\n\n', b'"type":"response.failed"'),
    b"\x1b[2J",
)  # fmt: skip
_NUMBERS = (
    b"-1",
    b"0",
    b"1e999",
    b"-1e-999",
    b"NaN",
    b"Infinity",
    b"9007199254740993",
    b"1.5",
    b"true",
    b'"7"',
    b"null",
)
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 2**53 + 1, 10**400, "", "x", "\ud800", "\x00\x1b[2J", [], {}, [[]], [None], {"": None}),
    *([{"type": "message"}], {"type": "output_text", "text": 5}, {"message": None}, "failed", "error", "stop"),
    *("response.completed", "response.failed", "response.output_text.delta", "text"),
)  # fmt: skip
_HEADERS = (
    *(b"Content-Length: 3", b"Content-Length: 99999999999999999999", b"Content-Length: -1", b"Transfer-Encoding: gzip"),
    *(b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"Content-Encoding: br", b"Content-Encoding: zstd"),
    *(b"Content-Encoding: deflate", b"Connection: close", b"Connection: upgrade\r\nUpgrade: h2c", b"X: \x80\xff\0"),
    *(b"Retry-After: -1", b"Retry-After: 1e999", b"Date: never", b"Location: //elsewhere", b"Content-Type: text/html"),
)  # fmt: skip
_CHUNK_SIZES = (b"-1", b"0", b"ffffffffffffffff", b"7fffffffffffffff", b"g", b"", b" 5", b"0x5", b"5;", b"1" * 100)
_STATUS_LINES = (
    *(b"HTTP/1.1 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 206 Part", b"HTTP/1.1 302 Found", b"HTTP/1.1 429 Slow"),
    *(b"HTTP/1.1 500 No", b"HTTP/1.0 200 OK", b"HTTP/9.9 200 OK", b"HTTP/1.1 99999 OK", b"ICY 200 OK"),
    *(b"HTTP/1.1 101 Switch", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"),
)  # fmt: skip
_NUMBER = re.compile(rb"(?<=[:,\[ ])-?\d+(?:\.\d+)?")
_OBJECT = re.compile(rb"^(?:data: ?)?(\{.*)$", re.MULTILINE)
_SIZE_LINE = re.compile(rb"(?<=\r\n)[0-9a-f]+(?=\r\n)")


@dataclass(frozen=True)
class Recording:
    """``body``: without the chunks it came in."""

    protocol: str
    head: bytes
    body: bytes


@dataclass(frozen=True)
class Example:
    """``reads`` in order, then the end of the connection: ``reset`` or the regular one."""

    protocol: str
    reads: tuple[bytes, ...]
    reset: bool

    @property
    def raw(self) -> bytes:
        return b"".join(self.reads)


@cache
def recordings() -> tuple[Recording, ...]:
    return tuple(_read(path) for path in sorted(_FOLDER.glob("*.http")))


def _read(path: Path) -> Recording:
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    chunked = [line for line in lines if line.lower().startswith(b"transfer-encoding")]
    if chunked:
        body = _unchunked(body)
    kept = [line for line in lines if not line.lower().startswith((b"transfer-encoding", b"content-length"))]
    return Recording(path.name.partition("-")[0], b"\r\n".join(kept), body)


def _unchunked(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        body, raw = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def example(random: Random) -> Example:
    """One recording, most often shortened, with up to four things wrong with it."""
    recording = random.choice(recordings())
    body = recording.body if random.random() < 0.1 else _thinned(random, recording.body)
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        body = random.choice(_OF_BODIES)(random, body)
    raw = _framed(random, recording.head, body)
    if random.random() < 0.3:
        raw = random.choice(_OF_RESPONSES)(random, raw)
    return Example(recording.protocol, tuple(_split(random, raw)), reset=random.random() < 0.15)


def _thinned(random: Random, body: bytes) -> bytes:
    """With a few of its events, the last among them: what is to be tried is rarely far from them, and reads quicker."""
    *events, last = body.rstrip(b"\n").split(b"\n\n")
    kept = events[int(random.random() * (len(events) + 1)) :][:2]
    return b"\n\n".join([*kept, last]) + b"\n\n" if events else body


# ---------------------------------------------------------------- bytes


def _place(random: Random, data: bytes) -> int:
    return int(random.random() * (len(data) + 1))


def _slice(random: Random, data: bytes) -> tuple[int, int]:
    at = _place(random, data)
    return at, at + random.choice((1, 2, 8, 60, 600))


def _flip(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 20))):
        if changed:
            changed[int(random.random() * len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut_out(random: Random, data: bytes) -> bytes:
    at, upto = _slice(random, data)
    return data[:at] + data[upto:]


def _cut_off(random: Random, data: bytes) -> bytes:
    return data[: _place(random, data)]


def _duplicate(random: Random, data: bytes) -> bytes:
    at, upto = _slice(random, data)
    return data[:upto] + data[at:]


def _insert(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + random.choice(_TOKENS) + data[at:]


def _insert_deep(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    depth = 20_000 if random.random() < 0.05 else random.choice((50, 1_000))
    return data[:at] + random.choice((b"[", b'{"a":', b'[{"a":', b'"')) * depth + data[at:]


# ---------------------------------------------------------------- lines and events


def _swap_events(random: Random, data: bytes) -> bytes:
    events = data.split(b"\n\n")
    a, b = int(random.random() * len(events)), int(random.random() * len(events))
    events[a], events[b] = events[b], events[a]
    return b"\n\n".join(events)


def _splice(random: Random, data: bytes) -> bytes:
    """Goes on as another response, of whatever protocol."""
    other = random.choice(recordings()).body
    start = other.rfind(b"\n\n", 0, _place(random, other)) + 2 if random.random() < 0.7 else _place(random, other)
    end = data.rfind(b"\n\n", 0, _place(random, data)) + 2 if random.random() < 0.7 else _place(random, data)
    return data[:end] + other[start:]


def _repeat(random: Random, data: bytes) -> bytes:
    """A line or an event again and again; one time in fifty beyond the limits."""
    sign = random.choice((b"\n", b"\n\n"))
    pieces = data.split(sign)
    at = int(random.random() * len(pieces))
    piece = pieces[at] + sign
    room = _LONG if random.random() < 0.02 else 2_000
    return (
        sign.join(pieces[:at]) + sign + piece * random.choice((2, 5, room // len(piece) + 1)) + sign.join(pieces[at:])
    )


def _line_ends(random: Random, data: bytes) -> bytes:
    end = random.choice((b"\r", b"\r\n", b"\n\r", b"\x0b", b"\x0c", b"\xe2\x80\xa8"))
    return data.replace(b"\n", end, -1 if random.random() < 0.7 else random.choice((1, 3, 9)))


# ---------------------------------------------------------------- JSON


def _number(random: Random, data: bytes) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    where = random.choice(found)
    number = random.choice(_NUMBERS) if random.random() < 0.8 else b"9" * random.choice((30, 400, 5_000))
    return data[: where.start()] + number + data[where.end() :]


def _value(random: Random, data: bytes) -> bytes:
    """One event, or the whole body, with one value of it gone, or another."""
    found = list(_OBJECT.finditer(data))
    if not found:
        return data
    start, end = random.choice(found).span(1)
    try:
        message = json.loads(data[start:end])
    except (ValueError, RecursionError):
        return data
    node: Any = message
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        if not keys:
            return data
        key = random.choice(keys)
        if not isinstance(node[key], dict | list) or not node[key] or random.random() < 0.3:
            break
        node = node[key]
    if random.random() < 0.2:
        del node[key]
    else:
        node[key] = (
            random.choice(_VALUES) if random.random() < 0.9 else _nested(random.choice((40, 400, 900, 940, 970)))
        )
    return data[:start] + json.dumps(message).encode() + data[end:]


def _nested(depth: int) -> Any:
    value: Any = "x"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


_OF_BODIES: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_flip, _cut_out, _cut_off, _duplicate, _insert, _insert, _insert_deep),
    *(_swap_events, _splice, _repeat, _line_ends, _number, _value, _value),
)  # fmt: skip

# ---------------------------------------------------------------- HTTP


def _framed(random: Random, head: bytes, body: bytes) -> bytes:
    framing = random.random()
    if framing < 0.1:
        body, head = gzip.compress(body, 1), head + b"\r\nContent-Encoding: gzip"
    if framing < 0.5:
        head += b"\r\nTransfer-Encoding: chunked"
        size = random.choice((20, *(1_000, 10**6) * 4)) if len(body) < 10_000 else 10**6
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif framing < 0.8:
        head += b"\r\nContent-Length: %d" % len(body)
    return head + b"\r\n\r\n" + body


def _status(random: Random, raw: bytes) -> bytes:
    return random.choice(_STATUS_LINES) + raw[raw.find(b"\r\n") :]


def _header(random: Random, raw: bytes) -> bytes:
    at = raw.find(b"\r\n")
    return raw[:at] + b"\r\n" + random.choice(_HEADERS) + raw[at:]


def _header_bomb(random: Random, raw: bytes) -> bytes:
    at = raw.find(b"\r\n")
    size = random.choice((1_000, 1_000, 20_000, 70_000))
    line = random.choice((b"\r\nX: 1", b"\r\nX-%d: y", b"\r\n " + b"y" * 50, b"\r\nX: " + b"y" * size))
    return raw[:at] + line * (size // len(line) + 1) + raw[at:]


def _chunk_size(random: Random, raw: bytes) -> bytes:
    found = list(_SIZE_LINE.finditer(raw))
    if not found:
        return raw
    where = random.choice(found)
    return raw[: where.start()] + random.choice(_CHUNK_SIZES) + raw[where.end() :]


def _trailing(random: Random, raw: bytes) -> bytes:
    return raw + random.choice((b"\r\n", b"GARBAGE", raw, b"X-Trailer: 1\r\n" * 9_000))


_OF_RESPONSES: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_status, _header, _header, _chunk_size, _chunk_size, _flip, _flip, _cut_out, _cut_out, _cut_off, _cut_off),
    *(_status, _header, _header, _chunk_size, _chunk_size, _duplicate, _duplicate, _insert, _header_bomb, _trailing),
)  # fmt: skip


def _split(random: Random, raw: bytes) -> list[bytes]:
    if len(raw) > 20_000:
        size = random.choice((10_000, 65_536))
    elif len(raw) < 1_000 and random.random() < 0.05:
        size = 1
    else:
        size = random.choice((60, 400, *(1_460,) * 4, *(65_536,) * 8))
    cuts = [0, *range(1 + int(random.random() * size), len(raw), size), len(raw)]
    return [raw[start:end] for start, end in pairwise(cuts)]
