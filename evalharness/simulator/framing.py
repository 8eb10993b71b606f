"""A script as bytes on the wire: heads, chunks, trailers, and the moment each is due. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from evalharness.simulator.exchange import Ending, Framing, Script

_NS_PER_MS = 1_000_000
#: What a reader of chunks has to skip: extensions with and without a value, a quoted one with a semicolon, trailers.
_EXTENSIONS = b';simulated;part="a;b"'
_LAST_CHUNKS = {
    Framing.CHUNKED: b"0\r\n\r\n",
    Framing.ADORNED: b"0;last=1\r\nx-checksum: none\r\nserver-timing: total;dur=1\r\n\r\n",
}
_HINTS = {103: "link: </style.css>; rel=preload; as=style\r\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """A response, ready to be sent: columns of equal length.

    ``due_ns`` is on the monotonic clock. ``labels`` are event types, None for what only frames them. ``head_at`` is the
    row that begins with the final head. ``is_endless``: the last row comes again and again.
    """

    due_ns: list[int]
    bodies: list[bytes]
    labels: list[str | None]
    head_at: int
    is_endless: bool = False


def timetable(script: Script, *, start_ns: int, keep_alive: bool) -> Timetable:
    """All bytes of a response, made before the first of them is due. Times of the script count from ``start_ns``."""
    head = head_bytes(script, keep_alive=keep_alive) if script.raw_head is None else script.raw_head
    writes = script.writes
    at_ms = [write.at_ms for write in writes]
    bodies = _framed(script)
    labels: list[str | None] = [write.label for write in writes]
    if script.framing is Framing.LENGTH and writes:
        bodies[0] = head + bodies[0]
    else:
        at_ms, bodies, labels = [script.head_ms, *at_ms], [head, *bodies], [None, *labels]
    if script.halves_last:
        bodies[-1] = bodies[-1][: len(bodies[-1]) // 2]
    is_whole = script.ending in (Ending.COMPLETE, Ending.STALE) and not script.is_endless
    if script.framing in _LAST_CHUNKS and is_whole:
        at_ms.append(at_ms[-1])
        bodies.append(_LAST_CHUNKS[script.framing])
        labels.append(None)
    interim = [_interim_bytes(status) for status in script.interim]
    return Timetable(
        due_ns=[start_ns + int(at * _NS_PER_MS) for at in [*[0.0] * len(interim), *at_ms]],
        bodies=[*interim, *bodies],
        labels=[*["interim"] * len(interim), *labels],
        head_at=len(interim),
        is_endless=script.is_endless,
    )


def _framed(script: Script) -> list[bytes]:
    """The bodies of all writes, in chunks where the script says so. Nothing stays nothing: an empty chunk would be
    the last one."""
    bodies = [write.body for write in script.writes]
    if script.framing not in _LAST_CHUNKS:
        return bodies
    extensions = _EXTENSIONS if script.framing is Framing.ADORNED else b""
    return [b"%x%b\r\n%b\r\n" % (len(body), extensions, body) if body else b"" for body in bodies]


def head_bytes(script: Script, *, keep_alive: bool) -> bytes:
    """Status line and headers, framing among them."""
    headers = dict(script.headers)
    if script.framing in _LAST_CHUNKS:
        headers["transfer-encoding"] = "chunked"
    elif script.framing is Framing.LENGTH:
        length = script.body_bytes if script.announced_bytes is None else script.announced_bytes
        headers["content-length"] = str(length)
    headers["connection"] = "keep-alive" if keep_alive else "close"
    lines = [_status_line(script.status), *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _interim_bytes(status: int) -> bytes:
    return f"{_status_line(status)}\r\n{_HINTS.get(status, '')}\r\n".encode("latin-1")


def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP/1.1 {status} Overloaded"
