"""Server-sent events: a push parser over raw bytes.

Source: WHATWG HTML, 9.2 Server-sent events. Differences, both in favour of a measurement: a lone CR ends its line at
once (a following LF is dropped when it comes, perhaps in the next read), and one event is bounded in size.
Not ``iter_lines`` of an HTTP client: that also splits at U+2028, U+0085, VT and FF, which models do write.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_LINE_ENDS = (b"\n", b"\r")
_CR = ord("\r")
#: Blank lines and comments: between events they mean nothing.
_SILENCE = re.compile(rb"(?:(?::[^\r\n]*+)?(?:\r\n?|\n))*+")


class SseEvent(NamedTuple):
    """``name`` is the ``event:`` line ('' without one); ``data`` its data lines joined by LF, not decoded."""

    name: bytes
    data: bytes


class SseParser:
    """``feed`` gives the events that the bytes complete. The same bytes give the same events however they are split.

    Linear in the bytes fed. What is pending at the end of the body is dropped by never being asked for, as the
    standard wants it. ``too_large`` becomes true at the first event (or comment) over the bound, and no event is given
    from there on.
    """

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._opening: bytes | None = b""
        self._after_cr = False
        self._line = bytearray()
        self._name = b""
        self._data: list[bytes] = []
        self._event_bytes = 0
        self.too_large = False

    @property
    def is_between_events(self) -> bool:
        """Nothing of an event is pending: what follows means the same as it would at the beginning of a stream."""
        return not (self._opening or self._line or self._data or self._name)

    def skip_silence(self, data: bytes, at: int) -> int:
        """Where the blank lines and comments that ``data`` has at ``at`` end, all of them taken; only between events.

        A tenth of a microsecond a line, where ``feed`` needs two: a service may send comments without end. ``data`` has
        to be within the bound of an event.
        """
        matched = _SILENCE.match(data, at)
        end = matched.end() if matched else at
        if end > at:
            self._opening, self._after_cr = None, data[end - 1] == _CR
        return end

    def feed(self, data: bytes) -> list[SseEvent]:
        # Most reads and pieces are one usual event: a short cut past the lines, which take six times as long.
        if self.is_between_events and not self.too_large and len(data) <= self._max_event_bytes:
            usual = _usual_event(data)
            if usual is not None:
                self._opening, self._after_cr = None, False
                return [usual]
        return self._feed_lines(data)

    def _feed_lines(self, data: bytes) -> list[SseEvent]:
        if self._opening is not None:
            data = self._without_bom(self._opening + data)
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if not data:
            return []
        self._after_cr = data.endswith(b"\r")
        # bytes.splitlines splits at LF, CR and CRLF alone, unlike str.splitlines.
        lines = data.splitlines()
        rest = b"" if data.endswith(_LINE_ENDS) else lines.pop()
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        events = [event for line in lines if (event := self._take(line)) is not None]
        self._fits(rest, len(self._line))
        if not self.too_large:
            self._line += rest
        return events

    def _without_bom(self, opening: bytes) -> bytes:
        if len(opening) < len(_BOM) and _BOM.startswith(opening):
            self._opening = opening
            return b""
        self._opening = None
        return opening.removeprefix(_BOM)

    def _take(self, line: bytes) -> SseEvent | None:
        if not self._fits(line):
            return None
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._event_bytes += len(line)
        elif field == b"event":
            self._name = value
        return None

    def _dispatch(self) -> SseEvent | None:
        event = SseEvent(self._name, b"\n".join(self._data)) if self._data else None
        self._name = b""
        self._data = []
        self._event_bytes = 0
        return event

    def _fits(self, line: bytes, before_bytes: int = 0) -> bool:
        """The same for a line that came whole and for one that came in pieces: the bound must not depend on reads."""
        if self._event_bytes + before_bytes + len(line) > self._max_event_bytes:
            self.too_large = True
        return not self.too_large


def _usual_event(data: bytes) -> SseEvent | None:
    """An event as nearly every service writes it, whole and alone: a name, one line of data, LF. None for any other."""
    end = len(data) - 2
    if data.find(b"\n\n") != end or b"\r" in data:
        return None
    name, at = b"", 0
    if data.startswith(b"event: "):
        at = data.find(b"\n") + 1
        name = data[7 : at - 1]
    line = data[at:end]
    return SseEvent(name, line[6:]) if line.startswith(b"data: ") and b"\n" not in line else None
