"""A trial's scores: the suite's graders and the case's own, asked about one transcript."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evalharness.core.model import Case, GraderSpec, Status, Suite
from evalharness.core.ports import Grader, Transcript
from evalharness.core.record import Score

#: Builds the grader of a spec with its templates rendered for a case.
GraderFactory = Callable[[GraderSpec, Case], Grader]


class Grading:
    """Graders of each case, built once per case and kept for its repeats and arms."""

    def __init__(self, suite: Suite, build: GraderFactory) -> None:
        self._suite_graders = suite.graders
        self._build = build
        self._built: dict[str, tuple[tuple[GraderSpec, Grader], ...]] = {}

    def scores(self, case: Case, transcript: Transcript) -> Mapping[str, Score]:
        """By grader id. Empty for errors; refused and incomplete answers are judged only by graders that ask for them.

        A grader that raises is a grader that could not judge: its score is None, with the exception as the reason.
        """
        if transcript.status in (Status.ERROR, Status.PENDING):
            return {}
        return {
            spec.grader_id: _judge(spec, grader, case, transcript)
            for spec, grader in self._graders(case)
            if transcript.status in spec.grades
        }

    def _graders(self, case: Case) -> tuple[tuple[GraderSpec, Grader], ...]:
        if case.case_id not in self._built:
            specs = (*self._suite_graders, *case.graders)
            self._built[case.case_id] = tuple((spec, self._build(spec, case)) for spec in specs)
        return self._built[case.case_id]


def _judge(spec: GraderSpec, grader: Grader, case: Case, transcript: Transcript) -> Score:
    try:
        return grader.grade(case, transcript)
    except Exception as problem:
        # A plug-in's mistake must neither end the run nor count as a wrong answer.
        reason = f"the grader failed: {type(problem).__name__}: {problem}"[:500]
        return Score(grader=spec.grader_id, value=None, passed=None, reason=reason)
