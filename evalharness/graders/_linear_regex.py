"""Regular expressions in linear time: the only engine that sees a model's output together with a user's pattern.

RE2 refuses what cannot be done in linear time. Its messages name the construct; this module adds where it stands in the
pattern and what to write instead. There is no fallback to ``re``: one catastrophic pattern would block a whole run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

#: Longest text that is searched, in bytes of UTF-8.
MAX_TEXT_BYTES = 2**20

_LOOK_AROUND = "look-around is not linear: match the neighbours too and capture what you mean in a group"
_NO_BACK_REFERENCE = "back-references are not linear: write the alternatives out, or use two graders under `all_of`"
_POSSESSIVE = "possessive quantifiers are not needed: nothing backtracks here; use the plain quantifier"

#: The construct as RE2 names it -> what to do. Looked up by the longest beginning that fits.
_HINTS = {
    "(?=": _LOOK_AROUND,
    "(?!": _LOOK_AROUND,
    "(?<": _LOOK_AROUND,
    "(?P=": _NO_BACK_REFERENCE,
    "\\1": _NO_BACK_REFERENCE,
    "(?>": "atomic groups are not needed: nothing backtracks here; use (?:…)",
    "(?(": "conditionals are not linear: write the two alternatives out",
    "(?x": "the verbose flag does not exist: write the pattern without layout",
    "(?#": "comments do not exist: put them beside the pattern",
    "(?a": "classes are ASCII anyway; flags are (?i), (?s), (?m)",
    "(?u": "for letters of every script write \\pL, for digits \\p{Nd}; flags are (?i), (?s), (?m)",
    "\\Z": "write \\z for the end of the text",
    "\\u": "write \\x{00E9} for a character by its number, or the character itself",
    "\\N": "write \\x{00E9} for a character by its number, or the character itself",
}


class PatternError(ValueError):
    """A pattern that RE2 refuses, in words for the author of a suite."""


def linear_pattern(pattern: str) -> Any:
    """The compiled pattern, an ``re2`` regular expression. Search it with bytes of ``searchable``.

    Raises ``PatternError`` with the construct, its position (from 1) and a hint.
    """
    compiled = _compiled(pattern)
    if isinstance(compiled, PatternError):
        raise compiled
    return compiled


def searchable(text: str) -> bytes:
    """UTF-8 for a search. Lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """The expression or the error: both are remembered, since the same pattern comes with every trial."""
    options = re2.Options()
    options.log_errors = False  # RE2 would write its own line to standard error
    try:
        return re2.compile(pattern, options)
    except UnicodeEncodeError:
        return PatternError("the pattern holds half a character (a lone surrogate)")
    except re2.error as error:
        return PatternError(_in_words(pattern, _message_of(error)))


def _message_of(error: Exception) -> str:
    raw = error.args[0] if error.args else b""
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _in_words(pattern: str, message: str) -> str:
    """``invalid perl operator: (?=`` -> the same with position and hint."""
    kind, _, construct = message.partition(": ")
    if kind == "invalid perl operator" and construct.startswith("(?P"):
        construct = "(?P="  # RE2 stops reading at the P of a reference by name
    position = pattern.find(construct) + 1 if construct and construct != pattern else 0
    at = f" at character {position}" if position else ""
    hint = _hint(kind, construct)
    return f"{kind}: {construct}{at}" + (f" ({hint})" if hint else "")


def _hint(kind: str, construct: str) -> str | None:
    if kind == "invalid escape sequence" and construct[1:2].isdigit():
        return _NO_BACK_REFERENCE
    if kind == "bad repetition operator" and construct.endswith("+"):
        return _POSSESSIVE
    if kind == "invalid repetition size":
        return "at most 1000 repetitions, nested ones multiplied, and the smaller number first"
    return next((hint for beginning, hint in _HINTS.items() if construct.startswith(beginning)), None)
