"""What a grader says: a value with the reason for it, not yet named (``NamedGrader`` does that)."""

from __future__ import annotations

from evalharness.core.record import Score

_EXCERPT_CHARACTERS = 60


def judgement(value: float | None, reason: str | None = None) -> Score:
    """``value`` in [0, 1], or None with the reason why the answer could not be graded."""
    return Score(grader="", value=value, passed=None, reason=reason)


def right_or(is_right: bool, otherwise: str) -> Score:
    """1, or 0 with the reason."""
    return judgement(1.0) if is_right else judgement(0.0, otherwise)


def excerpt(text: str) -> str:
    """A quoted, one-line beginning of a text, with control characters and surrogates escaped: safe to print."""
    if len(text) <= _EXCERPT_CHARACTERS:
        return repr(text)
    return f"{text[:_EXCERPT_CHARACTERS]!r}… ({len(text):,} characters)"
