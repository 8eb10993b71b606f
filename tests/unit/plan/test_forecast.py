from __future__ import annotations

import pytest

from evalharness.plan.expand import PlanFlags, make_plan
from evalharness.plan.forecast import forecast
from evalharness.plan.guess import MAX_MEASURED_CASES
from tests.support.suites import HEAD, parsed

FAR = HEAD.replace(
    "{simulator: default, model: sim-mini}",
    '{base_url: "https://example.com/v1", model: m, prices: {input: 1, output: 10}, retry: {max_attempts: 2}}',
)
CASES = "cases:\n" + "".join(f'  - {{id: c{n}, vars: {{question: "{n}"}}, expected: "1"}}\n' for n in range(10))
TEXT = FAR + CASES + "request: {max_output_tokens: 1000}\nload: {concurrency: 5}\n"


def forecast_of(text: str = TEXT, chars: int = 4000):
    return forecast(make_plan(parsed(text), PlanFlags()), lambda arm, case: chars)


def test_the_worst_case_is_every_call_at_its_limit_with_every_retry():
    found = forecast_of()
    (arm,) = found.arms
    assert (found.n_calls, arm.n_calls, arm.input_tokens, arm.max_output_tokens) == (10, 10, 1000, 1000)
    # By hand: 10 calls, each tried twice, 1000 tokens in at $1 and 1000 out at $10 a million.
    assert found.worst_usd == pytest.approx(20 * (1000 * 1 + 1000 * 10) / 1e6)
    assert found.expected_usd is not None and found.expected_usd < found.worst_usd


def test_the_retry_budget_bounds_the_worst_case_of_a_large_run():
    text = TEXT.replace("max_attempts: 2", "max_attempts: 9") + "repeats: 100\n"
    # By hand: 1000 calls; retries 100 at once (500 x 0.2) and one for every fifth success.
    assert forecast_of(text).worst_usd == pytest.approx((1000 + 100 + 200) * 11_000 / 1e6)


def test_the_expectation_never_exceeds_the_limit_of_the_request():
    (arm,) = forecast_of(TEXT.replace("1000}", "10}")).arms
    assert arm.output_tokens == 10


def test_without_a_limit_there_is_no_worst_case_and_it_is_said():
    found = forecast_of(TEXT.replace("request: {max_output_tokens: 1000}\n", ""))
    assert found.worst_usd is None and found.expected_usd is not None
    assert any("no max_output_tokens" in sentence for sentence in found.assumptions)


def test_without_prices_there_is_no_cost_and_it_is_said():
    found = forecast_of(TEXT.replace(", prices: {input: 1, output: 10}", ""))
    assert found.expected_usd is None and found.worst_usd is None
    assert any("no cost for sim" in sentence for sentence in found.assumptions)


def test_more_effort_is_expected_to_take_longer_and_cost_more():
    found = forecast_of(TEXT + "sweep: {axes: {reasoning.effort: [none, low, medium, high]}}\n")
    costs = [arm.expected_usd for arm in found.arms]
    times = [arm.expected_s for arm in found.arms]
    assert costs == sorted(costs) and times == sorted(times) and costs[0] < costs[1]
    assert found.expected_usd == pytest.approx(sum(costs))


def test_wall_time_is_bound_by_concurrency_and_by_the_endpoints_limits():
    wall_s = forecast_of().wall_s
    assert forecast_of(TEXT.replace("concurrency: 5", "concurrency: 10")).wall_s == pytest.approx(wall_s / 2)
    limited = TEXT.replace("model: m,", "model: m, limits: {max_concurrency: 1},")
    assert forecast_of(limited).wall_s == pytest.approx(wall_s * 5)
    slow = TEXT.replace("model: m,", "model: m, limits: {requests_per_minute: 1},")
    assert forecast_of(slow).wall_s == pytest.approx(600)


def test_input_of_a_huge_set_is_measured_on_a_sample():
    asked = []
    rows = b"".join(b'{"id": "c%d", "vars": {"question": "q"}, "expected": "1"}\n' % n for n in range(5000))
    plan = make_plan(parsed(HEAD + "cases: [{file: c.jsonl}]\n", {"c.jsonl": rows}), PlanFlags())
    forecast(plan, lambda arm, case: asked.append(case.case_id) or 40)
    assert len(asked) == MAX_MEASURED_CASES
    assert asked[0] == "c0" and int(asked[-1][1:]) > 4900, "spread over the whole set"


def test_warm_up_calls_are_counted():
    assert forecast_of(TEXT.replace("{concurrency: 5}", "{concurrency: 5, warmup: {calls: 3}}")).n_calls == 13


def load_forecast(load: str, text: str = TEXT, files: dict[str, bytes] | None = None):
    made = make_plan(parsed(text.replace("load: {concurrency: 5}", f"load: {load}"), files), PlanFlags())
    return forecast(made, lambda arm, case: 4000)


#: Of TEXT: medium effort is guessed at 660 tokens, 80 a second after 0.8 s.
CALL_S = 0.8 + 660 / 80
CALL_USD = (1000 * 1 + 660 * 10) / 1e6


@pytest.mark.parametrize(
    ("load", "n_calls", "seconds"),
    [
        ("{concurrency: 5}", 10, 10 * CALL_S / 5),
        ("{concurrency: 5, think_ms: 950}", 10, 10 * (CALL_S + 0.95) / 5),
        ("{concurrency: 5, duration_s: 90.5}", 50, 90.5),
        ("{shape: constant, rate_per_s: 2}", 10, 5 + CALL_S),
        ("{shape: constant, rate_per_s: 2, duration_s: 60}", 120, 60 + CALL_S),
        ("{shape: poisson, rate_per_s: 0.5}", 10, 20 + CALL_S),
        ("{shape: poisson, rate_per_s: 0.5, duration_s: 60}", 30, 60 + CALL_S),
        ("{shape: ramp, from_per_s: 1, to_per_s: 3, over_s: 20}", 40, 20 + CALL_S),
        ("{shape: burst, size: 5, every_s: 10}", 10, 20 + CALL_S),
        ("{shape: burst, size: 5, every_s: 10, duration_s: 25}", 15, 25 + CALL_S),
        ("{shape: steps, concurrency: [1, 2, 5]}", 30, 10 * CALL_S * (1 + 1 / 2 + 1 / 5)),
        ("{shape: steps, concurrency: [1, 2], each_s: 90.5}", 30, 181),
        ("{shape: steps, rate_per_s: [1, 2]}", 20, 10 + CALL_S + 5 + CALL_S),
        ("{shape: steps, rate_per_s: [1, 2], each_s: 30}", 90, 60 + 2 * CALL_S),
        ("{shape: trace, file: t.json}", 4, 30 + CALL_S),
        ("{shape: trace, file: t.json, speed: 3}", 4, 10 + CALL_S),
        ("{shape: trace, file: one.json}", 1, CALL_S),
        ("{concurrency: 5, warmup: {calls: 5}}", 15, 15 * CALL_S / 5),
        ("{concurrency: 5, warmup: {seconds: 18.1}}", 20, 10 * CALL_S / 5 + 18.1),
        ("{shape: constant, rate_per_s: 2, warmup: {seconds: 3}}", 16, 3 + 5 + CALL_S),
        ("{shape: constant, rate_per_s: 2, warmup: {calls: 6}}", 16, 3 + 5 + CALL_S),
    ],
)
def test_calls_and_time_of_each_shape_by_hand(load, n_calls, seconds):
    found = load_forecast(load, files={"t.json": b"[5, 6, 20, 35]", "one.json": b"[5]"})
    assert found.n_calls == pytest.approx(n_calls, abs=0.5)
    assert found.wall_s == pytest.approx(seconds)
    assert found.expected_usd == pytest.approx(n_calls * CALL_USD, rel=0.02)


def test_limits_of_the_endpoint_slow_every_shape_down():
    limited = TEXT.replace("model: m,", "model: m, limits: {requests_per_minute: 6},")
    assert load_forecast("{shape: constant, rate_per_s: 2}", limited).wall_s == pytest.approx(100 + CALL_S)
    assert load_forecast("{concurrency: 5, duration_s: 100}", limited).n_calls == 10
    narrow = TEXT.replace("model: m,", "model: m, limits: {max_concurrency: 2},")
    assert load_forecast("{shape: burst, size: 10, every_s: 1}", narrow).wall_s == pytest.approx(6 * CALL_S)


def test_a_closed_load_that_time_ends_has_an_estimate_of_calls_and_no_worst_case():
    found = load_forecast("{concurrency: 5, duration_s: 60}")
    assert not found.is_counted and found.worst_usd is None and found.expected_usd is not None
    assert any("estimate" in sentence and "max_cost_usd" in sentence for sentence in found.assumptions)


def test_the_worst_case_of_random_starts_is_far_above_their_mean():
    mean, random = (
        load_forecast(f"{{shape: {shape}, rate_per_s: 4, duration_s: 100}}") for shape in ("constant", "poisson")
    )
    assert mean.n_calls == random.n_calls == 400 and not random.is_counted
    # By hand: 400 + 6 x 20 calls, each tried twice, at its limit of 1000 tokens.
    assert mean.worst_usd == pytest.approx((400 + min(400, 100 + 80)) * 11_000 / 1e6)
    assert random.worst_usd == pytest.approx((520 + min(520, 100 + 104)) * 11_000 / 1e6)


def test_a_list_that_is_sent_once_is_counted_whatever_its_shape():
    assert load_forecast("{shape: poisson, rate_per_s: 4}").is_counted
    assert not load_forecast("{shape: poisson, rate_per_s: 4, warmup: {seconds: 1}}").is_counted


def test_a_conversation_is_as_many_calls_as_turns_each_with_what_was_said_before():
    text = TEXT.replace('"{{ question }}"', '{turns: ["{{ question }}", "Sure?", "Really?"]}')
    found = load_forecast("{concurrency: 5, think_ms: 500}", text)
    (arm,) = found.arms
    assert found.n_calls == 30
    # By hand: 4000 characters in three turns of 1333; a call has 1, 2 or 3 of them, and 0, 1 or 2 answers of 60 tokens.
    assert arm.input_tokens == pytest.approx(2 * 4000 / 3 / 4 + 60)
    assert found.wall_s == pytest.approx(10 * (3 * CALL_S + 2 * 0.5 + 0.5) / 5)
    # Retries aside (30 of them): 30 calls, each with one answer of 1000 tokens before it on average.
    assert found.worst_usd == pytest.approx(60 * ((2 * 4000 / 12 + 1000) * 1 + 1000 * 10) / 1e6)
    assert any("up to 3 calls" in sentence for sentence in found.assumptions)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ("{concurrency: 5}", "at concurrency 5"),
        ("{shape: poisson, rate_per_s: 0.5, duration_s: 60}", "at 0.5 trials a second (poisson) for 60 s"),
        ("{shape: ramp, from_per_s: 1, to_per_s: 3, over_s: 20}", "at 1 to 3 trials a second over 20 s"),
        ("{shape: burst, size: 5, every_s: 10}", "in bursts of 5 every 10 s"),
        ("{shape: steps, concurrency: [1, 2]}", "in 2 steps of 1, 2 (concurrency)"),
        ("{shape: steps, rate_per_s: [1, 2], each_s: 30}", "in 2 steps of 1, 2 (trials a second, 30 s each)"),
        ("{shape: trace, file: t.json, speed: 3}", "as in t.json at speed 3"),
    ],
)
def test_the_load_is_said_in_words(load, words):
    found = load_forecast(load, files={"t.json": b"[5, 6]"})
    assert any(sentence.endswith(words) for sentence in found.assumptions)
