"""What a plan will send, may cost and may take. A bound where one exists, and a guess that says what it guesses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalharness.core.model import Arm, Case, Endpoint, EndpointKind, Plan, Prices

#: Characters per token of English text; other scripts and code have fewer.
CHARS_PER_TOKEN = 4
#: Visible tokens of one answer, and reasoning tokens by effort: the guess where nothing was measured yet.
ANSWER_TOKENS = 60
REASONING_TOKENS = {"none": 0, "minimal": 30, "low": 150, "medium": 600, "high": 1_500, "xhigh": 4_000, "max": 8_000}
TOKENS_PER_S = 80
FIRST_EVENT_S = 0.8
#: The simulator pretends to be slow, but not that slow.
SIMULATED_CALL_S = 0.25
#: Retries a run may make at the start, before a success has earned any (transport's bucket: 500 x budget_share).
RETRY_BUCKET = 500
#: Cases whose input is measured; larger sets are sampled evenly.
MAX_MEASURED_CASES = 200

#: Characters of the input that an arm sends for a case.
InputChars = Callable[[Arm, Case], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmForecast:
    """One arm, warm-up included. Tokens are per call; US dollars for all its calls, None without prices.

    ``worst_usd`` is a bound on what is charged if the estimate of input tokens holds: every call at its
    ``max_output_tokens``, with as many retries as the endpoint's budget allows. None where there is no such limit.
    """

    arm: Arm
    n_calls: int
    input_tokens: float
    output_tokens: float
    max_output_tokens: int | None
    expected_usd: float | None
    worst_usd: float | None
    expected_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The whole plan. Sums are None where one arm has no figure. ``assumptions`` are sentences to print beside them."""

    arms: tuple[ArmForecast, ...]
    n_calls: int
    expected_usd: float | None
    worst_usd: float | None
    wall_s: float
    assumptions: tuple[str, ...]


def forecast(plan: Plan, input_chars: InputChars) -> Forecast:
    """Calls, cost and time of a plan. ``input_chars`` renders; at most ``MAX_MEASURED_CASES`` an arm are asked for."""
    n_calls = dict.fromkeys((arm.arm_id for arm in plan.arms), 0)
    for trial in plan.trials:
        n_calls[trial.arm_id] += 1
    endpoints = {endpoint.name: endpoint for endpoint in plan.suite.endpoints}
    arms = tuple(
        _arm_forecast(arm, n_calls[arm.arm_id], endpoints[arm.endpoint], _mean_chars(plan, arm, input_chars))
        for arm in plan.arms
    )
    return Forecast(
        arms=arms,
        n_calls=len(plan.trials),
        expected_usd=_total([arm.expected_usd for arm in arms]),
        worst_usd=_total([arm.worst_usd for arm in arms]),
        wall_s=_wall_s(plan, arms, endpoints),
        assumptions=_assumptions(plan, arms),
    )


def _mean_chars(plan: Plan, arm: Arm, input_chars: InputChars) -> float:
    cases = plan.suite.cases
    step = math.ceil(len(cases) / MAX_MEASURED_CASES)
    measured = [input_chars(arm, case) for case in cases[::step]]
    return sum(measured) / len(measured)


def _arm_forecast(arm: Arm, n_calls: int, endpoint: Endpoint, chars: float) -> ArmForecast:
    instructions = arm.request.get("instructions")
    chars += len(instructions) if isinstance(instructions, str) else 0
    input_tokens = chars / CHARS_PER_TOKEN
    limit = arm.request.get("max_output_tokens")
    max_output_tokens = limit if isinstance(limit, int) else None
    guess = ANSWER_TOKENS + REASONING_TOKENS.get(arm.effort or "medium", REASONING_TOKENS["medium"])
    output_tokens = min(guess, max_output_tokens) if max_output_tokens is not None else guess
    prices = endpoint.prices
    expected_usd = worst_usd = None
    if prices is not None:
        expected_usd = n_calls * _call_usd(prices, input_tokens, output_tokens)
        if max_output_tokens is not None:
            n_sent = n_calls + _most_retries(n_calls, endpoint)
            worst_usd = n_sent * _call_usd(prices, input_tokens, max_output_tokens)
    return ArmForecast(
        arm=arm,
        n_calls=n_calls,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        max_output_tokens=max_output_tokens,
        expected_usd=expected_usd,
        worst_usd=worst_usd,
        expected_s=_call_s(endpoint, output_tokens),
    )


def _call_s(endpoint: Endpoint, output_tokens: float) -> float:
    if endpoint.kind is EndpointKind.SIMULATOR:
        return SIMULATED_CALL_S
    return FIRST_EVENT_S + output_tokens / TOKENS_PER_S


def _call_usd(prices: Prices, input_tokens: float, output_tokens: float) -> float:
    """No token is taken for cached: that is the service's to decide."""
    return (input_tokens * prices.input + output_tokens * prices.output) / prices.per_tokens


def _most_retries(n_calls: int, endpoint: Endpoint) -> int:
    """A bound: each call's own limit, and the budget (what the bucket holds, plus a share of the successes)."""
    share = endpoint.retry.budget_share
    by_budget = math.floor(RETRY_BUCKET * share + n_calls * share)
    return min(n_calls * (endpoint.retry.max_attempts - 1), by_budget)


def _total(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def _wall_s(plan: Plan, arms: Sequence[ArmForecast], endpoints: dict[str, Endpoint]) -> float:
    """Endpoints run side by side, each at the suite's concurrency or its own lower limits."""
    longest = 0.0
    for name in dict.fromkeys(arm.arm.endpoint for arm in arms):
        here = [arm for arm in arms if arm.arm.endpoint == name]
        limits = endpoints[name].limits
        concurrency = min(plan.suite.load.concurrency, limits.max_concurrency or plan.suite.load.concurrency)
        think_s = plan.suite.load.think_ms / 1000
        seconds = sum(arm.n_calls * (arm.expected_s + think_s) for arm in here) / concurrency
        if limits.requests_per_minute is not None:
            seconds = max(seconds, 60 * sum(arm.n_calls for arm in here) / limits.requests_per_minute)
        if limits.tokens_per_minute is not None:
            tokens = sum(arm.n_calls * (arm.input_tokens + arm.output_tokens) for arm in here)
            seconds = max(seconds, 60 * tokens / limits.tokens_per_minute)
        longest = max(longest, seconds)
    return longest


def _assumptions(plan: Plan, arms: Sequence[ArmForecast]) -> tuple[str, ...]:
    efforts = dict.fromkeys(arm.arm.effort or "medium" for arm in arms)
    reasoning = ", ".join(f"{effort} {REASONING_TOKENS.get(effort, REASONING_TOKENS['medium'])}" for effort in efforts)
    sentences = [
        f"input tokens are estimated at {CHARS_PER_TOKEN} characters each; images and files are not counted",
        f"expected output is a guess, not a measurement: {ANSWER_TOKENS} tokens of answer and, by effort, these of "
        f"reasoning: {reasoning}",
        f"wall time is rough: {FIRST_EVENT_S} s to the first event, then {TOKENS_PER_S} tokens a second (simulated: "
        f"{SIMULATED_CALL_S} s a call), {plan.suite.load.concurrency} calls at a time",
    ]
    if any(arm.worst_usd is not None for arm in arms):
        sentences.append(
            "worst case: every call reaches max_output_tokens, and all retries that are allowed are charged"
        )
    unlimited = [arm.arm.label for arm in arms if arm.max_output_tokens is None]
    if unlimited:
        sentences.append(f"no worst case for {', '.join(unlimited)}: the request has no max_output_tokens")
    unpriced = dict.fromkeys(arm.arm.endpoint for arm in arms if arm.expected_usd is None)
    if unpriced:
        sentences.append(f"no cost for {', '.join(unpriced)}: the endpoint has no prices")
    return tuple(sentences)
