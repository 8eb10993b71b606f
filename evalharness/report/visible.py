"""Text of unknown origin made safe to look at: characters that hide, reorder or delete are shown as escapes."""

from __future__ import annotations

import re

# C0 and C1 controls except tab and newline, bidirectional controls, zero-width characters, line and paragraph
# separators, the byte order mark and lone surrogates (which no UTF-8 file can hold).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: str) -> str:
    """``text`` with every invisible or reordering character written out, e.g. ``\\x1b`` or ``\\u202e``."""
    return _INVISIBLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, on one line, with an ellipsis where something was cut."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: max(0, limit - 1)].rstrip() + "…"
