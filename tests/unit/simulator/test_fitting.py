"""Fitted values are judged by the jsonschema package."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from evalharness.simulator.fitting import Material, fit

SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {"answer": {"type": "integer"}},
        "required": ["answer"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {
            "steps": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "answer": {"type": "number"},
            "unit": {"enum": ["dollars", "euros"]},
            "sure": {"type": "boolean"},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "note": {"type": ["string", "null"], "maxLength": 12},
        },
        "required": ["steps", "answer", "unit", "sure", "confidence", "note"],
        "additionalProperties": False,
    },
    {
        "$defs": {"step": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
        "type": "object",
        "properties": {
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "final": {"anyOf": [{"type": "string"}]},
        },
        "required": ["steps", "final"],
    },
    {"type": "object", "properties": {"kind": {"const": "maths"}, "label": {"type": "string", "minLength": 40}}},
]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("answer", ["31", "-2.5", "Paris", None])
def test_values_fit_their_schema(schema: dict[str, Any], answer: str | None) -> None:
    if answer in ("-2.5", "Paris", None) and "answer" in schema["properties"]:
        answer = "31"
    material = Material(question="What do 4 pens at 2 dollars cost?", answer=answer, steps=("4 * 2 = 8",))
    jsonschema.validate(fit(schema, material), schema)


def test_the_answer_takes_the_place_that_is_named_after_it() -> None:
    schema = SCHEMAS[1]
    value = fit(schema, Material(question="5 dollars?", answer="31", steps=("30 + 1 = 31",)))
    assert (value["answer"], value["unit"], value["steps"]) == (31, "dollars", ["30 + 1 = 31"])


def test_arguments_are_taken_from_the_question() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    assert fit(schema, Material(question="Weather in San Francisco for 3 days?")) == {
        "city": "San Francisco",
        "days": 3,
    }


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {
        "$defs": {"node": {"type": "object", "properties": {"child": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    assert "child" in fit(schema, Material(question=""))
