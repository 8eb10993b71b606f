"""A trial's scores: the suite's graders and the case's own, asked about one transcript."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from evalharness.core.model import Case, GraderSpec, Status, Suite
from evalharness.core.ports import AskingGrader, CodeAnswer, CodeEnd, CodeQuestion, Grader, Transcript
from evalharness.core.record import Score

#: Builds the grader of a spec with its templates rendered for a case.
GraderFactory = Callable[[GraderSpec, Case], Grader | AskingGrader]
#: Runs code in isolation; every end of it is an answer.
RunCode = Callable[[CodeQuestion], Awaitable[CodeAnswer]]


async def no_code(_question: CodeQuestion) -> CodeAnswer:
    return CodeAnswer(end=CodeEnd.REFUSED, detail="nothing here runs code")


class Grading:
    """Graders of each case, built once per case and kept for its repeats and arms."""

    def __init__(self, suite: Suite, build: GraderFactory, run_code: RunCode = no_code) -> None:
        self._suite_graders = suite.graders
        self._build = build
        self._run_code = run_code
        self._built: dict[str, tuple[tuple[GraderSpec, Grader | AskingGrader], ...]] = {}

    async def scores(self, case: Case, transcript: Transcript) -> Mapping[str, Score]:
        """By grader id. Empty for errors; refused and incomplete answers are judged only by graders that ask for them.

        A grader that raises is a grader that could not judge: its score is None, with the exception as the reason.
        """
        if transcript.status in (Status.ERROR, Status.PENDING):
            return {}
        return {
            spec.grader_id: await self._judge(spec, grader, case, transcript)
            for spec, grader in self._graders(case)
            if transcript.status in spec.grades
        }

    def _graders(self, case: Case) -> tuple[tuple[GraderSpec, Grader | AskingGrader], ...]:
        if case.case_id not in self._built:
            specs = (*self._suite_graders, *case.graders)
            self._built[case.case_id] = tuple((spec, self._build(spec, case)) for spec in specs)
        return self._built[case.case_id]

    async def _judge(
        self, spec: GraderSpec, grader: Grader | AskingGrader, case: Case, transcript: Transcript
    ) -> Score:
        try:
            # One that may ask and has nothing to ask is asked nothing, and nobody else gets a turn meanwhile.
            if isinstance(grader, AskingGrader) and (questions := grader.questions(case, transcript)):
                answers = await asyncio.gather(*map(self._run_code, questions))
                return grader.decide(case, transcript, answers)
            return grader.grade(case, transcript) if isinstance(grader, Grader) else grader.decide(case, transcript, ())
        except Exception as problem:
            # A plug-in's mistake must neither end the run nor count as a wrong answer.
            reason = f"the grader failed: {type(problem).__name__}: {problem}"[:500]
            return Score(grader=spec.grader_id, value=None, passed=None, reason=reason)
