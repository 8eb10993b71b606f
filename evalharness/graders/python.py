"""A function of your own, in a file of the suite's folder. Runs only with `--allow-code`, isolated.

```python
def polite(answer, trial):  # {id: polite, type: python, function: checks.py:polite}
    return "please" in answer.lower()
```

- `answer` is the text of the answer. `trial` has `case_id`, `vars`, `expected`, `tags`, `status`, `refusal`,
  `stop_reason`, `tool_calls`, `reasoning_summary` and `measured` (times in ms, tokens, cost; None where not measured).
- It returns true, false, a number from 0 to 1, or None where it cannot judge; or one of these and a reason, as in
  `return 0.5, "half of the names"`.
- An exception, a value of another kind, more than its time, memory or output: None with the reason. An answer is never
  wrong because a grader is.
- Each grading is a process of its own that sees the standard library, what is installed beside this program, and the
  files that `function` and `files` name: no network, no environment, no other file, no other answer. Printed text is
  dropped. The files are part of the plan: a run is not continued when they have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

from pydantic import AfterValidator, Field

from evalharness.core.model import Case, Json
from evalharness.core.ports import CodeAnswer, CodeQuestion, Transcript
from evalharness.core.record import Score
from evalharness.graders._code import CodeParams, FileName, how_it_ended, said, why_nothing_is_known
from evalharness.graders._judgement import judgement


def _file_and_name(value: str) -> str:
    file, _, name = value.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise ValueError("is written as FILE.py:NAME")
    return value


class Params(CodeParams):
    function: Annotated[FileName, AfterValidator(_file_and_name)] = Field(description="`FILE.py:NAME`.")

    @classmethod
    def files_in(cls, params: Mapping[str, Json]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if isinstance(function := params.get("function"), str):
            yield ("function",), function.rpartition(":")[0]
        yield from super().files_in(params)


class Grader:
    def __init__(self, params: Params) -> None:
        self._params = params

    def questions(self, case: Case, transcript: Transcript) -> Sequence[CodeQuestion]:
        answer = transcript.answer
        trial = {
            "case_id": case.case_id,
            "vars": dict(case.vars),
            "expected": case.expected,
            "tags": list(case.tags),
            "status": transcript.status.value,
            "refusal": answer.refusal,
            "stop_reason": answer.stop_reason,
            "tool_calls": [asdict(call) for call in answer.tool_calls],
            "reasoning_summary": answer.reasoning_summary,
            "measured": dict(transcript.measured),
        }
        path, _, name = self._params.function.rpartition(":")
        arguments = {"path": path, "name": name, "answer": answer.text, "trial": trial}
        files = (path, *self._params.files)
        return (CodeQuestion(driver="function", arguments=arguments, files=files, cpu_s=self._params.cpu_s),)

    def decide(self, _case: Case, _transcript: Transcript, answers: Sequence[CodeAnswer]) -> Score:
        answer = answers[0]
        if (reason := why_nothing_is_known(answer)) is not None:
            return judgement(None, reason)
        report = answer.report if isinstance(answer.report, dict) else None
        if report is None:
            return judgement(None, f"the function {how_it_ended(answer, self._params.cpu_s)}")
        if "broken" in report:
            return judgement(None, said(f"the function failed: {report['broken']}"))
        value, reason = report["value"], report["reason"]
        otherwise = "the function returned None" if value is None else None
        return judgement(value, said(reason) if reason else otherwise)
