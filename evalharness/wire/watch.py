"""What a read is worth to the clocks of a transport, told from line starts alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalharness.core.ports import Activity

#: Lines that carry nothing a reader waits for: comments (keep-alives) and the frame around data.
_FRAME = re.compile(rb"(:|event(:|$)|id(:|$)|retry(:|$))")
#: Whole comments and blank lines, of which a service may send any number: passed over without a look at each.
_SILENCE = re.compile(rb"(?:(?::[^\r\n]*+)?(?:\r\n?|\n))*+")
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\r|\n)?")
_DONE = b"[DONE]"
_DONE_LINE = re.compile(rb"data: ?\[DONE\]\s*$")
_HEAD_BYTES = 64
#: Enough to find a terminal marker that lies across two reads.
_TAIL_BYTES = 96


class LineWatch:
    """Implements the ``Watch`` port for a dialect whose terminal event contains ``terminal`` (in MULTILINE mode).

    One of ``signs`` is in whatever that matches: they are looked for first, which costs a tenth of a search by pattern.
    TERMINAL is told only once the event's blank line came: a terminal event of many megabytes is waited for. A marker
    inside a text cannot match, since its quotes are escaped there.
    """

    def __init__(self, terminal: re.Pattern[bytes] | None = None, *, signs: Sequence[bytes] = ()) -> None:
        self._terminal = terminal
        self._signs = signs
        self._head = b""
        self._tail = b""
        self._after_cr = False
        self._found_end = False
        self._ended = False

    def saw(self, data: bytes) -> Activity:
        if self._is_plain(data):
            return Activity.DATA
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        if not data:
            return Activity.NOTHING
        self._after_cr = data.endswith(b"\r")
        worth = Activity.NOTHING
        at = 0
        while at < len(data):
            if not (self._head or self._found_end):
                at = _end(_SILENCE, data, at)
            end = _end(_LINE, data, at)
            if at < end and self._is_data(data[at:end]):
                worth = Activity.DATA
            at = end
        return Activity.TERMINAL if self._ended else worth

    def _is_plain(self, data: bytes) -> bool:
        """Whole events with LF ends and no end among them: nearly every read of a stream, told in a microsecond."""
        return (
            data.endswith(b"\n\n")
            and not (self._head or self._after_cr or self._found_end or self._ended)
            and (data.startswith(b"data:") or b"\ndata:" in data)
            and _DONE not in data
            and not self._has_end(data)
        )

    def _has_end(self, data: bytes) -> bool:
        for sign in self._signs:
            if sign in data:
                return self._terminal is not None and self._terminal.search(data) is not None
        return False

    def _is_data(self, line: bytes) -> bool:
        """Takes a line or a piece of one; True where it is part of a data line (or of a body that has no lines)."""
        text = line.rstrip(b"\r\n")
        ended = len(text) < len(line)
        self._head += text[: _HEAD_BYTES - len(self._head)]
        head = self._head
        if not head.startswith(b":"):
            self._find_end(text)
        if not ended:
            # "e", "eve", "da": which field it is only shows later; its bytes wait for that.
            return bool(text) and not _FRAME.match(head) and not _is_start_of_frame(head)
        self._head = b""
        self._tail = b""
        if not head.strip():
            self._ended = self._ended or self._found_end
            return False
        if _DONE_LINE.match(head):
            self._ended = True
        return not _FRAME.match(head)

    def _find_end(self, text: bytes) -> None:
        if self._found_end or not text:
            return
        window = self._tail + text
        self._found_end = self._has_end(window)
        self._tail = window[-_TAIL_BYTES:]


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where the longest match at ``at`` ends: there, where nothing matches."""
    matched = pattern.match(data, at)
    return matched.end() if matched else at


def _is_start_of_frame(head: bytes) -> bool:
    return any(word.startswith(head) for word in (b"event", b"id", b"retry"))
