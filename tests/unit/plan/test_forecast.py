from __future__ import annotations

import pytest

from evalharness.plan import forecast as module
from evalharness.plan.expand import PlanFlags, make_plan
from evalharness.plan.forecast import forecast
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
    assert len(asked) == module.MAX_MEASURED_CASES
    assert asked[0] == "c0" and int(asked[-1][1:]) > 4900, "spread over the whole set"


def test_warm_up_calls_are_counted():
    assert forecast_of(TEXT.replace("{concurrency: 5}", "{concurrency: 5, warmup: {calls: 3}}")).n_calls == 13
