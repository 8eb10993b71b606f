"""JSON as it may come from anyone: strict UTF-8, bounded depth, and no number that JSON cannot write back."""

from __future__ import annotations

import json
import math
from typing import Any

#: What is nested deeper is refused, long before the interpreter's stack ends: how much of that is left differs from
#: place to place, and what could be read here has to be stored, redacted and written again elsewhere.
MAX_DEPTH = 200


class MalformedJsonError(ValueError):
    """The bytes are no JSON text in UTF-8."""


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


# Python's reader takes NaN, Infinity and 1e999. They stay readable as the text they came as, so that a token count
# made of them is seen to be invalid and stored items remain valid JSON.
_READER = json.JSONDecoder(parse_constant=str, parse_float=_finite)


def parse_json(data: bytes) -> Any:
    """The value of ``data``: objects are ``dict``, arrays ``list``, and whoever reads them asks for just these, since
    asking for an abstract class takes ten times as long. Lone surrogates written as escapes are kept, invalid UTF-8
    is refused.

    Raises ``MalformedJsonError``, also for nesting deeper than ``MAX_DEPTH`` and for integers longer than the
    interpreter's limit for conversions.
    """
    try:
        text = data.decode("utf-8")
        value, end = _READER.raw_decode(text) if text.startswith(("{", "[")) else (None, -1)
        # Blanks around it, or more than blanks: the slower way, which also says what is wrong.
        value = value if end == len(text) else _READER.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"invalid UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise MalformedJsonError("nested too deeply") from error
    except ValueError as error:
        raise MalformedJsonError(str(error)) from error
    if text.count("[") + text.count("{") > MAX_DEPTH and type(value) in (dict, list) and _is_too_deep(value):
        raise MalformedJsonError("nested too deeply")
    return value


def _is_too_deep(value: Any) -> bool:
    """Level by level: the depth of lists and objects, whatever else is in them."""
    level = [value]
    for _ in range(MAX_DEPTH):
        children = (each.values() if type(each) is dict else each for each in level)
        level = [child for values in children for child in values if type(child) in (dict, list)]
        if not level:
            return False
    return True
