"""JSON Schema of the suite format, generated from the models that validate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from evalharness import graders
from evalharness.suite.gate_parts import DEMANDS
from evalharness.suite.request_keys import EFFORTS, TOP_LEVEL
from evalharness.suite.schema import REQUIRED, SuitePart

_TEMPLATE = {"type": "string", "pattern": r"\{\{|\{%"}


def schema_json() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a suite file, with the keys of every grader type."""
    return suite_schema({name: graders.load(name).Params for name in graders.names()})


def suite_schema(grader_params: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    schema = SuitePart.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "evalharness suite"
    schema["required"] = list(REQUIRED)
    schema["properties"]["request"] |= {"properties": _request_properties()}
    definitions = schema["$defs"]
    _add_endpoint_kinds(definitions["EndpointPart"])
    definitions["GatePart"]["oneOf"] = [{"required": [demand]} for demand in DEMANDS]
    _add_grader_types(schema, grader_params)
    return schema


def _request_properties() -> dict[str, Any]:
    """For completion only: other keys pass through."""
    known: dict[str, Any] = {name: {} for name in TOP_LEVEL}
    known["reasoning"] = {"type": "object", "properties": {"effort": {"examples": list(EFFORTS)}}}
    known["text"] = {"type": "object", "properties": {"verbosity": {"examples": ["low", "medium", "high"]}}}
    return known


def _add_endpoint_kinds(endpoint: dict[str, Any]) -> None:
    endpoint["oneOf"] = [{"required": [kind]} for kind in ("base_url", "simulator", "local")]


def _add_grader_types(schema: dict[str, Any], grader_params: Mapping[str, type[BaseModel]]) -> None:
    """``type`` decides which further keys there are: one ``if`` per type, so that editors complete and name the key."""
    definitions = schema["$defs"]
    grader = definitions["GraderPart"]
    own = dict(grader["properties"])
    grader["properties"]["type"] = {"enum": list(grader_params), "description": own["type"]["description"]}
    grader["additionalProperties"] = True
    grader["allOf"] = []
    for name, params in grader_params.items():
        keys = params.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
        for inner, definition in keys.pop("$defs", {}).items():
            definitions[f"{name}.{inner}"] = definition
        properties = {key: _or_template(value) for key, value in keys["properties"].items()}
        then = {
            "properties": dict.fromkeys(own, True) | properties,
            "required": keys.get("required", []),
            "additionalProperties": False,
            "description": keys.get("description", ""),
        }
        grader["allOf"].append({"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": then})


def _or_template(value: dict[str, Any]) -> dict[str, Any]:
    """A key may be a template until it is rendered for a case."""
    described: dict[str, Any] = {key: value.pop(key) for key in ("description", "default") if key in value}
    return {"anyOf": [value, _TEMPLATE], **described}
