"""The answer is JSON with the expected fields; the value is the share of expected fields that are right.

A field is a leaf of the expected value: `{a: 1, b: {c: [2, 3]}}` has the four fields `$.a`, `$.b.c[0]`, `$.b.c[1]` and,
for the list, its length `$.b.c`; an empty object is one field. Values are equal as JSON: 1 equals 1.0; `"1"` and `true`
do not. Texts are compared without surrounding white space. Fields of the answer that are not expected
are ignored, or count as wrong fields with `extra: wrong`. An answer that is no JSON is worth 0.

Objects are compared by name, lists place by place. `expected: "{{ expected }}"` takes the value of a case with its
types; a template inside the value (`{n: "{{ n }}"}`) always becomes text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from evalharness.core.model import Case, Json
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._json_answer import NotJsonError, parsed_json
from evalharness.graders._judgement import judgement
from evalharness.graders._params import GraderParams, is_template
from evalharness.graders._text import comparable


class Params(GraderParams):
    expected: Json = Field(description="The expected value: an object or list, or text that is JSON.")
    ignore_case: bool = Field(default=False, description="Treat upper and lower case as equal in texts.")
    extra: Literal["ignore", "wrong"] = Field(default="ignore", description="What fields beyond the expected ones are.")
    fenced: bool = Field(default=True, description="Accept an answer that is one Markdown code block.")

    @field_validator("expected")
    @classmethod
    def _is_json(cls, expected: Json, validation: ValidationInfo) -> Json:
        if not is_template(expected, validation):
            expected_value(expected)
        return expected


class Grader:
    def __init__(self, params: Params) -> None:
        self._fields = dict(fields_of(expected_value(params.expected), ignore_case=params.ignore_case))
        self._ignore_case = params.ignore_case
        self._extra_is_wrong = params.extra == "wrong"
        self._fenced = params.fenced

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        try:
            value = parsed_json(transcript.answer.text, fenced=self._fenced)
        except NotJsonError as error:
            return judgement(0.0, str(error))
        found = dict(fields_of(value, ignore_case=self._ignore_case))
        wrong = [path for path, leaf in self._fields.items() if path not in found or found[path] != leaf]
        extra = [path for path in found if path not in self._fields] if self._extra_is_wrong else []
        n_fields = len(self._fields) + len(extra)
        if not wrong and not extra:
            return judgement(1.0)
        share = (len(self._fields) - len(wrong)) / n_fields
        return judgement(share, f"{len(wrong) + len(extra)} of {n_fields} fields wrong: " + _listed(wrong, extra))


def expected_value(expected: Json) -> Json:
    """Text is read as JSON. Raises ``ValueError`` for text that is none, and for a value nested too deeply."""
    try:
        return parsed_json(expected if isinstance(expected, str) else json.dumps(expected), fenced=False)
    except NotJsonError as error:
        raise ValueError(f"`expected` is {error}") from None


def fields_of(value: Json, *, ignore_case: bool, path: str = "$") -> Iterator[tuple[str, Json]]:
    """(path, leaf) of every leaf; lists give their length too. Leaves carry their type, so that 1 is not true."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            step = f".{name}" if name.isidentifier() else f"[{name!r}]"
            yield from fields_of(part, ignore_case=ignore_case, path=path + step)
    elif isinstance(value, list):
        yield path, ("length", len(value))
        for index, part in enumerate(value):
            yield from fields_of(part, ignore_case=ignore_case, path=f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, comparable(value.strip(), ignore_case=ignore_case)
    elif isinstance(value, bool):
        yield path, ("boolean", value)
    else:
        yield path, ("object", 0) if isinstance(value, dict) else value


def _listed(wrong: list[str], extra: list[str]) -> str:
    return ", ".join([*wrong[:5], *(f"{path} (not expected)" for path in extra[:5])])[:200]
