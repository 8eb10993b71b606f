"""The answer is JSON that satisfies a JSON Schema (draft 2020-12).

The whole answer must be JSON; with `fenced` it may be one Markdown code block. Text around it makes it no JSON (0): a
program would stumble over it too. `pattern` and `patternProperties` use RE2 in linear time, with the limits listed
under `regex`. `format` is not checked, as the draft has it. `$ref` may point inside the schema only.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._json_answer import NotJsonError, parsed_json
from evalharness.graders._json_schema import SchemaMistakeError, first_error, schema_validator
from evalharness.graders._judgement import judgement, right_or
from evalharness.graders._params import GraderParams, is_template


class Params(GraderParams):
    # `schema` is taken: every pydantic model has an attribute of that name.
    schema_: dict[str, Any] | bool = Field(alias="schema", description="The JSON Schema, written out in the suite.")
    fenced: bool = Field(default=True, description="Accept an answer that is one Markdown code block.")

    @field_validator("schema_")
    @classmethod
    def _can_be_used(cls, schema: dict[str, Any] | bool, validation: ValidationInfo) -> dict[str, Any] | bool:
        if not is_template(json.dumps(schema), validation):
            schema_validator(schema)
        return schema


class Grader:
    def __init__(self, params: Params) -> None:
        self._validator = schema_validator(params.schema_)
        self._fenced = params.fenced

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        try:
            value = parsed_json(transcript.answer.text, fenced=self._fenced)
        except NotJsonError as error:
            return judgement(0.0, str(error))
        try:
            error_text = first_error(self._validator, value)
        except SchemaMistakeError as mistake:
            return judgement(None, str(mistake))
        return right_or(error_text is None, f"does not satisfy the schema at {(error_text or '')[:200]}")
