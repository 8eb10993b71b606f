"""What a plan will send, may cost and may take. A bound where one exists, and a guess that says what it guesses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.core.model import Arm, Endpoint, Phase, Plan, Prices
from evalharness.plan.guess import (
    ANSWER_TOKENS,
    CHARS_PER_TOKEN,
    FIRST_EVENT_S,
    REASONING_TOKENS,
    SIMULATED_CALL_S,
    TOKENS_PER_S,
    GuessedCall,
    InputChars,
    guessed_call,
)
from evalharness.plan.pace import Stream, load_words, measured_pace, warmup_pace

#: Retries a run may make at the start, before a success has earned any (transport's bucket: 500 x budget_share).
RETRY_BUCKET = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmForecast:
    """One arm, warm-up included. Tokens are per call, the mean of its turns; US dollars for all its calls, None without
    prices.

    ``worst_usd`` is a bound on what is charged if the estimate of input tokens holds: every call at its
    ``max_output_tokens``, with as many retries as the endpoint's budget allows. None where there is no such limit, or
    none on the number of calls.
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
    """The whole plan. Sums are None where one arm has no figure. ``assumptions`` are sentences to print beside them.

    ``is_counted``: the calls are those of the plan; otherwise time decides, and ``n_calls`` is an estimate.
    """

    arms: tuple[ArmForecast, ...]
    n_calls: int
    is_counted: bool
    expected_usd: float | None
    worst_usd: float | None
    wall_s: float
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """One arm's part of its endpoint's stream. ``most_trials`` None: no bound."""

    n_trials: float
    most_trials: float | None


def forecast(plan: Plan, input_chars: InputChars) -> Forecast:
    """Calls, cost and time of a plan. ``input_chars`` renders the inputs that are counted."""
    endpoints = {endpoint.name: endpoint for endpoint in plan.suite.endpoints}
    calls = [guessed_call(plan, arm, endpoints[arm.endpoint], input_chars) for arm in plan.arms]
    shares: dict[str, _Share] = {}
    wall_s = 0.0
    for name in dict.fromkeys(arm.endpoint for arm in plan.arms):
        here, seconds = _endpoint_shares(plan, [call for call in calls if call.endpoint.name == name])
        shares |= here
        wall_s = max(wall_s, seconds)  # endpoints run side by side
    arms = tuple(_arm_forecast(call, shares[call.arm.arm_id]) for call in calls)
    return Forecast(
        arms=arms,
        n_calls=sum(arm.n_calls for arm in arms),
        is_counted=not plan.suite.load.is_timed and not (plan.suite.load.warmup and plan.suite.load.warmup.seconds),
        expected_usd=_total([arm.expected_usd for arm in arms]),
        worst_usd=_total([arm.worst_usd for arm in arms]),
        wall_s=wall_s,
        assumptions=_assumptions(plan, calls, arms),
    )


def _endpoint_shares(plan: Plan, calls: Sequence[GuessedCall]) -> tuple[dict[str, _Share], float]:
    """Each arm's part of the stream of an endpoint, by arm id, and how long the stream takes."""
    load = plan.suite.load
    n_listed = dict.fromkeys((call.arm.arm_id for call in calls), 0)
    n_warmup = dict(n_listed)
    for trial in plan.trials:
        if trial.arm_id in n_listed:
            counted = n_listed if trial.phase is Phase.MEASURED else n_warmup
            counted[trial.arm_id] += 1
    stream = _stream(plan, calls, n_listed=sum(n_listed.values()))
    measured, warm = measured_pace(load, stream), warmup_pace(load, stream, sum(n_warmup.values()))
    warm_share = warm.n_trials / (sum(n_warmup.values()) or 1)
    shares = {}
    for arm_id, listed in n_warmup.items():
        most = measured.most_trials
        shares[arm_id] = _Share(
            n_trials=measured.n_trials / len(calls) + listed * warm_share,
            most_trials=most / len(calls) + listed if most is not None else None,
        )
    return shares, measured.seconds + warm.seconds


def _stream(plan: Plan, calls: Sequence[GuessedCall], n_listed: int) -> Stream:
    """Every arm has as many trials as every other: means over the arms are means over the trials."""
    limits = calls[0].endpoint.limits
    think_s = plan.suite.load.think_ms / 1000
    n_calls = sum(call.n_turns for call in calls) / len(calls)
    n_tokens = sum(call.n_turns * (call.input_tokens + call.output_tokens) for call in calls) / len(calls)
    by_requests = 60 * n_calls / limits.requests_per_minute if limits.requests_per_minute is not None else 0.0
    by_tokens = 60 * n_tokens / limits.tokens_per_minute if limits.tokens_per_minute is not None else 0.0
    return Stream(
        n_listed=n_listed,
        trial_s=sum(call.n_turns * call.seconds + (call.n_turns - 1) * think_s for call in calls) / len(calls),
        spacing_s=max(by_requests, by_tokens),
        slots=limits.max_concurrency,
    )


def _arm_forecast(call: GuessedCall, share: _Share) -> ArmForecast:
    n_calls = round(share.n_trials * call.n_turns)
    prices, limit = call.endpoint.prices, call.max_output_tokens
    expected_usd = worst_usd = None
    if prices is not None:
        expected_usd = n_calls * _call_usd(prices, call.input_tokens, call.output_tokens)
        if limit is not None and share.most_trials is not None:
            most_calls = math.ceil(share.most_trials * call.n_turns)
            n_sent = most_calls + _most_retries(most_calls, call.endpoint)
            worst_usd = n_sent * _call_usd(prices, call.longest_input_tokens, limit)
    return ArmForecast(
        arm=call.arm,
        n_calls=n_calls,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        max_output_tokens=limit,
        expected_usd=expected_usd,
        worst_usd=worst_usd,
        expected_s=call.seconds,
    )


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


def _assumptions(plan: Plan, calls: Sequence[GuessedCall], arms: Sequence[ArmForecast]) -> tuple[str, ...]:
    efforts = dict.fromkeys(call.arm.effort or "medium" for call in calls)
    reasoning = ", ".join(f"{effort} {REASONING_TOKENS.get(effort, REASONING_TOKENS['medium'])}" for effort in efforts)
    sentences = [
        f"input tokens are estimated at {CHARS_PER_TOKEN} characters each; images and files are not counted",
        f"expected output is a guess, not a measurement: {ANSWER_TOKENS} tokens of answer and, by effort, these of "
        f"reasoning: {reasoning}",
        f"wall time is rough: {FIRST_EVENT_S} s to the first event, then {TOKENS_PER_S} tokens a second (simulated: "
        f"{SIMULATED_CALL_S} s a call), sent {load_words(plan.suite.load)}",
        *_load_assumptions(plan, calls),
    ]
    n_reserve = sum(case.is_reserve for case in plan.suite.cases)
    if n_reserve:
        sentences.append(f"{n_reserve:,} of the cases are asked only where the gates are still open after the others")
    if plan.suite.budget.stop_when_settled:
        sentences.append("the run ends as soon as its gates are settled, perhaps long before the last case")
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


def _load_assumptions(plan: Plan, calls: Sequence[GuessedCall]) -> list[str]:
    load, sentences = plan.suite.load, []
    if load.is_timed:
        sentences.append("time ends the run: the list of trials is cut then, or sent again until then")
        if not load.is_open:
            sentences.append(
                "the number of calls is an estimate: concurrency × time / the guessed time of a call. A service that "
                "answers sooner is asked more, so there is no worst case; budget.max_calls and max_cost_usd are bounds"
            )
        elif load.shape in ("poisson", "steps"):
            sentences.append("the number of calls is a mean: starts are random")
    if load.warmup is not None and load.warmup.seconds is not None:
        sentences.append(f"{load.warmup.seconds:g} s of warm-up are counted with the calls that fit in")
    turns = max(call.n_turns for call in calls)
    if turns > 1:
        sentences.append(f"a conversation is up to {turns} calls, each with all that was said before it")
    return sentences
