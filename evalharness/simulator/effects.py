"""What each fault does: to the answer, to the events, to the bytes. Pure; ``faults.py`` decides when."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from evalharness.simulator.behaviour import Reply
from evalharness.simulator.exchange import Ending, Event, RejectedError, Script, Write, as_bytes, compact
from evalharness.simulator.faults import Fault

_HTML = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_MALFORMED = '{"type":"response.output_text.delta","delta":"un'
_RATE_LIMIT = RejectedError(
    status=429,
    message="Rate limit reached for requests. Please try again later.",
    type="requests",
    code="rate_limit_exceeded",
)
_QUOTA = RejectedError(
    status=429,
    message="You exceeded your current quota, please check your plan and billing details.",
    type="insufficient_quota",
    code="insufficient_quota",
)
_SERVER_WORDS = "The server had an error while processing your request. Sorry about that!"


# ---------------------------------------------------------------- the whole response


def instead(fault: Fault, now: datetime) -> Script | None:
    """The response that replaces the real one; None for faults that only bend it."""
    settings = fault.settings
    if fault.name == "rate_limit":
        return error_script(_RATE_LIMIT, _retry_headers(settings, now))
    if fault.name == "quota":
        return error_script(_QUOTA, {})
    if fault.name == "status":
        return _status(settings, now)
    if fault.name == "html":
        return plain_script(200, _HTML, {"content-type": "text/html; charset=utf-8"})
    if fault.name == "redirect":
        return plain_script(int(settings["code"]), b"", {"location": str(settings["to"])})
    if fault.name == "reset":
        return Script(status=0, ending=Ending.RESET)
    return None


def plain_script(status: int, body: bytes, headers: Mapping[str, str], *, at_ms: float = 0.0) -> Script:
    """A response that is sent whole, head and body together."""
    writes = (Write(at_ms=at_ms, label="body", body=body),)
    return Script(status=status, headers=headers, head_ms=at_ms, writes=writes)


def error_script(rejection: RejectedError, headers: Mapping[str, str]) -> Script:
    body = compact(rejection.body).encode("utf-8", "surrogatepass")
    return plain_script(rejection.status, body, {"content-type": "application/json", **headers})


def _status(settings: Mapping[str, Any], now: datetime) -> Script:
    code, headers = int(settings["code"]), _retry_headers(settings, now)
    if settings["body"] == "json":
        words = "The engine is currently overloaded, please try again later." if code in (503, 529) else _SERVER_WORDS
        return error_script(
            RejectedError(status=code, message=words, type="server_error", code="server_error"), headers
        )
    bodies = {
        "html": (_HTML, "text/html"),
        "text": (b"Internal Server Error", "text/plain"),
        "empty": (b"", "text/plain"),
    }
    body, kind = bodies[settings["body"]]
    return plain_script(code, body, {"content-type": kind, **headers})


def _retry_headers(settings: Mapping[str, Any], now: datetime) -> dict[str, str]:
    headers = {}
    if settings.get("retry_after") is not None:
        headers["retry-after"] = str(settings["retry_after"])
    if settings.get("retry_after_ms") is not None:
        headers["retry-after-ms"] = str(settings["retry_after_ms"])
    if settings.get("retry_after_date") is not None:
        moment = now.astimezone(UTC) + timedelta(seconds=settings["retry_after_date"])
        headers["retry-after"] = format_datetime(moment, usegmt=True)
    if settings.get("should_retry") is not None:
        headers["x-should-retry"] = str(settings["should_retry"]).lower()
    return headers


# ---------------------------------------------------------------- the answer


def bend_reply(reply: Reply, fault: Fault | None) -> Reply:
    """Another answer: refused, or broken off by the service."""
    if fault is None or fault.name not in ("refusal", "incomplete"):
        return reply
    if fault.name == "incomplete":
        n_kept = (len(reply.pieces) + 1) // 2
        return replace(_cut(reply, reply.pieces[:n_kept]), incomplete_reason=str(fault.settings["reason"]))
    words = ("I'm", " sorry", ",", " but", " I", " can't", " help", " with", " that", ".")
    return replace(_cut(reply, words), kind="refusal", tool_name=None, incomplete_reason=None)


def _cut(reply: Reply, pieces: tuple[str, ...]) -> Reply:
    moments = reply.schedule.output_ms or (reply.schedule.first_output_ms,)
    times = tuple(moments[min(index, len(moments) - 1)] for index in range(len(pieces)))
    return replace(reply, pieces=pieces, schedule=replace(reply.schedule, output_ms=times), right=None)


# ---------------------------------------------------------------- the events


def bend_events(events: tuple[Event, ...], fault: Fault | None) -> tuple[Event, ...]:
    """Another stream of events."""
    bend = _EVENT_FAULTS.get(fault.name) if fault is not None else None
    return events if bend is None or fault is None else bend(events, fault.settings)


def _place(events: tuple[Event, ...], settings: Mapping[str, Any]) -> int:
    """After how many events the fault happens: as said, else in the middle."""
    after = settings.get("after")
    return len(events) // 2 if after is None else max(0, min(int(after), len(events)))


def _failed(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = _place(events, settings)
    return (*events[:place], _failed_event(events, place))


def _failed_event(events: tuple[Event, ...], place: int) -> Event:
    at_ms = events[max(0, place - 1)].at_ms
    error = {"code": "server_error", "message": _SERVER_WORDS}
    start = events[0].payload
    if not isinstance(start, Mapping) or "response" not in start:
        return Event(at_ms=at_ms, type="error", payload={"error": error | {"type": "server_error"}}, named=False)
    response = {**start["response"], "status": "failed", "error": error}
    payload = {"type": "response.failed", "sequence_number": place, "response": response}
    return Event(at_ms=at_ms, type="response.failed", payload=payload)


def _error(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = _place(events, settings)
    error = {"code": "server_error", "message": _SERVER_WORDS, "param": None}
    payload: dict[str, Any] = {"type": "error", "sequence_number": place, **error}
    if settings["shape"] == "nested":
        payload = {"type": "error", "sequence_number": place, "error": {"type": "server_error", **error}}
    kept = (*events[:place], Event(at_ms=events[max(0, place - 1)].at_ms, type="error", payload=payload))
    return (*kept, _failed_event(events, place + 1)) if settings["then_failed"] else kept


def _malformed(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = min(_place(events, settings), len(events) - 1)
    return (*events[:place], replace(events[place], payload=_MALFORMED), *events[place + 1 :])


def _no_usage(events: tuple[Event, ...], _: Mapping[str, Any]) -> tuple[Event, ...]:
    return tuple(
        replace(event, payload=_without_usage(event.payload))
        for event in events
        if isinstance(event.payload, str) or event.payload.get("choices") != []
    )


def _without_usage(payload: Mapping[str, Any] | str) -> Mapping[str, Any] | str:
    if isinstance(payload, str) or "response" not in payload:
        return payload
    return {**payload, "response": {**payload["response"], "usage": None}}


def _no_terminal(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    last = ("response.completed", "response.incomplete", "finish", "usage", "[DONE]")
    kept = tuple(event for event in events if event.type not in last)
    done = Event(at_ms=kept[-1].at_ms, type="[DONE]", payload="[DONE]", named=False)
    return (*kept, done) if settings["done"] else kept


def _duplicate(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = min(_place(events, settings), len(events) - 1)
    return (*events[: place + 1], events[place], *events[place + 1 :])


def _swapped(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = min(_place(events, settings), len(events) - 2)
    first, second = events[place], replace(events[place + 1], at_ms=events[place].at_ms)
    return (*events[:place], second, first, *events[place + 2 :])


def _unknown(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = _place(events, settings)
    payload = {"type": "response.future_thing.happened", "sequence_number": place, "thing": {"kind": "new"}}
    extra = Event(at_ms=events[max(0, place - 1)].at_ms, type="response.future_thing.happened", payload=payload)
    return (*events[:place], extra, *events[place:])


_EVENT_FAULTS: Mapping[str, Callable[[tuple[Event, ...], Mapping[str, Any]], tuple[Event, ...]]] = {
    "failed": _failed,
    "error": _error,
    "malformed": _malformed,
    "no_usage": _no_usage,
    "no_terminal": _no_terminal,
    "duplicate": _duplicate,
    "swapped": _swapped,
    "unknown": _unknown,
}


# ---------------------------------------------------------------- the bytes


def stream_script(events: tuple[Event, ...], head_ms: float, headers: Mapping[str, str], fault: Fault | None) -> Script:
    """The events as writes, one each, bent by faults of the bytes."""
    writes = tuple(Write(at_ms=event.at_ms, label=event.type, body=as_bytes(event)) for event in events)
    script = Script(status=200, headers=headers, head_ms=head_ms, writes=writes, chunked=True)
    return bend_script(script, fault)


def bend_script(script: Script, fault: Fault | None) -> Script:
    """The same content written in another way, late, or not to the end."""
    bend = _BYTE_FAULTS.get(fault.name) if fault is not None else None
    return script if bend is None or fault is None else bend(script, fault.settings)


def _cut_script(script: Script, settings: Mapping[str, Any]) -> Script:
    """Breaks off in the middle of a write; ``clean`` ends the body properly after a whole one."""
    after, n = settings["after"], len(script.writes)
    place = n // 2 if after is None else max(0, min(int(after), n - 1))
    half = script.writes[place]
    half = replace(half, body=half.body[: len(half.body) // 2])
    if settings["how"] == "clean":
        return replace(script, writes=script.writes[:place])
    ending = Ending.FIN if settings["how"] == "fin" else Ending.RESET
    return replace(script, writes=(*script.writes[:place], half), ending=ending)


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
        Write(at_ms=start_ms + period_ms * count, label="comment", body=b": keep-alive\n\n")
        for count in range(1, n_comments + 1)
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


def _gzip_script(script: Script, _: Mapping[str, Any]) -> Script:
    packer = zlib.compressobj(wbits=31)
    writes = [
        replace(write, body=packer.compress(write.body) + packer.flush(zlib.Z_SYNC_FLUSH)) for write in script.writes
    ]
    writes[-1] = replace(writes[-1], body=writes[-1].body + packer.flush())
    return replace(script, headers={**script.headers, "content-encoding": "gzip"}, writes=tuple(writes))


_BYTE_FAULTS: Mapping[str, Callable[[Script, Mapping[str, Any]], Script]] = {
    "cut": _cut_script,
    "stall": _stall_script,
    "newline": _newline_script,
    "bom": _bom_script,
    "together": _together_script,
    "bytewise": _bytewise_script,
    "gzip": _gzip_script,
}
