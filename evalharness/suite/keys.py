"""Which keys may stand where, read from the models: for hints and for the reference page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from evalharness.suite.yaml_text import Path

Pattern = tuple[str, ...]


def pattern_of(path: Path) -> Pattern:
    """``path`` with ``*`` for every index, and for the name right below ``endpoints`` and ``prompts``."""
    named = path[:1] in (("endpoints",), ("prompts",))
    return tuple("*" if isinstance(part, int) or (named and at == 1) else part for at, part in enumerate(path))


def models_below(model: type[BaseModel], at: Pattern = ()) -> Iterator[tuple[Pattern, type[BaseModel]]]:
    """``model`` and every model inside it, each with the pattern of the mapping it describes."""
    yield at, model
    for name, field in model.model_fields.items():
        for depth, inner in _models_in(field.annotation):
            yield from models_below(inner, (*at, name, *("*",) * depth))


@cache
def keys_at(model: type[BaseModel], at: Pattern) -> tuple[str, ...]:
    """All keys that any model allows at ``at``; empty where keys are free."""
    found: dict[str, None] = {}
    for pattern, inner in models_below(model):
        if pattern == at:
            found.update(dict.fromkeys(field.alias or name for name, field in inner.model_fields.items()))
    return tuple(found)


def _models_in(annotation: Any, depth: int = 0) -> Iterator[tuple[int, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield depth, annotation
        return
    inside = depth + (get_origin(annotation) in (list, dict))
    for argument in get_args(annotation):
        yield from _models_in(argument, inside)
