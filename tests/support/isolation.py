"""Code in isolation for tests: questions to a real sandbox, graders with their questions answered by one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from evalharness.core.model import Case, FileRef, Json
from evalharness.core.ports import CodeAnswer, CodeQuestion, Transcript
from evalharness.core.record import Score
from evalharness.engine.sandbox import Sandbox
from evalharness.graders import build
from tests.support.graders import CASE, transcript

Run = Callable[[CodeQuestion], CodeAnswer]


@contextmanager
def isolation(files: Mapping[str, str] | None = None, hidden: Sequence[Path] = ()) -> Iterator[Run]:
    """``files`` are those that questions may name. Fails where this machine cannot isolate: nothing is left out."""
    contents = {name: text.encode() for name, text in (files or {}).items()}
    refs = [FileRef(path=name, sha256=hashlib.sha256(content).hexdigest()) for name, content in contents.items()]
    with asyncio.Runner() as runner:
        sandbox = Sandbox(files=refs, read_bytes=contents.__getitem__, hidden=hidden)
        runner.run(sandbox.__aenter__())
        try:
            yield lambda question: runner.run(sandbox.run(question))
        finally:
            runner.run(sandbox.__aexit__())


def function_of(source: str) -> Mapping[str, str]:
    return {"code.py": source}


def called(run: Run, answer: str = "", *, cpu_s: int = 5, **trial: Json) -> CodeAnswer:
    """``grade`` of ``code.py``, run."""
    arguments: dict[str, Json] = {"path": "code.py", "name": "grade", "answer": answer, "trial": trial}
    return run(CodeQuestion(driver="function", arguments=arguments, files=("code.py",), cpu_s=cpu_s))


def scored(run: Run, grader_type: str, answer: str | Transcript, *, case: Case = CASE, **params: Json) -> Score:
    grader = build("g", grader_type, params, 1.0)
    given = answer if isinstance(answer, Transcript) else transcript(answer)
    return grader.decide(case, given, [run(question) for question in grader.questions(case, given)])
