"""How a response becomes writes, and what faults do to the bytes: late, cut, framed or written in another way. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from evalharness.simulator.encodings import new_packer
from evalharness.simulator.exchange import Ending, Event, Framing, Script, Write, as_bytes
from evalharness.simulator.faults import Fault

_HALF_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/ev"
_HALF_CHARACTER = "€".encode()[:2]
_ENDLESS_BYTES = 2**16
_COMMENT = b": keep-alive\n\n"
_MIB = 2**20


def stream_script(events: tuple[Event, ...], head_ms: float, headers: Mapping[str, str], fault: Fault | None) -> Script:
    """The events as writes, one each, bent by faults of the bytes."""
    writes = tuple(Write(event.at_ms, event.type, as_bytes(event)) for event in events)
    script = Script(status=200, headers=headers, head_ms=head_ms, writes=writes, framing=Framing.CHUNKED)
    return bend_script(script, fault)


def bend_script(script: Script, fault: Fault | None) -> Script:
    """The same content written in another way, late, or not to the end."""
    bend = _BYTE_FAULTS.get(fault.name) if fault is not None else None
    return script if bend is None or fault is None else bend(script, fault.settings)


def _cut_script(script: Script, settings: Mapping[str, Any]) -> Script:
    """Breaks off in the middle of a write. ``clean`` ends the body as if it were whole: a stream after a whole event,
    another body after the length that was announced."""
    after, n = settings["after"], len(script.writes)
    place = n // 2 if after is None else max(0, min(int(after), n - 1))
    if settings["how"] == "clean" and script.framing is not Framing.LENGTH:
        return replace(script, writes=script.writes[:place])
    ending = {"fin": Ending.FIN, "reset": Ending.RESET, "clean": Ending.COMPLETE}[settings["how"]]
    if settings["where"] == "head":
        return replace(script, raw_head=_HALF_HEAD, framing=Framing.CLOSE, writes=(), ending=ending)
    last = script.writes[place]
    announced = None if settings["how"] == "clean" else script.body_bytes
    if settings["where"] == "chunk":
        whole = replace(script, writes=(*script.writes[:place], last), ending=ending, announced_bytes=announced)
        return replace(whole, halves_last=True)
    begun = _HALF_CHARACTER if settings["where"] == "character" else b""
    half = replace(last, body=last.body[: len(last.body) // 2] + begun)
    return replace(script, writes=(*script.writes[:place], half), ending=ending, announced_bytes=announced)


def _stall_script(script: Script, settings: Mapping[str, Any]) -> Script:
    wait = float(settings["ms"])
    after, n = settings["after"], len(script.writes)
    place = {"head": 0, "first": 0, "middle": n // 2 if after is None else max(0, min(int(after), n))}[
        settings["where"]
    ]
    late = tuple(replace(write, at_ms=write.at_ms + wait) for write in script.writes[place:])
    if settings["where"] == "head":
        return replace(script, head_ms=script.head_ms + wait, writes=late)
    start = script.writes[place - 1].at_ms if place else script.head_ms
    return replace(script, writes=(*script.writes[:place], *_keepalives(start, wait, settings["keepalive"]), *late))


def _keepalives(start_ms: float, wait_ms: float, period_ms: float | None) -> tuple[Write, ...]:
    if not period_ms:
        return ()
    n_comments = min(int(wait_ms / period_ms), 100_000)
    return tuple(
        Write(at_ms=start_ms + period_ms * count, label="comment", body=_COMMENT) for count in range(1, n_comments + 1)
    )


def _newline_script(script: Script, settings: Mapping[str, Any]) -> Script:
    newline = b"\r\n" if settings["kind"] == "crlf" else b"\r"
    return _rewritten(script, lambda body: body.replace(b"\n", newline))


def _rewritten(script: Script, change: Callable[[bytes], bytes]) -> Script:
    return replace(script, writes=tuple(replace(write, body=change(write.body)) for write in script.writes))


def _bom_script(script: Script, _: Mapping[str, Any]) -> Script:
    first, *rest = script.writes
    return replace(script, writes=(replace(first, body=b"\xef\xbb\xbf" + first.body), *rest))


def _together_script(script: Script, _: Mapping[str, Any]) -> Script:
    body = b"".join(write.body for write in script.writes)
    return replace(script, writes=(Write(at_ms=script.writes[-1].at_ms, label="together", body=body),))


def _bytewise_script(script: Script, _: Mapping[str, Any]) -> Script:
    writes = (
        replace(write, body=write.body[place : place + 1])
        for write in script.writes
        for place in range(len(write.body))
    )
    return replace(script, writes=tuple(writes))


def _split_script(script: Script, settings: Mapping[str, Any]) -> Script:
    n = int(settings["parts"])
    writes = (
        replace(write, body=write.body[len(write.body) * part // n : len(write.body) * (part + 1) // n])
        for write in script.writes
        for part in range(n)
    )
    return replace(script, writes=tuple(writes))


def _fields_script(script: Script, _: Mapping[str, Any]) -> Script:
    """With all that a stream of events may have beside its data, which itself takes two lines."""

    def dressed(body: bytes) -> bytes:
        return b": a comment\nid: 7\nretry: 1000\nother: field\n" + body.replace(b"data: {", b"data: {\ndata:  ", 1)

    return _rewritten(script, dressed)


def _invalid_script(script: Script, settings: Mapping[str, Any]) -> Script:
    """A byte that UTF-8 does not have, before the last bracket of an event."""
    after, n = settings["after"], len(script.writes)
    place = n // 2 if after is None else max(0, min(int(after), n - 1))
    bad = replace(script.writes[place], body=b"\xff}".join(script.writes[place].body.rsplit(b"}", 1)))
    return replace(script, writes=(*script.writes[:place], bad, *script.writes[place + 1 :]))


def _typed_script(script: Script, settings: Mapping[str, Any]) -> Script:
    return replace(script, headers={**script.headers, "content-type": str(settings["to"])})


def _endless_script(script: Script, settings: Mapping[str, Any]) -> Script:
    """No end: of header lines, of comments, or of deltas, of which the first is then a long one."""
    if settings["what"] == "head":
        lines = (Write(script.head_ms, "header", b"x-filling: " + b"a" * 1_000 + b"\r\n"),)
        return replace(script, raw_head=b"HTTP/1.1 200 OK\r\n", framing=Framing.CLOSE, writes=lines, is_endless=True)
    place = next((at for at, write in enumerate(script.writes) if write.label.endswith("delta")), 0)
    again = script.writes[place]
    if settings["what"] == "comments":
        again = replace(again, label="comment", body=_COMMENT * (_ENDLESS_BYTES // len(_COMMENT)))
    framing = Framing.CLOSE if script.framing is Framing.LENGTH else script.framing
    return replace(script, writes=(*script.writes[:place], again), framing=framing, is_endless=True)


def _bomb_script(script: Script, settings: Mapping[str, Any]) -> Script:
    """A thousandth of what it unpacks to: ``mib`` of comments before the first event."""
    packer = zlib.compressobj(wbits=31)
    plain = _COMMENT * (_MIB // len(_COMMENT))
    # After a full flush nothing refers to what was before, so that one piece can be sent many times.
    first, again = (packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    at_ms = script.writes[0].at_ms
    bodies = [first, *[again] * (int(settings["mib"]) - 1)]
    headers = {**script.headers, "content-encoding": "gzip"}
    return replace(script, headers=headers, writes=tuple(Write(at_ms, "packed", body) for body in bodies))


def _stale_script(script: Script, _: Mapping[str, Any]) -> Script:
    return replace(script, ending=Ending.STALE)


def _gzip_script(script: Script, settings: Mapping[str, Any]) -> Script:
    return _encoded_script(script, {"kind": "gzip", **settings})


def _encoded_script(script: Script, settings: Mapping[str, Any]) -> Script:
    """Compressed, and flushed after every event; or not, and then a reader gets most of it at the end."""
    coding, packer = new_packer(settings["kind"])
    writes = [replace(write, body=packer.pack(write.body, flush=settings["flush"])) for write in script.writes]
    writes[-1] = replace(writes[-1], body=writes[-1].body + packer.finish())
    return replace(script, headers={**script.headers, "content-encoding": coding}, writes=tuple(writes))


def _framing_script(script: Script, settings: Mapping[str, Any]) -> Script:
    return replace(script, framing=Framing.ADORNED if settings["kind"] == "extensions" else Framing.CLOSE)


def _interim_script(script: Script, settings: Mapping[str, Any]) -> Script:
    return replace(script, interim=(int(settings["code"]),) * int(settings["times"]))


_BYTE_FAULTS: Mapping[str, Callable[[Script, Mapping[str, Any]], Script]] = {
    "cut": _cut_script,
    "stall": _stall_script,
    "newline": _newline_script,
    "bom": _bom_script,
    "together": _together_script,
    "bytewise": _bytewise_script,
    "split": _split_script,
    "fields": _fields_script,
    "invalid_utf8": _invalid_script,
    "content_type": _typed_script,
    "gzip": _gzip_script,
    "encoding": _encoded_script,
    "framing": _framing_script,
    "interim": _interim_script,
    "endless": _endless_script,
    "bomb": _bomb_script,
    "stale": _stale_script,
}
