"""The answer's Python code passes tests. Runs only with `--allow-code`, isolated; the value is the share that passed.

The code is the last block that is marked as Python, or else the last block, or else the whole answer (`block` chooses
the first one, or all in their order). It is judged by one of two keys:

- `tests` is Python code that runs after the answer's, with its names at hand (it is also the module `answer`). Each
  function whose name begins with `test_` and each method of a `unittest.TestCase` is a test; where there is none, all
  of it is one test, as in `"{{ test }}\\ncheck({{ entry_point }})"`. Tests in a file: `files: [test_it.py]` and
  `tests: from test_it import *`. Fixtures and parameters of pytest are not known.
- `io` is a list of `{stdin: "3 4", stdout: "7"}`: for each, the answer runs as a program of its own and has to end
  without an error, having printed `stdout` (white space at the ends of lines and empty lines at the end do not count).

What is whose fault:

- 0: code that cannot be read, raises, leaves early, computes, waits, prints or takes memory without end, or fails or
  skips a test.
- None, with the reason: tests that cannot be read or do not find a module; a machine that did not let the code run.

Limits: 5 s of processor time (`cpu_s`) and four times as much in all, 512 MiB of memory, files of 1 MiB in an empty
folder, 16 processes, 1 MiB printed; no network, no environment, no other file, no other program.

What can be forged: with `io` nothing, since what is expected never comes near the code. With `tests` the code runs in
the same process as they do, as in every test runner. Leaving early, printing results, changing built-ins or `unittest`
pass no test; but an object that says it equals everything does (compare types too), and code that was written against
this grader could reach into it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, WrapValidator, model_validator

from evalharness.core.model import Case
from evalharness.core.ports import CodeAnswer, CodeEnd, CodeQuestion, Transcript
from evalharness.core.record import Score
from evalharness.graders._code import CodeParams, how_it_ended, said, why_nothing_is_known
from evalharness.graders._judgement import excerpt, judgement
from evalharness.graders._params import Text, template_or

_MOST_CHARACTERS = 2**20
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([^\s`]*)[^\n`]*$", re.MULTILINE)
_PYTHON = ("python", "python3", "py")


class Example(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    stdin: str = Field(default="", description="What the program reads.")
    stdout: str = Field(description="What it has to print.")


class Params(CodeParams):
    tests: Text | None = Field(default=None, description="Python code that tests the answer's.")
    io: Annotated[list[Example] | None, WrapValidator(template_or)] = Field(
        default=None, description="Inputs of the program, each with what it has to print; at most 100."
    )
    block: Literal["last", "first", "all"] = Field(default="last", description="Which block of code is the answer's.")

    @model_validator(mode="after")
    def _is_judged_by_one(self, _validation: ValidationInfo) -> Self:
        if (self.tests is None) == (self.io is None):
            raise ValueError("needs either `tests` or `io`")
        if isinstance(self.io, list) and not 1 <= len(self.io) <= 100:
            raise ValueError("`io` has 1 to 100 entries")
        return self


class Grader:
    def __init__(self, params: Params) -> None:
        self._params = params

    def questions(self, _case: Case, transcript: Transcript) -> Sequence[CodeQuestion]:
        text = transcript.answer.text
        if len(text) > _MOST_CHARACTERS:
            return ()
        params, code = self._params, code_of(text, self._params.block)
        files, cpu_s = tuple(params.files), params.cpu_s
        if params.tests is not None:
            arguments = {"code": code, "tests": params.tests}
            return (CodeQuestion(driver="tests", arguments=arguments, files=files, cpu_s=cpu_s),)
        return tuple(
            CodeQuestion(driver="program", arguments={"code": code}, files=files, stdin=example.stdin, cpu_s=cpu_s)
            for example in params.io or ()
        )

    def decide(self, _case: Case, _transcript: Transcript, answers: Sequence[CodeAnswer]) -> Score:
        if not answers:
            return judgement(None, "more than 1 MiB of answer: it is not run")
        for answer in answers:
            if (reason := why_nothing_is_known(answer)) is not None:
                return judgement(None, reason)
        if self._params.io is not None:
            examples = zip(self._params.io, answers, strict=True)
            return _share([(f"input {at}", self._wrong(*pair)) for at, pair in enumerate(examples, start=1)], "inputs")
        answer = answers[0]
        report = answer.report if isinstance(answer.report, dict) else None
        if report is None:
            return judgement(0.0, f"the answer's code {how_it_ended(answer, self._params.cpu_s)}")
        if "broken" in report:
            return judgement(None, said(report["broken"]))
        if "failed" in report:
            return judgement(0.0, said(report["failed"]))
        return _share([(str(name), reason) for name, reason in report["results"]], "tests")

    def _wrong(self, example: Example, answer: CodeAnswer) -> str | None:
        """What is wrong with one output, None where it is right."""
        report = answer.report if isinstance(answer.report, dict) else {}
        if answer.end is not CodeEnd.EXIT:
            return f"the program {how_it_ended(answer, self._params.cpu_s)}"
        if "failed" in report or answer.detail != "0":
            return str(report.get("failed", f"the program ended with {answer.detail}"))
        if _lines(answer.stdout) != _lines(example.stdout):
            return f"expected {excerpt(example.stdout.rstrip())}, printed {excerpt(answer.stdout.rstrip())}"
        return None


def code_of(text: str, block: str) -> str:
    """The answer's code: a block that is not closed goes to the end."""
    blocks: list[tuple[str, str]] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2]:
            blocks.append((opened[2].lower(), text[opened.end() : fence.start()]))
            opened = None
    if opened is not None:
        blocks.append((opened[2].lower(), text[opened.end() :]))
    codes = [code for mark, code in blocks if mark in _PYTHON] or [code for _, code in blocks] or [text]
    return "\n".join(codes) if block == "all" else codes[-1 if block == "last" else 0]


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _share(results: Sequence[tuple[str, str | None]], things: str) -> Score:
    failed = [f"{name}: {reason}" for name, reason in results if reason is not None]
    if not failed:
        return judgement(1.0)
    told = f"{len(failed)} of {len(results)} {things} failed; " if len(results) > 1 else ""
    return judgement(1 - len(failed) / len(results), said(told + "; ".join(failed[:3])))
