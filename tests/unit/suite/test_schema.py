from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from evalharness import graders
from evalharness.suite import schema, yaml_text
from evalharness.suite.files import template_text
from evalharness.suite.keys import keys_at, models_below, pattern_of
from evalharness.suite.schema_json import schema_json

SCHEMA = schema_json()
SHIPPED = Path(__file__).parents[3] / "suites"


def errors_of(text: str) -> list[str]:
    value = yaml_text.load(text, "s.yaml").value
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(value)]


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [template_text(), *(path.read_text() for path in sorted(SHIPPED.glob("*.yaml")))])
def test_the_schema_accepts_what_ships(text):
    assert errors_of(text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("suite: my-first-suite", "suit: my-first-suite"),
        ("simulator: default", "simulator: default\n    base_url: https://example.com"),
        ("simulator: default", "protocol: chat"),
        ("type: numeric", "type: numeri"),
        ("max: 20", "maxi: 20"),
        ("type: word_count, max: 20", "type: exact"),
        ("concurrency: 8", 'concurrency: "8"'),
        ("concurrency: 8", "shape: poisson"),
        ("concurrency: 8", "rate_per_s: 8"),
        ("concurrency: 8", "shape: steps\n  concurrency: 8"),
        ("concurrency: 8", "shape: square"),
        ("margin: 0.05", "margin: 5"),
        ("rule: cheapest_within_margin", "rule: cheapest"),
        ("repeats: 3", "repeats: 0"),
        ("repeats: 3", "gates: [{metric: answer, at_least: 0.8, at_most: 0.9}]"),
        ("repeats: 3", "gates: [{metric: answer}]"),
        ("repeats: 3", "gates: []"),
        ("repeats: 3", "on_inconclusive: ignore"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(old, new):
    assert old in template_text()
    assert errors_of(template_text().replace(old, new)) != []


@pytest.mark.parametrize(
    "load",
    [
        "shape: closed\n  duration_s: 5",
        "shape: constant\n  rate_per_s: 5",
        "shape: poisson\n  rate_per_s: 5",
        "shape: ramp\n  from_per_s: 0\n  to_per_s: 5\n  over_s: 10",
        "shape: burst\n  size: 5\n  every_s: 1",
        "shape: steps\n  rate_per_s: [1, 2]",
        "shape: trace\n  file: a.txt",
    ],
)
def test_the_schema_accepts_every_shape_of_load(load):
    assert errors_of(template_text().replace("concurrency: 8", load)) == []


def test_the_schema_accepts_gates():
    gates = "[{metric: answer, at_least: 0.8}, {must_pass: {tag: easy}}]\non_inconclusive: fail"
    assert errors_of(template_text().replace("repeats: 3", f"gates: {gates}")) == []


def test_the_schema_knows_every_grader_and_its_keys():
    grader = SCHEMA["$defs"]["GraderPart"]
    branches = {branch["if"]["properties"]["type"]["const"]: branch["then"] for branch in grader["allOf"]}
    assert tuple(branches) == graders.names()
    for name, then in branches.items():
        fields = graders.load(name).Params.model_fields
        assert {field.alias or key for key, field in fields.items()} <= set(then["properties"]), name


def test_a_grader_key_may_be_a_template_in_the_schema():
    assert errors_of(template_text().replace("max: 20", 'max: "{{ longest }}"')) == []


def test_every_key_has_a_description():
    bare = [
        f"{model.__name__}.{name}"
        for _, model in models_below(schema.SuitePart)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert bare == [] and all(model.__doc__ for _, model in models_below(schema.SuitePart))


def test_hints_know_the_keys_of_every_place():
    assert "concurrency" in keys_at(schema.SuitePart, ("load",))
    assert "first_event" in keys_at(schema.SuitePart, pattern_of(("endpoints", "sim", "timeouts_ms")))
    assert {"vars", "file"} <= set(keys_at(schema.SuitePart, pattern_of(("cases", 3))))
    assert keys_at(schema.SuitePart, ("request",)) == ()
