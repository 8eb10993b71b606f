"""What grader tests need: a transcript around one answer, and a grader from its keys."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.core.model import Case, Json, Status
from evalharness.core.ports import Transcript
from evalharness.core.record import Answer, Call, Purpose, Score
from evalharness.graders import build

CASE = Case(case_id="one")


def transcript(
    answer: str | Answer, *, status: Status = Status.OK, measured: Mapping[str, float | None] | None = None
) -> Transcript:
    call = Call(
        purpose=Purpose.SUBJECT,
        turn_index=0,
        request={},
        status=status,
        intended_ns=0,
        intended_utc_ns=0,
        attempts=(),
        answer=Answer(text=answer) if isinstance(answer, str) else answer,
    )
    return Transcript(status=status, calls=(call,), measured=measured or {})


def graded(grader_type: str, answer: str | Answer | Transcript, *, pass_at: float = 1.0, **params: Json) -> Score:
    """The score named ``g`` of one answer; ``schema_`` stands for ``schema``."""
    keys = {key.removesuffix("_"): value for key, value in params.items()}
    given = answer if isinstance(answer, Transcript) else transcript(answer)
    return build("g", grader_type, keys, pass_at).grade(CASE, given)
