"""What the format knows and this version does not do yet: refused at its line, never silently ignored.

Paths are patterns as of ``keys.pattern_of``.
"""

from __future__ import annotations

KEYS: dict[tuple[str, ...], str] = {
    ("tools",): "tools with an implementation (tool definitions under `request.tools` are passed through)",
    ("max_turns",): "tool loops",
    ("cases", "*", "generate"): "case generators",
    ("cases", "*", "with"): "case generators",
}

GRADERS: dict[str, str] = {
    "rubric": "graders that ask a model",
    "factuality": "graders that ask a model",
    "pairwise": "graders that ask a model",
    "panel": "graders that ask a model",
    "math": "symbolic equality",
    "language": "language detection",
    "tool_call": "grading of tool calls",
    "constraints": "verifiable instructions",
}
