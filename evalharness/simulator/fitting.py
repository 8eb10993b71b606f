"""Values that fit a JSON Schema: what a structured answer or the arguments of a tool call are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ANSWER_NAMES = ("answer", "result", "value", "solution", "total", "final", "number", "choice")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PLACE = re.compile(r"\b(?:in|for|of|to|at|from|near)\s+((?:[A-Z][\w'-]*)(?:\s+[A-Z][\w'-]*)*)")
_QUOTED = re.compile(r"[\"“']([^\"”']{1,80})[\"”']")
_MAX_DEPTH = 8
_MAX_ITEMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What there is to fill a schema with. ``answer`` None: no problem was understood."""

    question: str
    answer: str | None = None
    steps: tuple[str, ...] = ()


def fit(schema: Mapping[str, Any], material: Material) -> Any:
    """A value for ``schema``. Numbers of the question are used in order; unknown keywords are ignored."""
    return _Filler(schema, material).value(schema, "", 0)


class _Filler:
    def __init__(self, root: Mapping[str, Any], material: Material) -> None:
        self.root = root
        self.material = material
        self.numbers = [float(text) for text in _NUMBER.findall(material.question)]

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return None
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        for key in ("anyOf", "oneOf", "allOf"):
            if schema.get(key):
                return self.value(schema[key][0], name, depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = kind[0]
        return self._of_type(kind, schema, name, depth)

    def _of_type(self, kind: str, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if kind == "object":
            properties: Mapping[str, Any] = schema.get("properties") or {}
            return {key: self.value(sub, key, depth + 1) for key, sub in properties.items()}
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("number", "integer"):
            return self._number(schema, kind)
        if kind == "boolean":
            return True
        return None if kind == "null" else self._string(schema, name)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        seen = 0
        while isinstance(schema.get("$ref"), str) and seen < _MAX_DEPTH:
            target: Any = self.root
            for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
                target = target.get(part, {}) if part and isinstance(target, Mapping) else target
            schema = target if isinstance(target, Mapping) else {}
            seen += 1
        return schema

    def _chosen(self, members: list[Any]) -> Any:
        words = self.material.question.casefold()
        answer = self.material.answer
        for member in members:
            if answer is not None and str(member) == answer:
                return member
        return next((member for member in members if str(member).casefold() in words), members[0])

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = schema.get("items") or {}
        if self._resolved(items).get("type") == "string" and self.material.steps:
            return list(self.material.steps[: schema.get("maxItems", len(self.material.steps))])
        return [self.value(items, name, depth + 1) for _ in range(min(_MAX_ITEMS, max(1, schema.get("minItems", 1))))]

    def _number(self, schema: Mapping[str, Any], kind: str) -> float | int:
        answer = self.material.answer
        if answer is not None and _NUMBER.fullmatch(answer):
            number = float(answer)
        else:
            number = self.numbers.pop(0) if self.numbers else 1.0
        number = max(number, schema.get("minimum", number))
        number = min(number, schema.get("maximum", number))
        return int(number) if kind == "integer" or number == int(number) else number

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        text: str = self._words(name)
        text += "." * max(0, schema.get("minLength", 0) - len(text))
        return text[: int(schema.get("maxLength", len(text)))]

    def _words(self, name: str) -> str:
        material = self.material
        if material.answer is not None:
            return material.answer if _is_answer(name) or not material.steps else "; ".join(material.steps)
        found = _QUOTED.search(material.question) or _PLACE.search(material.question)
        return found.group(1) if found else material.question.strip()[:200]


def _is_answer(name: str) -> bool:
    return any(word in name.lower() for word in _ANSWER_NAMES)
