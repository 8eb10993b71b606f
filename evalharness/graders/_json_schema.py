"""JSON Schema (2020-12) with the holes closed that a hostile answer, or a careless schema, could use.

``jsonschema`` runs ``pattern`` and ``patternProperties`` on the backtracking engine, compares ``uniqueItems`` in
quadratic time, and may fetch a ``$ref`` from the network. Here patterns are RE2's, uniqueness is linear, and nothing is
fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from evalharness.core.model import Json
from evalharness.graders._linear_regex import linear_pattern, searchable


class SchemaMistakeError(ValueError):
    """A schema that cannot be used, in words for the author of a suite."""


def schema_validator(schema: Json) -> Validator:
    """A validator for ``schema``. Raises ``SchemaMistakeError``."""
    built = _built(json.dumps(schema, sort_keys=True))
    if isinstance(built, SchemaMistakeError):
        raise built
    return built


@lru_cache(maxsize=64)
def _built(schema_text: str) -> Validator | SchemaMistakeError:
    """The validator or the mistake: the same schema comes with every trial."""
    schema = json.loads(schema_text)
    try:
        # Without formats: that of a pattern would be Python's, which knows other expressions than RE2.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(()))
        for part in _parts(schema):
            _refuse_what_is_not_supported(part)
    except SchemaError as error:
        return SchemaMistakeError(f"no valid JSON Schema at {error.json_path}: {error.message}")
    except SchemaMistakeError as mistake:
        return mistake
    except RecursionError:
        return SchemaMistakeError("the schema is nested too deeply")
    validator: Validator = _LinearValidator(schema, registry=Registry())
    return validator


def _parts(schema: Json) -> Iterator[dict[str, Any]]:
    """Every object inside a schema, itself included."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _refuse_what_is_not_supported(part: dict[str, Any]) -> None:
    for keyword in ("$ref", "$dynamicRef"):
        reference = part.get(keyword)
        if isinstance(reference, str) and not reference.startswith("#"):
            raise SchemaMistakeError(f"{keyword} {reference!r} leads out of the schema; copy the definition into $defs")
    by_pattern = part.get("patternProperties")
    if isinstance(by_pattern, dict) and "unevaluatedProperties" in part:
        raise SchemaMistakeError("unevaluatedProperties beside patternProperties is not supported")
    patterns = [*by_pattern] if isinstance(by_pattern, dict) else []
    if isinstance(part.get("pattern"), str):
        patterns.append(part["pattern"])
    for pattern in patterns:
        try:
            linear_pattern(pattern)
        except ValueError as error:
            raise SchemaMistakeError(f"pattern {pattern!r}: {error}") from None


def _found(pattern: str, text: str) -> bool:
    return linear_pattern(pattern).search(searchable(text)) is not None


def _pattern(validator: Any, pattern: str, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _found(pattern, instance):
        yield ValidationError(f"the text does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _found(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Json, schema: Json) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [name for name in instance if name not in named and not any(_found(p, name) for p in patterns)]
    if allowed is False and extras:
        yield ValidationError("not in the schema: " + ", ".join(map(repr, extras[:5])))
    elif isinstance(allowed, dict):
        for name in extras:
            yield from validator.descend(instance[name], allowed, path=name)


def _unique_items(validator: Any, wanted: bool, instance: Json, _schema: Json) -> Iterator[ValidationError]:
    if wanted and validator.is_type(instance, "array") and len({_canonical(item) for item in instance}) < len(instance):
        yield ValidationError("the items are not unique")


def _canonical(value: Json) -> str:
    """Equal for equal JSON values: 1 equals 1.0, and not true."""
    return json.dumps(_whole_floats_as_int(value), sort_keys=True)


def _whole_floats_as_int(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _whole_floats_as_int(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_whole_floats_as_int(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def first_error(validator: Validator, value: Json) -> str | None:
    """Where and why ``value`` does not satisfy the schema; None where it does.

    Raises ``SchemaMistakeError`` for what only shows in use: a ``$ref`` to nothing, or to itself without end.
    """
    try:
        error = next(iter(validator.iter_errors(value)), None)
    except Unresolvable as mistake:
        raise SchemaMistakeError(f"the schema refers to nothing: {mistake}") from None
    except RecursionError:
        raise SchemaMistakeError("the schema refers to itself without end") from None
    return None if error is None else f"{error.json_path}: {error.message}"


_LinearValidator = extend(  # type: ignore[no-untyped-call]  # the stubs leave this function out
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    },
)
