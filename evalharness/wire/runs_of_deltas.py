"""Runs of delta events, read without parsing them one by one.

Nearly every event of a stream is the one before it with another text. So the first of a kind is read as JSON, and its
bytes become a template: literals with holes between them, for the text, the padding and the number. An event that fits
the template needs no parser. That a template is right is not argued but tried: the event is written again with other
contents in the holes, and read by the ordinary way; it has to differ in these contents and in nothing else. That is
tried once for all streams of a codec, which differ in the ids they carry.

The contents of a run are decoded together, as one JSON array of strings, which is also what checks them: escapes,
control characters (line ends among them) and UTF-8. Numbers are not read but foretold: an event that breaks the
sequence does not fit. Compiled patterns were tried and rejected: no quicker, and compiling one costs as much as parsing
fifty events; nor is cutting a block at what its events have in common.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import NamedTuple

from evalharness.core.model import Json
from evalharness.wire.reader import DeltaShape, Path, StreamEvent, stream_event
from evalharness.wire.sse import SseParser
from evalharness.wire.strict_json import MalformedJsonError, parse_json

#: Random letters with which a service hides the length of its deltas; read by nobody.
_PADDING = "obfuscation"
#: The same in all events of a stream, and another in the next one.
_STREAMS_OWN = ("item_id", "id", "created")
_BACKSLASH = ord("\\")
_FIELD = re.compile(rb'"(\w+)"\s*+:\s*+(?:"((?:[^"\\]|\\.)*+)"|([0-9]++))', re.DOTALL)
#: From the beginning of a string to its closing quote.
_CONTENT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_MAX_TEMPLATES = 8
#: A template costs what about four events gain by it: streams whose events never repeat must not pay for many.
_PRICE = 4
_FIRST_CREDIT = 16 * _PRICE
_MAX_OUTLINES = 64


class Run(NamedTuple):
    """Consecutive events that are ``like`` one another. ``ends`` are the offsets behind their last bytes."""

    like: StreamEvent
    texts: list[str]
    ends: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One event's bytes: ``literals[0]``, hole, ``literals[1]``, hole, ..., each hole the content of a JSON string.

    ``counter``: which literal holds the number, and what stands in it before and after that. ``ends_in_cr``: an LF may
    follow, which belongs to the CR that completed the event.
    """

    like: StreamEvent
    literals: tuple[bytes, ...]
    text_hole: int
    counter: tuple[int, tuple[bytes, bytes]] | None
    ends_in_cr: bool

    def fits(self, block: bytes, start: int, number: int | None) -> tuple[list[list[bytes]], list[int]]:
        """The contents of each hole, and the end of each event, of the events from ``start`` that fit."""
        literals = list(self.literals)
        holes: list[list[bytes]] = [[] for _ in literals[1:]]
        rest = list(enumerate(holes, start=1))
        ends: list[int] = []
        startswith, find = block.startswith, block.find
        while True:
            if self.ends_in_cr and startswith(b"\n", start):
                start += 1
            if self.counter is not None and number is not None:
                index, around = self.counter
                literals[index] = (b"%d" % number).join(around)
                number += 1
            if not startswith(literals[0], start):
                return holes, ends
            at = start + len(literals[0])
            for index, contents in rest:
                end = find(b'"', at)
                if block[end - 1] == _BACKSLASH:
                    end = _content_end(block, at)
                literal = literals[index]
                if not startswith(literal, end):
                    return [contents[: len(ends)] for contents in holes], ends
                contents.append(block[at:end])
                at = end + len(literal)
            ends.append(at)
            start = at


class Outlines:
    """The events that were shown to make a right template, by their bytes around what differs. Shared by the streams of
    a codec."""

    def __init__(self) -> None:
        self._right: set[tuple[bytes, ...]] = set()

    def is_right(self, raw: bytes, like: StreamEvent, fields: Mapping[Path, re.Match[bytes]]) -> bool:
        outline = (*_around(raw, fields.values()), *(str(path).encode() for path in fields))
        if outline in self._right:
            return True
        if not _is_right(raw, like, fields):
            return False
        # Names come from outside: a service that invents new ones must not fill the memory.
        if len(self._right) < _MAX_OUTLINES:
            self._right.add(outline)
        return True


class DeltaRuns:
    """The templates of one stream."""

    def __init__(self, outlines: Outlines) -> None:
        self._outlines = outlines
        self._templates: list[Template] = []
        self._credit = _FIRST_CREDIT

    def stop(self) -> None:
        """No more runs: what comes has to be read event by event, since it will fail at one of them."""
        self._templates = []
        self._credit = 0

    def run(self, block: bytes, start: int, number: int | None) -> Run | None:
        """The longest run that begins at ``start``, where an event begins. None: what is there fits no template.

        ``number``: what the first event has to be numbered, where the service numbers them.
        """
        for template in self._templates:
            if template.counter is not None and number is None:
                continue
            holes, ends = template.fits(block, start, number)
            if ends:
                return self._checked(template, holes, ends)
        return None

    def _checked(self, template: Template, holes: list[list[bytes]], ends: list[int]) -> Run | None:
        try:
            columns = [parse_json(b'["' + b'","'.join(contents) + b'"]') for contents in holes]
        except MalformedJsonError:
            self.stop()
            return None
        self._credit += len(ends)
        return Run(template.like, columns[template.text_hole], ends)

    def learn(self, raw: bytes, like: StreamEvent, shape: DeltaShape) -> None:
        """``raw`` are all bytes of an event, which was read as ``like``."""
        if self._credit < _PRICE:
            return
        self._credit -= _PRICE
        template = _template(raw.removeprefix(b"\n") if raw.endswith(b"\r") else raw, like, shape, self._outlines)
        if template is not None:
            self._templates = [template, *self._templates[: _MAX_TEMPLATES - 1]]


def _content_end(block: bytes, at: int) -> int:
    """Where the string ends whose content begins at ``at``; a quote after a backslash may or may not be its end."""
    content = _CONTENT.match(block, at)
    return content.end() if content else at


def _template(raw: bytes, like: StreamEvent, shape: DeltaShape, outlines: Outlines) -> Template | None:
    """None where it cannot be shown to be right."""
    holes = tuple(_hole_paths(like.message, shape))
    own = ((name,) for name in _STREAMS_OWN if isinstance(like.message.get(name), str | int))
    paths = {str(path[-1]).encode(): path for path in (*own, *holes)}
    fields: dict[Path, re.Match[bytes]] = {}
    for field in _FIELD.finditer(raw):
        if field[1] in paths:
            # A name may come twice, say in a part of the message: the trial below tells whether this is the one.
            fields.setdefault(paths[field[1]], field)
    if len(fields) != len(paths) or not outlines.is_right(raw, like, fields):
        return None
    order = [path for path in fields if path in holes]
    literals = _around(raw, [fields[path] for path in order])
    counter = None
    if shape.number is not None:
        index = order.index((shape.number,))
        counter = index, (literals[index], literals[index + 1])
        literals[index : index + 2] = [b""]
        del order[index]
    return Template(
        like=like,
        literals=tuple(literals),
        text_hole=order.index(shape.text),
        counter=counter,
        ends_in_cr=raw.endswith(b"\r"),
    )


def _around(raw: bytes, fields: Iterable[re.Match[bytes]]) -> list[bytes]:
    """What stands before, between and after the contents of these fields."""
    edges = [0, *(edge for field in fields for edge in field.span(field.lastindex or 0)), len(raw)]
    return [raw[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _hole_paths(message: Mapping[str, Json], shape: DeltaShape) -> Iterator[Path]:
    yield shape.text
    if shape.number is not None:
        yield (shape.number,)
    if isinstance(message.get(_PADDING), str):
        yield (_PADDING,)


def _is_right(raw: bytes, like: StreamEvent, fields: Mapping[Path, re.Match[bytes]]) -> bool:
    """Whether the event, written with other contents in these fields, is read as itself with these contents."""
    written, at = b"", 0
    for path, field in fields.items():
        start, end = field.span(field.lastindex or 0)
        value = _value(like.message, path)
        written += raw[at:start] + (b"%d" % (value + 1) if isinstance(value, int) else raw[start:end] + b"x")
        at = end
    written += raw[at:]
    parser = SseParser(max_event_bytes=len(written))
    parser.feed(written[:-1])
    try:
        # Its last byte has to be the one that completes it: on that depends which read it is dated by.
        (other,) = (stream_event(event) for event in parser.feed(written[-1:]))
        for path in fields:
            value, parent = _value(like.message, path), _value(other.message, path[:-1])
            if parent[path[-1]] != (value + 1 if isinstance(value, int) else value + "x"):
                return False
            parent[path[-1]] = value
        return other == like
    # The last for a message that could just be parsed, and is nested too deeply to be compared.
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _value(message: Json, path: Path) -> Json:
    return reduce(getitem, path, message)
