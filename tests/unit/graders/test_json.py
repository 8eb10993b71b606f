from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from evalharness.graders import load
from tests.support.graders import graded

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}

#: Schemas that use what was replaced; the unchanged library is the judge of each instance.
REPLACED = [
    ({"pattern": "^a+$"}, ["aaa", "ab", "", 3, None]),
    ({"patternProperties": {"^x_": {"type": "integer"}}}, [{"x_1": 1}, {"x_1": "a"}, {"y": "a"}, []]),
    (
        {"properties": {"a": {}}, "patternProperties": {"^x_": {}}, "additionalProperties": False},
        [{"a": 1, "x_b": 2}, {"a": 1, "c": 2}, {}, 7],
    ),
    ({"additionalProperties": {"type": "string"}}, [{"a": "b"}, {"a": 1}, {}]),
    ({"additionalProperties": True}, [{"a": 1}]),
    (
        {"uniqueItems": True},
        [
            [1, 2],
            [1, 1.0],
            [1, True],
            [0, False],
            [{"a": 1}, {"a": 1.0}],
            [[1], [True]],
            [{"a": 1, "b": 2}] * 2,
            ["1", 1],
        ],
    ),
    ({"uniqueItems": False}, [[1, 1]]),
]


@pytest.mark.parametrize(("schema", "instances"), REPLACED)
def test_replaced_keywords_agree_with_the_library(schema: dict[str, Any], instances: list[Any]) -> None:
    judge = Draft202012Validator(schema)
    for instance in instances:
        score = graded("json_schema", json.dumps(instance), schema_=schema)
        assert score.value == float(judge.is_valid(instance)), instance


def test_schema_error_says_where() -> None:
    score = graded("json_schema", '{"name": "Ada", "age": -1}', schema_=PERSON)
    assert score.value == 0.0
    assert "$.age" in (score.reason or "")


@pytest.mark.parametrize("text", ['{"name": "Ada"}', ' {"name": "Ada"}\n', '```json\n{"name": "Ada"}\n```'])
def test_whole_answer_is_json(text: str) -> None:
    assert graded("json_schema", text, schema_=PERSON).value == 1.0


@pytest.mark.parametrize(
    "text",
    ["", "Here: {}", "{'name': 'Ada'}", '{"name": "Ada"} done', "```json\n{}\n``` done", '{"name": NaN}', "[" * 5000],
)
def test_text_that_is_no_json_is_wrong_and_says_why(text: str) -> None:
    score = graded("json_schema", text, schema_={"type": "object"})
    assert score.value == 0.0
    assert score.reason


def test_fence_can_be_refused() -> None:
    assert graded("json_schema", "```json\n{}\n```", schema_={}, fenced=False).value == 0.0


def test_nesting_is_bounded_far_below_the_recursion_limit() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "]" * depth

    assert graded("json_schema", nested(100), schema_={}).value == 1.0
    assert graded("json_schema", nested(101), schema_={}).value == 0.0


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"type": "strin"}, "no valid JSON Schema"),
        ({"pattern": "(?=a)"}, "look-around"),
        ({"items": {"patternProperties": {"(a)\\1": {}}}}, "back-reference"),
        ({"$ref": "https://example.org/schema.json"}, "leads out of the schema"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "not supported"),
    ],
)
def test_unusable_schema_is_refused_when_the_suite_is_read(schema: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        load("json_schema").Params.model_validate({"schema": schema})
    assert caught.value.errors()[0]["loc"] == ("schema",)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("reference", ["#", "#/$defs/none"])
def test_reference_that_leads_nowhere_is_not_graded(reference: str) -> None:
    score = graded("json_schema", "1", schema_={"$ref": reference})
    assert score.value is None
    assert "schema refers to" in (score.reason or "")


def test_reference_inside_the_schema_works() -> None:
    tree = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}
    assert graded("json_schema", "[[],[[]]]", schema_=tree).value == 1.0
    assert graded("json_schema", "[[],[1]]", schema_=tree).value == 0.0


MATCHES = [
    ({"a": 1}, '{"a": 1.0}', 1.0),
    ({"a": 1}, '{"a": "1"}', 0.0),
    ({"a": 1}, '{"a": true}', 0.0),
    ({"a": None}, '{"a": null}', 1.0),
    ({"a": None}, "{}", 0.0),
    ({"a": "x"}, '{"a": " x "}', 1.0),
    ({"a": "x"}, '{"a": "X"}', 0.0),
    ({"a": 1, "b": 2}, '{"b": 2, "c": 3}', 0.5),
    ({"a": {"b": {"c": 1, "d": 2}}}, '{"a": {"b": {"c": 1}}}', 0.5),
    ({"a.b": 1}, '{"a": {"b": 1}}', 0.0),
    ([1, 2], "[1, 2]", 1.0),
    ([1, 2], "[1]", 1 / 3),
    ([1, 2], "[2, 1]", 1 / 3),
    ({"a": []}, '{"a": []}', 1.0),
    ({"a": {}}, '{"a": {}}', 1.0),
    ({"a": {}}, '{"a": "{}"}', 0.0),
    ('{"a": 1}', '{"a": 1}', 1.0),
    ({"a": 1}, "no JSON", 0.0),
]


@pytest.mark.parametrize(("expected", "text", "value"), MATCHES)
def test_value_is_the_share_of_expected_fields(expected: Any, text: str, value: float) -> None:
    assert graded("json_match", text, expected=expected).value == pytest.approx(value)


def test_extra_fields_count_when_asked_for() -> None:
    assert graded("json_match", '{"a": 1, "b": 2}', expected={"a": 1}).value == 1.0
    score = graded("json_match", '{"a": 1, "b": 2}', expected={"a": 1}, extra="wrong")
    assert score.value == 0.5
    assert "$.b (not expected)" in (score.reason or "")


def test_case_is_ignored_when_asked_for() -> None:
    assert graded("json_match", '{"a": "PARIS"}', expected={"a": "Paris"}, ignore_case=True).value == 1.0


def test_expectation_that_is_no_json_is_not_graded() -> None:
    assert graded("json_match", "{}", expected="Paris").value is None


@pytest.mark.parametrize(("pattern", "right", "wrong"), [(r"^\pL+\z", "Zoë", "a1"), ("^[[:alpha:]]+$", "ab", "a1")])
def test_patterns_are_those_of_re2_whatever_python_thinks_of_them(pattern: str, right: str, wrong: str) -> None:
    schema = {"properties": {"a": {"pattern": pattern}}}
    values = [graded("json_schema", json.dumps({"a": text}), schema=schema).value for text in (right, wrong)]
    assert values == [1.0, 0.0]
