"""Text of unknown origin made safe to look at: characters that hide, reorder or delete are shown as escapes.

What a script or an emoji needs to be read stays: joiners and non-joiners after a letter they shape or inside an emoji,
the two direction marks where text runs from right to left, the letters a flag is spelled with.
"""

from __future__ import annotations

import json
import re
import unicodedata

#: One class of characters, which is quick: nearly every text has none of them and is done with.
_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e01ef]"
)
# C0 and C1 controls except tab and newline, bidirectional controls, zero-width characters, line and paragraph
# separators, the byte order mark, lone surrogates (which no UTF-8 file can hold), a second variation selector in a
# row (bytes can be hidden in those) and tags, which spell text nobody sees. First what is kept: a flag made of tags.
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_INVISIBLE = re.compile(
    "(?P<flag>\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    f"\U000e0000-\U000e007f]|(?<=[{_SELECTORS}])[{_SELECTORS}]"
)
_JOINERS = "\u200c\u200d"
_DIRECTION_MARKS = "\u061c\u200e\u200f"
_RIGHT_TO_LEFT = re.compile("[\u0590-\u060b\u060d-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")
#: Before Hebrew there are Latin, Greek, Cyrillic and Armenian, none of which a joiner shapes: there it only hides.
_SHAPED_FROM = 0x0590


def visible(text: str) -> str:
    """``text`` with every character written out that can deceive, e.g. ``\\x1b`` or ``\\u202e``."""
    if _SUSPECT.search(text) is None:
        return text
    runs_right_to_left = _RIGHT_TO_LEFT.search(text) is not None

    def shown(match: re.Match[str]) -> str:
        found = match.group()
        is_kept = (
            match["flag"] is not None
            or (found in _DIRECTION_MARKS and runs_right_to_left)
            or (found in _JOINERS and _shapes(text, match.start()))
        )
        return found if is_kept else _escape(found)

    return _INVISIBLE.sub(shown, text)


def direction(text: str) -> str:
    """The ``dir`` of an element for it: ``auto`` only where something runs from right to left, since a browser takes
    seconds to find the direction of a line of a megabyte."""
    return "auto" if _RIGHT_TO_LEFT.search(text) else "ltr"


def json_escaped(text: str) -> str:
    """JSON with the escapes of JSON in the place of every character that could deceive: it stays the same value."""
    return _SUSPECT.sub(lambda match: json.dumps(match.group())[1:-1].replace("\x7f", "\\u007f"), text)


def _shapes(text: str, place: int) -> bool:
    """Whether a joiner follows something it can shape: a letter or mark of a joining script, or an emoji. One joiner
    after another shapes nothing, so that no message can be spelled with them."""
    if place == 0 or text[place + 1 : place + 2] in tuple(_JOINERS):
        return False
    before = text[place - 1]
    category = unicodedata.category(before)
    return ord(before) >= _SHAPED_FROM and (category[0] in "LM" or category in ("So", "Sk"))


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``, on one line, with an ellipsis where something was cut."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: max(0, limit - 1)].rstrip() + "…"
