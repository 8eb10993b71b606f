"""Text of the world's scripts is shown as it is; what only hides or reorders is written out."""

from __future__ import annotations

import unicodedata

import pytest

from evalharness.report.visible import visible

# Spelled as Unicode's own documents spell them: emoji sequences of UTS #51, joiners of the core specification
# (chapters 9.2 Arabic, 12.1 Devanagari, 12.9 Malayalam, 13.4 Sinhala), flags of UTS #51 annex C.
READABLE = {
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "heart": "\u2764\ufe0f\u200d\U0001f525",
    "profession with skin tone": "\U0001f469\U0001f3fd\u200d\U0001f680",
    "head shaking": "\U0001f642\u200d\u2194\ufe0f",
    "pirate flag": "\U0001f3f4\u200d\u2620\ufe0f",
    "flag of England": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "keycap": "1\ufe0f\u20e3",
    "Persian, I want": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Persian, lunar year": "\u06f1\u06f4\u06f4\u06f5 \u0647\u200d.\u0642.",
    "Hindi, half ksha": "\u0915\u094d\u200d\u0937",
    "Hindi, no ligature": "\u0915\u094d\u200c\u0937",
    "Malayalam chillu": "\u0d28\u0d4d\u200d",
    "Sinhala, Sri Lanka": "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf",
    "Hebrew with a mark": "\u05e9\u05dc\u05d5\u05dd C++\u200e!",
    "Arabic with marks": "\u0639\u0631\u0628\u064a\u200f (\u061c1)",
    "Thai": "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "Japanese, composed from parts": "\u304b\u3099",
    "Vietnamese, composed from parts": unicodedata.normalize("NFD", "ti\u1ebfng Vi\u1ec7t"),
    "Mathematics": "x\u0304 \u2264 \U0001d4dc",
}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE.keys())
def test_text_of_any_script_is_shown_as_it_is(text):
    assert visible(text) == text
    assert visible(f"a line\n\tbefore it: {text}") == f"a line\n\tbefore it: {text}"


DECEIVING = {
    "reordered": ("file\u202egpj.exe", r"file\u202egpj.exe"),
    "isolated": ("a\u2066b\u2069", r"a\u2066b\u2069"),
    "reordered among Hebrew": ("\u05d0\u202e\u05d1", "\u05d0\\u202e\u05d1"),
    "joiner in a Latin word": ("pay\u200dpal", r"pay\u200dpal"),
    "non-joiner in a Cyrillic word": ("\u0434\u200c\u0430", "\u0434\\u200c\u0430"),
    "joiner in front": ("\u200d\u0915", "\\u200d\u0915"),
    "joiner between digits": ("1\u200d2", r"1\u200d2"),
    "bits in joiners": ("\u0915\u200c\u200d\u200d\u200c\u0915", "\u0915" + r"\u200c\u200d\u200d\u200c" + "\u0915"),
    "mark without right to left": ("a\u200eb\u200f", r"a\u200eb\u200f"),
    "zero-width space": ("1\u200b0", r"1\u200b0"),
    "tags spell hi": ("\U000e0068\U000e0069", r"\U000e0068\U000e0069"),
    "bytes in selectors": ("\u2764\ufe0f\ufe01\U000e0101", "\u2764\ufe0f" + r"\ufe01\U000e0101"),
    "terminal colour": ("\x1b[31m", r"\x1b[31m"),
    "half a pair": ("\ud83d", r"\ud83d"),
}


@pytest.mark.parametrize(("text", "shown"), DECEIVING.values(), ids=DECEIVING.keys())
def test_what_hides_or_reorders_is_written_out(text, shown):
    assert visible(text) == shown
    assert visible(shown) == shown
