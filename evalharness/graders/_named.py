"""From a judgement to a named score: the one place where a value meets its ``pass_at``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.core.model import Case
from evalharness.core.ports import AskingGrader, CodeAnswer, CodeQuestion, Grader, Transcript
from evalharness.core.record import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGrader:
    """A grader as a suite declared it. Its score has the id, and ``passed`` (None where the value is None).

    One that asks nothing has no questions, and decides at once.
    """

    grader_id: str
    pass_at: float
    inner: Grader | AskingGrader

    def grade(self, case: Case, transcript: Transcript) -> Score:
        return self.decide(case, transcript, ())

    def questions(self, case: Case, transcript: Transcript) -> Sequence[CodeQuestion]:
        return () if isinstance(self.inner, Grader) else self.inner.questions(case, transcript)

    def decide(self, case: Case, transcript: Transcript, answers: Sequence[CodeAnswer]) -> Score:
        if isinstance(self.inner, Grader):
            judged = self.inner.grade(case, transcript)
        else:
            judged = self.inner.decide(case, transcript, answers)
        value, reason = judged.value, judged.reason
        # Written so that NaN is caught too.
        if value is not None and not 0 <= value <= 1:
            value, reason = None, f"the grader gave {value}, which is outside 0 to 1"
        passed = None if value is None else value >= self.pass_at
        return Score(grader=self.grader_id, value=value, passed=passed, reason=reason)


@dataclass(frozen=True, slots=True)
class UnusableGrader:
    """Stands for a grader whose rendered keys cannot be used."""

    reason: str

    def grade(self, _case: Case, _transcript: Transcript) -> Score:
        return Score(grader="", value=None, passed=None, reason=self.reason)
