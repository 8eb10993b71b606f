"""A regular expression is found in the answer, searched by RE2 in linear time.

- White space around the answer is removed first, so `$` works although answers often end with a line break.
- Flags stand in the pattern: `(?i)` ignores case, `(?s)` lets `.` match a line break, `(?m)` lets `^` and `$` match at
  every line. To match the whole answer write `^…$`.
- Not to be had in linear time, and refused when the suite is read: look-around, back-references, atomic groups,
  possessive quantifiers, conditionals; also `(?x)`, comments, `\\Z` (write `\\z`), `\\uXXXX` (write `\\x{XXXX}`)
  and more than 1000 repetitions.
- `\\w`, `\\d`, `\\s` and `\\b` know ASCII only: write `\\pL` for a letter and `\\p{Nd}` for a digit of any script.
- With `expected`, the *last* match counts, since models think first and conclude last: its first group, or all of it
  in a pattern without groups, must equal the expected text. Text put into a pattern by a template is read as pattern;
  `expected` compares it literally.
- Answers above 1 MiB are not searched: None with the reason.
"""

from __future__ import annotations

from collections import deque

from pydantic import Field, ValidationInfo, field_validator

from evalharness.core.model import Case
from evalharness.core.ports import Transcript
from evalharness.core.record import Score
from evalharness.graders._judgement import excerpt, judgement, right_or
from evalharness.graders._linear_regex import MAX_TEXT_BYTES, linear_pattern, searchable
from evalharness.graders._params import GraderParams, Text, is_template


class Params(GraderParams):
    pattern: Text = Field(description="The regular expression, in RE2's syntax.")
    expected: str | None = Field(default=None, description="What the first group of the last match must be.")

    @field_validator("pattern")
    @classmethod
    def _is_linear(cls, pattern: str, validation: ValidationInfo) -> str:
        if not is_template(pattern, validation):
            linear_pattern(pattern)
        return pattern


class Grader:
    def __init__(self, params: Params) -> None:
        self._pattern = linear_pattern(params.pattern)
        self._expected = params.expected

    def grade(self, _case: Case, transcript: Transcript) -> Score:
        text = searchable(transcript.answer.text.strip())
        if len(text) > MAX_TEXT_BYTES:
            return judgement(None, f"{len(text):,} bytes of answer: above 1 MiB nothing is searched")
        if self._expected is None:
            return right_or(self._pattern.search(text) is not None, "the pattern is not found")
        last = deque(self._pattern.finditer(text), maxlen=1)
        if not last:
            return judgement(0.0, "the pattern is not found")
        found = (last[0].group(1 if self._pattern.groups else 0) or b"").decode("utf-8", "replace")
        return right_or(found == self._expected, f"expected {excerpt(self._expected)}, found {excerpt(found)}")
