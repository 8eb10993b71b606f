"""What becomes of a broken response: parser, clocks' watch and decoder as a run uses them, and what must hold of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalharness.core.clock import SystemClock
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Limits, Status, Timeouts
from evalharness.core.ports import Activity, Decoded, Terms, WireProtocol
from evalharness.core.record import Stamps
from evalharness.transport.reception import Reception
from evalharness.wire import chat, responses
from evalharness.wire.settings import CodecSettings
from tests.fuzz.mutations import Example

#: Small, so that examples reach them.
LIMITS = Limits(max_output_bytes=20_000, max_body_bytes=200_000)
_CLOCK = SystemClock()
_ENDS = {"response.completed", "response.incomplete"}


class BrokenPromiseError(AssertionError):
    """Something that has to hold whatever a service sends does not."""


@dataclass(frozen=True)
class Read:
    """What one response came to. ``body``: what there was to decode, however it was packed. ``ended``: what the
    transport has to say of its end."""

    body: bytes
    ended: Failure | None
    decoded: Decoded | None
    saw_end: bool


@dataclass(frozen=True)
class Codecs:
    """One codec for each protocol, which lives as long as an endpoint's does: it remembers how events look."""

    of: dict[str, WireProtocol]

    @classmethod
    def fresh(cls) -> Codecs:
        settings = CodecSettings(limits=LIMITS)
        return cls({"responses": responses.Codec(settings), "chat": chat.Codec(settings)})


def check(example: Example, codecs: Codecs, *, thoroughly: bool) -> str:
    """The status or the kind of failure it came to. Must be called in an event loop.

    ``thoroughly`` compares it with the same bytes in one piece, read event by event by a codec that never saw others,
    and asks a parser of the standard library whether an answer had its end. Raises ``BrokenPromiseError``, or whatever
    a defect raises.
    """
    codec = codecs.of[example.protocol]
    read = _read(example.reads, example.reset, codec, at_once=True, is_watched=thoroughly)
    _check_bounds(read)
    if read.decoded is None:
        return "no response"
    decoded = read.decoded
    is_answer = decoded.failure is None
    if is_answer and not _has_end(example.protocol, read.body):
        raise BrokenPromiseError(f"{decoded.status}, but no event of {len(read.body)} bytes ends an answer")
    if thoroughly:
        alone = _read([example.raw], example.reset, Codecs.fresh().of[example.protocol], at_once=False, is_watched=True)
        _check_alike(read, alone)
    return str(decoded.status if decoded.failure is None else decoded.failure.kind)


def _read(reads: Sequence[bytes], reset: bool, codec: WireProtocol, *, at_once: bool, is_watched: bool) -> Read:
    watch = codec.watch(stream=True)
    terms = Terms(timeouts=Timeouts(), limits=LIMITS, watch=watch)
    reception = Reception(terms, place="h:1", clock=_CLOCK, started_ns=0)
    for number, data in enumerate(reads):
        reception.received(data, number, number, 0)
    reception.lost(ConnectionResetError() if reset else None)
    if not reception.is_over:
        raise BrokenPromiseError("neither the end of the body nor that of the connection ended it")
    taken = reception.take()
    reception.stop()
    body = b"".join(data for _, data in taken)
    if reception.head is None:
        return Read(body, reception.failure, None, saw_end=False)
    saw_end = is_watched and Activity.TERMINAL in [watch.saw(data) for _, data in taken]
    decoder = codec.decoder(head=replace(reception.head, headers=_undated(reception.head.headers)), stream=True)
    if at_once:
        decoder.feed_reads(taken)
    else:
        for at_ns, data in taken:
            decoder.feed(at_ns, data)
    return Read(body, reception.failure, decoder.finish(reception.failure), saw_end=saw_end)


def _undated(headers: Any) -> dict[str, str]:
    """The date that is added where there is none is another one a moment later."""
    return {name: text for name, text in headers.items() if name != "date"}


def _check_bounds(read: Read) -> None:
    if len(read.body) > LIMITS.max_body_bytes:
        raise BrokenPromiseError(f"{len(read.body)} bytes of a body were kept")
    decoded = read.decoded
    if decoded is None:
        return
    if (decoded.status is Status.ERROR) != (decoded.failure is not None):
        raise BrokenPromiseError(f"{decoded.status} with failure {decoded.failure}")
    answer, text = decoded.answer, decoded.partial_text or ""
    for what in (text, answer.text, answer.refusal or "", answer.reasoning_summary or ""):
        if len(what) > LIMITS.max_output_bytes:
            raise BrokenPromiseError(f"{len(what)} characters of text were kept")
    if decoded.failure is not None:
        excerpt, message = decoded.failure.body_excerpt or "", decoded.failure.message
        if len(excerpt) > 4 * 2048 + 10 or len(message) > 2_000 or not message:
            raise BrokenPromiseError(f"an excerpt of {len(excerpt)} characters, a message of {len(message)}")
        if any(ord(sign) < 32 for sign in message):
            raise BrokenPromiseError(f"a control character in {message!r}")
    if len(decoded.unknown_events) > 65:
        raise BrokenPromiseError(f"{len(decoded.unknown_events)} names of events were kept")
    if decoded.usage is not None:
        counts = (decoded.usage.input_tokens, decoded.usage.output_tokens, decoded.usage.reasoning_tokens)
        if any(count is not None and not (type(count) is int and 0 <= count <= 2**53) for count in counts):
            raise BrokenPromiseError(f"counts of tokens: {decoded.usage}")


def _check_alike(parts: Read, whole: Read) -> None:
    if _depends_on_split(parts) or _depends_on_split(whole):
        return
    if parts.body != whole.body:
        raise BrokenPromiseError(f"{len(parts.body)} and {len(whole.body)} bytes of body")
    unlike = _untimed(parts.decoded), _untimed(whole.decoded)
    if unlike[0] != unlike[1]:
        raise BrokenPromiseError(f"in parts {unlike[0]}\nin one piece {unlike[1]}")
    if parts.saw_end != whole.saw_end:
        raise BrokenPromiseError(f"the watch saw an end in parts: {parts.saw_end}, in one piece: {whole.saw_end}")


def _depends_on_split(read: Read) -> bool:
    """How much was read before it was seen that a body is too large, or that what it was compressed to is damaged: of
    that read nothing is kept."""
    decoded = None if read.decoded is None else read.decoded.failure
    failures = [failure for failure in (read.ended, decoded) if failure is not None]
    return any(each.kind is FailureKind.TOO_LARGE or "content encoding" in each.message for each in failures)


def _untimed(decoded: Decoded | None) -> Decoded | None:
    return decoded and replace(decoded, stamps=Stamps(), n_reads=0)


# ---------------------------------------------------------------- a second opinion


def _has_end(protocol: str, body: bytes) -> bool:
    """By the standard's grammar and ``json`` alone, but that blanks before the first byte mean nothing. A body of one
    JSON object ends with its last bracket."""
    body = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    whole = _object(body)
    if whole is not None:
        return any(name in whole for name in ("choices", "output", "object"))
    return any(
        _ends_answer(protocol, name, message) for name, data in _events(body) if (message := _object(data)) is not None
    )


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _events(body: bytes) -> Iterator[tuple[str, bytes]]:
    name, data = "", []
    for line in re.split(rb"\r\n|\r|\n", body):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif not line:
            yield name, b"\n".join(data)
            name, data = "", []


def _ends_answer(protocol: str, name: str, message: dict[str, Any]) -> bool:
    if protocol == "chat":
        choices = message.get("choices")
        return isinstance(choices, list) and any(
            isinstance(each, dict) and each.get("finish_reason") is not None for each in choices
        )
    return any(word in _ENDS for word in (name, message.get("type")) if isinstance(word, str))
