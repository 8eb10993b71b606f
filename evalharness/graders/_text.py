"""How graders compare texts."""

from __future__ import annotations

import unicodedata


def comparable(text: str, *, ignore_case: bool) -> str:
    """Unicode NFC, so that two encodings of one visible text are equal.

    NFKC is not used: it would turn ``10²`` into ``102``.
    """
    text = unicodedata.normalize("NFC", text)
    # Case folding can take a text out of NFC (U+0345), hence the second pass.
    return unicodedata.normalize("NFC", text.casefold()) if ignore_case else text
