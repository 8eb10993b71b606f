"""What faults do to the whole response, to the answer, and to the events. Pure; ``faults.py`` decides when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from evalharness.simulator.behaviour import Reply
from evalharness.simulator.exchange import Ending, Event, Framing, RejectedError, Script, Write, as_utf8, compact
from evalharness.simulator.faults import Fault

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTML = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_TERMINAL = ("response.completed", "response.incomplete")
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
_GARBAGE = b"\x16\x03\x01 this is no HTTP\r\n\r\n"
#: Not a byte is sent.
_SILENT: Mapping[str, Callable[[Mapping[str, Any]], Script]] = {
    "reset": lambda _: Script(status=0, ending=Ending.RESET),
    "close": lambda _: Script(status=0, ending=Ending.FIN),
    "refuse": lambda settings: Script(status=0, ending=Ending.RESET, refuses_ms=float(settings["ms"])),
}
#: What an answer begins with that would be obeyed by a terminal, or choke what reads it.
_TEXTS = {
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "nul": "a\0b ",
    "surrogate": "\ud800 ",
    "brackets": "[" * 100_000 + " ",
}
_FILLING = "All work and no play. "
_ENDLESS_BYTES = 2**16
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
    if fault.name == "garbage":
        return Script(status=200, raw_head=_GARBAGE, framing=Framing.CLOSE)
    return _SILENT[fault.name](settings) if fault.name in _SILENT else None


def plain_script(status: int, body: bytes, headers: Mapping[str, str], *, at_ms: float = 0.0) -> Script:
    """A response that is sent whole, head and body together."""
    writes = (Write(at_ms=at_ms, label="body", body=body),)
    return Script(status=status, headers=headers, head_ms=at_ms, writes=writes)


def error_script(rejection: RejectedError, headers: Mapping[str, str]) -> Script:
    return plain_script(
        rejection.status, as_utf8(compact(rejection.body)), {"content-type": "application/json", **headers}
    )


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
        headers["retry-after"] = http_date(moment)
    if settings.get("should_retry") is not None:
        headers["x-should-retry"] = str(settings["should_retry"]).lower()
    return headers


@lru_cache(maxsize=16)
def http_date(moment: datetime) -> str:
    """``moment`` (UTC) as in ``Sun, 06 Nov 1994 08:49:37 GMT`` whatever the locale is.

    Every response has a date, and all of one second have the same.
    """
    return f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment:%Y %H:%M:%S} GMT"


# ---------------------------------------------------------------- the answer


def bend_reply(reply: Reply, fault: Fault | None) -> Reply:
    """Another answer: refused, broken off by the service, or with something before it."""
    if fault is None:
        return reply
    if fault.name == "text":
        return _after(reply, (_TEXTS[fault.settings["kind"]],))
    if fault.name == "long":
        return _after(reply, (_filling(int(fault.settings["bytes"])),) * int(fault.settings["deltas"]))
    if fault.name == "endless" and fault.settings["what"] == "text":
        return _after(reply, (_filling(_ENDLESS_BYTES),))
    if fault.name not in ("refusal", "incomplete"):
        return reply
    if fault.name == "incomplete":
        n_kept = (len(reply.pieces) + 1) // 2
        return replace(_cut(reply, reply.pieces[:n_kept]), incomplete_reason=str(fault.settings["reason"]))
    words = ("I'm", " sorry", ",", " but", " I", " can't", " help", " with", " that", ".")
    return replace(_cut(reply, words), kind="refusal", tool_name=None, incomplete_reason=None)


def _filling(n_bytes: int) -> str:
    """A sentence again and again, which ends so that an answer can follow."""
    return (_FILLING * (n_bytes // len(_FILLING) + 1))[: n_bytes - 1] + " "


def _after(reply: Reply, before: tuple[str, ...]) -> Reply:
    """The reply with other deltas before it, all at once."""
    times = reply.schedule
    moments = (times.first_output_ms,) * len(before) + times.output_ms
    return replace(reply, pieces=(*before, *reply.pieces), schedule=replace(times, output_ms=moments))


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


def _is_chat(events: tuple[Event, ...]) -> bool:
    return not events[0].named


def _failed(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = _place(events, settings)
    return (*events[:place], _failed_event(events, place))


def _failed_event(events: tuple[Event, ...], place: int) -> Event:
    at_ms = events[max(0, place - 1)].at_ms
    error = {"code": "server_error", "message": _SERVER_WORDS}
    start = events[0].payload
    if isinstance(start, str) or "response" not in start:
        return Event.of({"error": error | {"type": "server_error"}}, at_ms=at_ms, type="error", named=False)
    response = {**start["response"], "status": "failed", "error": error}
    payload = {"type": "response.failed", "sequence_number": place, "response": response}
    return Event.of(payload, at_ms=at_ms, type="response.failed")


def _error(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = _place(events, settings)
    error = {"code": "server_error", "message": _SERVER_WORDS, "param": None}
    payload: dict[str, Any] = {"type": "error", "sequence_number": place, **error}
    if settings["shape"] == "nested" or _is_chat(events):
        payload = {"type": "error", "sequence_number": place, "error": {"type": "server_error", **error}}
    at_ms = events[max(0, place - 1)].at_ms
    kept = (*events[:place], Event.of(payload, at_ms=at_ms, type="error", named=not _is_chat(events)))
    return (*kept, _failed_event(events, place + 1)) if settings["then_failed"] else kept


def _malformed(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = min(_place(events, settings), len(events) - 1)
    return (*events[:place], replace(events[place], text=_MALFORMED), *events[place + 1 :])


def _no_usage(events: tuple[Event, ...], _: Mapping[str, Any]) -> tuple[Event, ...]:
    return tuple(_without_usage(event) for event in events if event.type != "usage")


def _without_usage(event: Event) -> Event:
    if event.type not in _TERMINAL:
        return event
    payload = event.payload
    if isinstance(payload, str) or "response" not in payload:
        return event
    return replace(event, text=compact({**payload, "response": {**payload["response"], "usage": None}}))


def _usage(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    return tuple(_miscounted(event, settings["kind"]) for event in events)


def _miscounted(event: Event, kind: str) -> Event:
    payload = event.payload
    holder = payload if isinstance(payload, str) else payload.get("response", payload)
    counts = None if isinstance(holder, str) else holder.get("usage")
    if counts is None:
        return event
    output = next(name for name in ("output_tokens", "completion_tokens") if name in counts)
    wrong = {"negative": -1, "nan": float("nan"), "text": str(counts[output]), "huge": 2**53 + 1}
    changed = {"total_tokens": counts["total_tokens"] + 1_000} if kind == "sum" else {output: wrong[kind]}
    counts |= changed
    return replace(event, text=compact(payload))


def _no_deltas(events: tuple[Event, ...], _: Mapping[str, Any]) -> tuple[Event, ...]:
    """The finished parts alone. A chat answer consists of its deltas: it keeps them."""
    return _numbered(event for event in events if not event.type.startswith("response.") or event.type[-6:] != ".delta")


def _numbered(events: Iterable[Event]) -> tuple[Event, ...]:
    numbered = []
    for number, event in enumerate(events):
        payload = event.payload
        if not isinstance(payload, str) and "sequence_number" in payload:
            event = replace(event, text=compact({**payload, "sequence_number": number}))
        numbered.append(event)
    return tuple(numbered)


def _no_terminal(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    last = (*_TERMINAL, "finish", "usage", "[DONE]")
    kept = tuple(event for event in events if event.type not in last)
    done = Event(at_ms=kept[-1].at_ms, type="[DONE]", text="[DONE]", named=False)
    return (*kept, done) if settings["done"] else kept


def _duplicate(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = min(_place(events, settings), len(events) - 1)
    return (*events[: place + 1], events[place], *events[place + 1 :])


def _missing(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = min(_place(events, settings), len(events) - 1)
    return (*events[:place], *events[place + 1 :])


def _swapped(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = min(_place(events, settings), len(events) - 2)
    first, second = events[place], replace(events[place + 1], at_ms=events[place].at_ms)
    return (*events[:place], second, first, *events[place + 2 :])


def _unknown(events: tuple[Event, ...], settings: Mapping[str, Any]) -> tuple[Event, ...]:
    place = _place(events, settings)
    payload: dict[str, Any] = {"type": "response.future_thing.happened", "sequence_number": place, "thing": {"kind": 1}}
    at_ms = events[max(0, place - 1)].at_ms
    extra = Event.of(payload, at_ms=at_ms, type=payload["type"], named=not _is_chat(events))
    return _numbered((*events[:place], extra, *events[place:]))


_EVENT_FAULTS: Mapping[str, Callable[[tuple[Event, ...], Mapping[str, Any]], tuple[Event, ...]]] = {
    "failed": _failed,
    "error": _error,
    "malformed": _malformed,
    "no_usage": _no_usage,
    "usage": _usage,
    "no_deltas": _no_deltas,
    "no_terminal": _no_terminal,
    "duplicate": _duplicate,
    "missing": _missing,
    "swapped": _swapped,
    "unknown": _unknown,
}
