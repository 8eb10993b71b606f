"""What holds for every grader in the folder: a new one is tested by existing, once it has an example here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from evalharness import graders
from evalharness.core.record import Answer, Score
from tests.support.graders import CASE, transcript
from tests.support.isolation import Run, isolation, scored

#: Keys that make each type work, and an answer that is worth 1 to it.
EXAMPLES: dict[str, tuple[dict[str, Any], str]] = {
    "all_of": ({"of": [{"type": "contains", "expected": "a"}, {"type": "numeric", "expected": 7}]}, "a 7"),
    "any_of": ({"of": [{"type": "contains", "expected": "a"}, {"type": "numeric", "expected": 7}]}, "7"),
    "choice": ({"expected": "B", "options": ["one", "two", "three", "four"]}, "Answer: B"),
    "contains": ({"expected": "a"}, "cat"),
    "contains_all": ({"values": ["a", "b"]}, "ab"),
    "contains_any": ({"values": ["a", "b"], "ignore_case": True}, "B"),
    "exact": ({"expected": "a b", "ignore_case": True}, "A b\n"),
    "finish_reason": ({"expected": "completed"}, "x"),
    "json_match": ({"expected": {"a": [1, {"b": "x"}]}, "extra": "wrong"}, '{"a": [1, {"b": "x"}]}'),
    "json_schema": (
        {"schema": {"uniqueItems": True, "items": {"pattern": "^(a+)+$", "type": ["string", "array"]}}},
        '["aaa"]',
    ),
    "limit": ({"metric": "latency_ms", "at_most": "1000"}, "x"),
    "none_of": ({"of": [{"type": "regex", "pattern": "(x+)+$"}]}, "a"),
    "python": ({"function": "code.py:grade"}, "yes"),
    "numeric": ({"expected": "7", "relative_tolerance": 0.01}, "7.0"),
    "refusal": ({"phrases": ["I can't"]}, "Sorry, I can’t do that."),
    "regex": ({"pattern": "(a+)+$", "expected": "aa"}, "aa"),
    "similarity": ({"expected": "kitten"}, "kitten"),
    "starts_with": ({"expected": "a"}, " a"),
    "unit_test": ({"tests": "assert add(1, 2) == 3"}, "```python\ndef add(a, b): return a + b\n```"),
    "weighted": ({"of": [{"type": "exact", "expected": "a", "weight": 2}, {"type": "word_count", "max": 3}]}, "a"),
    "word_count": ({"min": 1, "max": "3"}, "a b"),
}

_MEGABYTE = 2**20
HOSTILE = {
    "empty": "",
    "white space": " \n\t\u00a0",
    "nul": "a\x00b",
    "lone surrogates": "\ud800a\udfff",
    "right to left": "\u202e\u0645\u0631\u062d\u0628\u0627 7\u202c",
    "huge number": "9" * 10_000,
    "huge exponent": "1e999999 and 1e-999999 and 10^999999",
    "infinite": "inf NaN 1e309 -Infinity",
    "megabyte of a word": "a" * _MEGABYTE,
    "megabyte of digits": "7" * _MEGABYTE,
    "megabyte of numbers": "1,234 " * (_MEGABYTE // 6),
    "megabyte of marks": "answer: (" * (_MEGABYTE // 9),
    "megabyte of lines": "\n" * _MEGABYTE,
    "megabyte of brackets": "[" * _MEGABYTE,
    "megabyte of nested lists": "[" * (_MEGABYTE // 2) + "]" * (_MEGABYTE // 2),
    "megabyte of unlike items": "[" + ",".join(f'["{i}"]' for i in range(80_000)) + "]",
    "megabyte of fences": "```json\n" * (_MEGABYTE // 8),
    "nested objects": '{"a":' * 2_000 + "1" + "}" * 2_000,
    "long integer in JSON": "[" + "9" * 5_000 + "]",
    "combining marks": "e" + "\u0301" * 100_000,
}


FUNCTION = """
def grade(answer, trial):
    if answer != "yes" and len(answer) > 1_000:
        raise ValueError(answer)
    return answer == "yes", answer
"""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """For those who ask what code does."""
    with isolation({"code.py": FUNCTION}) as asked:
        yield asked


def graded(run: Run, name: str, params: dict[str, Any], text: str) -> Score:
    return scored(run, name, fully_measured(text), **params)


def fully_measured(text: str) -> Any:
    return transcript(Answer(text=text, stop_reason="completed"), measured={"latency_ms": 12.5})


def test_every_type_has_an_example_here() -> None:
    assert set(graders.names()) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_documents_itself_and_every_key(name: str) -> None:
    module = graders.load(name)
    assert module.__doc__
    assert issubclass(module.Params, BaseModel)
    assert module.Params.model_config["extra"] == "forbid"
    assert all(field.description for field in module.Params.model_fields.values())


@pytest.mark.parametrize("name", EXAMPLES)
def test_good_answer_is_worth_one_every_time(name: str, run: Run) -> None:
    params, answer = EXAMPLES[name]
    scores = [graded(run, name, params, answer) for _ in range(3)]
    assert scores[0].value == 1.0, scores[0].reason
    assert scores[0].passed is True
    assert scores[0].grader == "g"
    assert scores == [scores[0]] * 3


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", EXAMPLES)
def test_hostile_answer_gives_a_value_or_a_reason(name: str, text: str, run: Run) -> None:
    score = graded(run, name, EXAMPLES[name][0], text)
    if score.value is None:
        assert score.reason
        assert score.passed is None
    else:
        assert 0 <= score.value <= 1
        assert score.passed is (score.value >= 1.0)
    assert len(score.reason or "") < 1_500
    (score.reason or "").encode()


@pytest.mark.parametrize("name", EXAMPLES)
def test_unknown_key_is_named(name: str) -> None:
    params = {**EXAMPLES[name][0], "tolerence": 1}
    score = graders.build("g", name, params, 1.0).grade(CASE, fully_measured("x"))
    assert score.value is None
    assert "tolerence" in (score.reason or "")


@pytest.mark.parametrize("name", [name for name in EXAMPLES if "expected" in EXAMPLES[name][0]])
def test_template_passes_the_first_check_and_not_the_second(name: str) -> None:
    params = {**EXAMPLES[name][0], "expected": "{{ expected }}"}
    graders.load(name).Params.model_validate(params)
    if name in ("numeric", "choice", "json_match"):
        score = graders.build("g", name, params, 1.0).grade(CASE, fully_measured("x"))
        assert score.value is None


@pytest.mark.parametrize("name", EXAMPLES)
def test_touches_no_clock_no_chance_no_file_and_no_network(name: str) -> None:
    """Purity by imports: what a grader may name at all, its shared parts included."""
    allowed = {"__future__", "collections", "decimal", "functools", "json", "math", "re", "typing", "unicodedata"}
    allowed |= {"dataclasses", "evalharness", "jsonschema", "pydantic", "rapidfuzz", "re2", "referencing"}
    folder = Path(graders.__file__).parent
    shared = [path for path in folder.glob("_[a-z]*.py") if path.stem != "_reference"]
    for path in [folder / f"{name}.py", *shared]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path.name
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] in allowed | {"itertools"}, path.name
