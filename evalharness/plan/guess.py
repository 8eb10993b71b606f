"""One call of an arm before anything was measured: how much it says, how much is answered, how long that takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from evalharness.core.model import Arm, Case, Endpoint, EndpointKind, Plan

#: Characters per token of English text; other scripts and code have fewer.
CHARS_PER_TOKEN = 4
#: Visible tokens of one answer, and reasoning tokens by effort: the guess where nothing was measured yet.
ANSWER_TOKENS = 60
REASONING_TOKENS = {"none": 0, "minimal": 30, "low": 150, "medium": 600, "high": 1_500, "xhigh": 4_000, "max": 8_000}
TOKENS_PER_S = 80
FIRST_EVENT_S = 0.8
#: The simulator pretends to be slow, but not that slow.
SIMULATED_CALL_S = 0.25
#: Cases whose input is measured; larger sets are sampled evenly.
MAX_MEASURED_CASES = 200

#: Characters of all turns' texts that an arm sends for a case.
InputChars = Callable[[Arm, Case], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessedCall:
    """A call of one arm, on average over its ``n_turns``, and what it is paid with."""

    arm: Arm
    endpoint: Endpoint
    n_turns: int
    input_tokens: float
    output_tokens: float
    max_output_tokens: int | None
    seconds: float

    @property
    def longest_input_tokens(self) -> float:
        """With every answer before it as long as ``max_output_tokens``, which is set."""
        assert self.max_output_tokens is not None
        longer = self.max_output_tokens - min(ANSWER_TOKENS, self.output_tokens)
        return self.input_tokens + _answers_before(self.n_turns) * longer


def guessed_call(plan: Plan, arm: Arm, endpoint: Endpoint, input_chars: InputChars) -> GuessedCall:
    """At most ``MAX_MEASURED_CASES`` are rendered."""
    prompt = next(each for each in plan.suite.prompts if each.name == arm.prompt)
    n_turns = 1 + len(prompt.more_turns)
    limit = arm.request.get("max_output_tokens")
    max_output_tokens = limit if isinstance(limit, int) else None
    guess = ANSWER_TOKENS + REASONING_TOKENS.get(arm.effort or "medium", REASONING_TOKENS["medium"])
    output_tokens = min(guess, max_output_tokens) if max_output_tokens is not None else guess
    instructions = arm.request.get("instructions")
    # Turn k says again what the turns before it said: with turns alike that is (n + 1) / 2 of one on average.
    said_chars = _mean_chars(plan, arm, input_chars) / n_turns * (n_turns + 1) / 2 + (
        len(instructions) if isinstance(instructions, str) else 0
    )
    return GuessedCall(
        arm=arm,
        endpoint=endpoint,
        n_turns=n_turns,
        input_tokens=said_chars / CHARS_PER_TOKEN + _answers_before(n_turns) * min(ANSWER_TOKENS, output_tokens),
        output_tokens=output_tokens,
        max_output_tokens=max_output_tokens,
        seconds=_call_s(endpoint, output_tokens),
    )


def _answers_before(n_turns: int) -> float:
    """Answers in the input of a call, on average over the turns."""
    return (n_turns - 1) / 2


def _mean_chars(plan: Plan, arm: Arm, input_chars: InputChars) -> float:
    cases = plan.suite.cases
    step = math.ceil(len(cases) / MAX_MEASURED_CASES)
    measured = [input_chars(arm, case) for case in cases[::step]]
    return sum(measured) / len(measured)


def _call_s(endpoint: Endpoint, output_tokens: float) -> float:
    if endpoint.kind is EndpointKind.SIMULATOR:
        return SIMULATED_CALL_S
    return FIRST_EVENT_S + output_tokens / TOKENS_PER_S
