"""JSON out of an answer, safely: a model's output may be nested without end, huge or almost JSON."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from evalharness.core.model import Json

#: Deeper than any real answer, and far from the interpreter's limit of recursion.
MAX_DEPTH = 100

_FENCED = re.compile(r"```(?:json|JSON)?[ \t]*\r?\n(?P<body>.*?)\r?\n?```", re.DOTALL)


class NotJsonError(ValueError):
    """The text is no JSON value, in words for a score's reason."""


def parsed_json(text: str, *, fenced: bool) -> Json:
    """The one JSON value an answer consists of; with ``fenced`` it may stand in one Markdown code block.

    Raises ``NotJsonError``: also for ``NaN``, for numbers too long to read and for nesting below ``MAX_DEPTH``.
    """
    text = text.strip()
    if fenced and (block := _FENCED.fullmatch(text)):
        text = block["body"]
    if not text:
        raise NotJsonError("the answer is empty")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJsonError(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise NotJsonError(f"not JSON: {error}") from None
    if not _is_shallow(value):
        raise NotJsonError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _is_shallow(value: Json) -> bool:
    """Whether ``value`` has at most ``MAX_DEPTH`` levels. Level by level, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return True
    return False
