"""One trial from its plan to its result: render, ask turn by turn, grade."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.model import Arm, Case, Json, PendingReason, Phase, Status, Trial
from evalharness.core.ports import Transcript
from evalharness.core.record import Call, Purpose, TrialResult
from evalharness.core.units import NS_PER_S
from evalharness.engine.call import CutOffError, Lane, Question
from evalharness.engine.grading import Grading
from evalharness.engine.stop import StopSignal
from evalharness.metrics.measure import measure_calls

#: Makes the input of a turn of a prompt for a case: text, or a list of input items.
RenderTurn = Callable[[Arm, Case, int], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialContext:
    """What every trial of a run shares. ``n_turns`` says how many turns an arm's prompt has; ``think_ns`` lies between
    two of them."""

    run_id: str
    cases: Mapping[str, Case]
    arms: Mapping[str, Arm]
    lanes: Mapping[str, Lane]
    render: RenderTurn
    grading: Grading
    stop: StopSignal
    n_turns: Callable[[Arm], int] = lambda _: 1
    think_ns: int = 0


async def run_trial(trial: Trial, context: TrialContext, *, intended_ns: int | None) -> TrialResult:
    """Ask a trial's question, or all the turns of its conversation, and judge the last answer.

    A stop that comes between attempts leaves the trial pending, with what was tried so far.
    """
    arm, case = context.arms[trial.arm_id], context.cases[trial.case_id]
    calls: list[Call] = []
    said: Json = None
    for turn_index in range(context.n_turns(arm)):
        if turn_index and not await context.stop.sleep(context.think_ns / NS_PER_S):
            return _cut_off(trial, calls, context.stop.reason)
        said = continued(said, calls[-1].answer.text if calls else "", context.render(arm, case, turn_index))
        question = Question(
            trial=trial,
            client_request_id=f"{context.run_id}.{trial.trial_id}.{turn_index}",
            model=arm.model,
            input=said,
            request=arm.request,
            purpose=Purpose.SUBJECT,
            turn_index=turn_index,
        )
        try:
            call = await context.lanes[arm.endpoint].ask(question, intended_ns=None if turn_index else intended_ns)
        except CutOffError as cut:
            return _cut_off(trial, [*calls, *(() if cut.call is None else (cut.call,))], cut.reason)
        calls.append(call)
        if call.status is not Status.OK:
            break
    return await _judged(trial, case, calls, context)


def continued(before: Json, answer: str, turn: Json) -> Json:
    """A conversation's input: what was said before, the answer to it, and the next turn. The service keeps nothing."""
    if before is None:
        return turn
    reply = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": answer}]}
    return [*_items(before), reply, *_items(turn)]


def _items(said: Json) -> list[Json]:
    return [{"role": "user", "content": said}] if isinstance(said, str) else list(said)


async def _judged(trial: Trial, case: Case, calls: Sequence[Call], context: TrialContext) -> TrialResult:
    last = calls[-1]
    transcript = Transcript(status=last.status, calls=calls, measured=measure_calls(calls))
    return TrialResult(
        trial_id=trial.trial_id,
        status=last.status,
        calls=tuple(calls),
        scores=await context.grading.scores(case, transcript) if trial.phase is Phase.MEASURED else {},
        failure=last.failure,
        anomalies=tuple(dict.fromkeys(name for call in calls for name in call.anomalies)),
        cost_usd=_cost_usd(calls),
    )


def _cut_off(trial: Trial, calls: Sequence[Call], reason: PendingReason | None) -> TrialResult:
    return TrialResult(
        trial_id=trial.trial_id,
        status=Status.PENDING,
        calls=tuple(calls),
        pending_reason=reason,
        cost_usd=_cost_usd(calls),
    )


def _cost_usd(calls: Sequence[Call]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [call.cost_usd for call in calls if call.cost_usd is not None]
    return sum(known) if known else None
