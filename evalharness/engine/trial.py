"""One trial from its plan to its result: render, ask, grade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evalharness.core.model import Arm, Case, Json, Phase, Status, Trial
from evalharness.core.ports import Transcript
from evalharness.core.record import Purpose, TrialResult
from evalharness.engine.call import CutOffError, Lane, Question
from evalharness.engine.grading import Grading
from evalharness.metrics.measure import measure_calls

#: Makes the request's input of a prompt and a case: text, or a list of input items.
RenderInput = Callable[[Arm, Case], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialContext:
    """What every trial of a run shares."""

    run_id: str
    cases: Mapping[str, Case]
    arms: Mapping[str, Arm]
    lanes: Mapping[str, Lane]
    render: RenderInput
    grading: Grading


async def run_trial(trial: Trial, context: TrialContext, *, intended_ns: int) -> TrialResult:
    """Ask the one question of a trial and judge the answer.

    A stop that comes between attempts leaves the trial pending, with what was tried so far.
    """
    arm, case = context.arms[trial.arm_id], context.cases[trial.case_id]
    question = Question(
        trial=trial,
        client_request_id=f"{context.run_id}.{trial.trial_id}.0",
        model=arm.model,
        input=context.render(arm, case),
        request=arm.request,
        purpose=Purpose.SUBJECT,
        turn_index=0,
    )
    try:
        call = await context.lanes[arm.endpoint].ask(question, intended_ns=intended_ns)
    except CutOffError as cut:
        return TrialResult(
            trial_id=trial.trial_id,
            status=Status.PENDING,
            calls=() if cut.call is None else (cut.call,),
            pending_reason=cut.reason,
            cost_usd=None if cut.call is None else cut.call.cost_usd,
        )
    transcript = Transcript(status=call.status, calls=(call,), measured=measure_calls((call,)))
    return TrialResult(
        trial_id=trial.trial_id,
        status=call.status,
        calls=(call,),
        scores=context.grading.scores(case, transcript) if trial.phase is Phase.MEASURED else {},
        failure=call.failure,
        anomalies=call.anomalies,
        cost_usd=call.cost_usd,
    )
