"""How large a run has to be: what ``plan`` answers, from assumptions and from a pilot, in numbers and in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.app import sizing as sizing_room
from evalharness.app.sizing import SizeRequest, Sizing, sizing
from evalharness.app.sizing_words import sizing_lines
from evalharness.cli.main import group
from evalharness.core.errors import UsageError
from evalharness.core.model import Budget, Demand, GateScope, GateSpec, Plan
from evalharness.plan.forecast import forecast
from tests.support.runs import RULE, make_run
from tests.support.stored import store_run

SUITE = """\
suite: sized
endpoints:
  sim: {simulator: default, model: sim-mini, prices: {input: 1, output: 2, per_tokens: 1000000, as_of: 2026-11-01}}
prompts: {plain: "{{ question }}"}
sweep: {axes: {reasoning.effort: [none, low, medium]}}
graders:
  - {id: answer, type: exact, expected: "{{ expected }}"}
repeats: 2
cases:
"""
CASES = "".join(f'  - {{id: c{k}, vars: {{question: "{k}?"}}, expected: "{k}"}}\n' for k in range(40))


def sized(plan: Plan, request: SizeRequest) -> Sizing:
    return sizing(plan, forecast(plan, lambda arm, case: 40), request)


def words(found: Sizing, plan: Plan) -> str:
    return "\n".join(sizing_lines(found, plan))


def a_plan(**options: object) -> Plan:
    return make_run(**{"arms": 2, "cases": 100, "decision": None, **options}).plan


@pytest.fixture(autouse=True, scope="module")
def quick_checks() -> Iterator[None]:
    """Simulations of fewer runs: how good they are is tested with the statistics."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizing_room, "SIMULATED_CASES", 50_000)
        patch.setattr(sizing_room, "FEWEST_RUNS", 100)
        yield


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "sized.yaml"
    path.write_text(SUITE + CASES, encoding="utf-8")
    return path


def run_plan(*arguments: str | Path) -> Result:
    return CliRunner().invoke(group, ["plan", *map(str, arguments)])


def test_plan_says_how_many_cases_and_repeats_find_a_difference(suite: Path):
    done = run_plan(suite, "--detect", "0.05")
    assert done.exit_code == 0, done.output
    assert "To find a difference of 5 points between an arm and the baseline in 80% of runs" in done.stdout
    assert "for 2 comparisons at once" in done.stdout
    assert (
        "The plan has 40 cases × 2 repeats: too few, and on these cases no number of repeats is enough" in done.stdout
    )
    assert "Checked by simulation of" in done.stdout
    assert "Assumed, for want of a pilot" in done.stdout


def test_json_has_the_same_in_numbers(suite: Path):
    done = run_plan(suite, "--detect", "0.05", "--power", "0.9", "--json")
    found = json.loads(done.stdout)
    assert found["power"] == 0.9
    assert found["comparisons"] == 2
    needs = {need["repeats"]: need for need in found["detect"]["needs"]}
    assert list(needs) == [1, 2, 3, 5, 10]
    assert needs[1]["n_calls"] == 3 * needs[1]["n_cases"]
    assert needs[2]["n_calls"] == 3 * 2 * needs[2]["n_cases"]
    assert needs[1]["n_cases"] > needs[2]["n_cases"] > needs[10]["n_cases"]
    assert found["detect"]["cheapest"] == {"n_cases": needs[1]["n_cases"], "repeats": 1}
    assert 0.85 < found["detect"]["check"]["power"] <= 1
    assert found["pilot"] is None
    per_trial = found["expected_usd"] / (40 * 2)
    assert needs[1]["expected_usd"] == pytest.approx(per_trial * needs[1]["n_cases"])


def test_without_detect_plan_says_what_it_can_find_and_no_more(suite: Path):
    done = run_plan(suite)
    assert "points or more between an arm and the baseline are found in 80% of runs" in done.stdout
    assert "To find" not in done.stdout
    assert json.loads(run_plan(suite, "--json").stdout)["detect"] is None


@pytest.mark.parametrize("wrong", [("--detect", "3"), ("--detect", "0"), ("--detect", "0.1", "--power", "1")])
def test_a_difference_in_points_or_a_certain_power_is_refused(suite: Path, wrong: tuple[str, ...]):
    done = run_plan(suite, *wrong)
    assert done.exit_code == 2
    assert "is not in the range" in done.output


def test_the_cases_found_for_the_plan_are_enough_for_the_plan():
    plan = a_plan()
    found = sized(plan, SizeRequest())
    at_it = sized(plan, SizeRequest(difference=found.smallest_difference * 1.0001))
    assert at_it.target.repeats_enough <= plan.suite.repeats
    assert "that is enough" in words(at_it, plan)


def test_a_pilot_sets_the_variances(tmp_path: Path):
    pilot = store_run(tmp_path, make_run(arms=3, cases=60, repeats=3, seed=3))
    plan = a_plan(arms=3, cases=100, repeats=3)
    found = sized(plan, SizeRequest(difference=0.05, pilot=pilot))
    assert found.pilot.n_pairs == 2
    assert found.spread.between == found.pilot.found.cautious.between
    text = words(found, plan)
    assert "Variances from the pilot" in text
    assert "(the pair that varies most), 60 cases" in text
    assert "Assumed, for want of a pilot" not in text


def test_a_pilot_with_one_repeat_promises_nothing_of_repeats(tmp_path: Path):
    pilot = store_run(tmp_path, make_run(arms=2, cases=60, repeats=1))
    plan = a_plan(cases=100, repeats=3)
    found = sized(plan, SizeRequest(difference=0.05, pilot=pilot))
    assert [need.repeats for need in found.target.needs] == [1]
    text = words(found, plan)
    assert (
        "The pilot has one repeat, so that how cases differ and how answers to one case differ cannot be told" in text
    )
    assert "what more repeats would do, the pilot cannot tell" in text


def test_a_small_pilot_says_that_it_is_small(tmp_path: Path):
    pilot = store_run(tmp_path, make_run(arms=2, cases=8, repeats=2))
    plan = a_plan()
    assert "8 independent cases are a small pilot" in words(sized(plan, SizeRequest(pilot=pilot)), plan)


def test_a_pilot_of_other_arms_is_refused_with_those_it_has(tmp_path: Path):
    pilot = store_run(tmp_path, make_run(arms=("high", "max"), cases=10))
    with pytest.raises(UsageError, match="has no two arms of this plan") as refused:
        sized(a_plan(), SizeRequest(pilot=pilot))
    assert "high; max" in refused.value.hint


def test_a_pilot_of_another_grader_is_refused(tmp_path: Path):
    pilot = store_run(tmp_path, make_run(arms=2, cases=10))
    plan = a_plan()
    named = replace(plan.suite.graders[0], grader_id="kind")
    other = replace(plan, suite=replace(plan.suite, graders=(named,)))
    with pytest.raises(UsageError, match="no grader 'kind'"):
        sized(other, SizeRequest(pilot=pilot))


def test_a_pilot_that_never_got_anywhere_is_refused(tmp_path: Path):
    pilot = store_run(tmp_path, make_run(arms=2, cases=10, pending=1.0))
    with pytest.raises(UsageError, match="fewer than two cases"):
        sized(a_plan(), SizeRequest(pilot=pilot))


def test_a_budget_that_is_too_small_says_what_it_would_find():
    plan = a_plan()
    poor = replace(plan, suite=replace(plan.suite, budget=Budget(max_calls=400)))
    found = sized(poor, SizeRequest(difference=0.03))
    assert found.target.in_budget is False
    assert found.target.affordable.n_cases == 200
    assert "The suite's budget does not allow that: at most 200 cases × 1 repeat" in words(found, poor)
    rich = replace(plan, suite=replace(plan.suite, budget=Budget(max_cost_usd=1e6)))
    assert "The suite's budget allows that." in words(sized(rich, SizeRequest(difference=0.1)), rich)


def test_a_single_arm_is_compared_with_itself_in_another_run():
    plan = a_plan(arms=1)
    assert words(sized(plan, SizeRequest()), plan) == ""
    found = sized(plan, SizeRequest(difference=0.1))
    assert "between two runs of this suite" in words(found, plan)


def test_cases_of_a_cluster_count_as_one_where_no_pilot_tells_more():
    plan = a_plan(cases=100, clusters=20)
    alone = sized(a_plan(cases=100), SizeRequest()).smallest_difference
    found = sized(plan, SizeRequest())
    assert found.spread.inflation == pytest.approx(5, rel=0.2)
    assert found.smallest_difference > 2 * alone
    assert "are counted as one" in words(found, plan)


def test_scope_suite_needs_no_other_cases():
    plan = a_plan(scope="suite", cases=50)
    found = sized(plan, SizeRequest(difference=0.05))
    assert found.spread.between == 0
    assert found.target.repeats_enough is not None
    assert "Scope suite" in words(found, plan)


def test_a_quantile_limit_that_so_few_cases_cannot_show_is_named():
    limit = replace(RULE.limits[0], quantile=0.99)
    plan = a_plan(decision=replace(RULE, limits=(limit,)))
    text = words(sized(plan, SizeRequest()), plan)
    assert "A limit on the 0.99 quantile of total_ms cannot be shown to hold with fewer than 299 cases" in text
    few = replace(limit, quantile=0.95)
    plan = a_plan(decision=replace(RULE, limits=(few,)))
    assert "quantile" not in words(sized(plan, SizeRequest()), plan)


def test_a_margin_below_what_the_design_shows_is_warned_of():
    plan = a_plan(decision=RULE)
    assert "The decision rule's margin of 2 points is smaller" in words(sized(plan, SizeRequest()), plan)


def sequential_plan(*gates: GateSpec, **options: object) -> Plan:
    plan = a_plan(**options)
    budget = Budget(stop_when_settled=True)
    return replace(plan, suite=replace(plan.suite, budget=budget, gates=gates))


def test_a_run_that_may_end_early_is_told_what_peeking_costs():
    between = {"scope": GateScope.ARMS, "arm": {"reasoning.effort": "low"}, "to": {"reasoning.effort": "none"}}
    plan = sequential_plan(
        GateSpec(number=1, demand=Demand.AT_LEAST, metric="answer", limit=0.7),
        GateSpec(number=2, demand=Demand.NON_INFERIOR, metric="answer", limit=0.05, **between),
        GateSpec(number=3, demand=Demand.AT_MOST, metric="total_ms", limit=9_000.0, quantile=0.5, tag="hard"),
    )
    found = sized(plan, SizeRequest())
    assert [gate.number for gate in found.peeking] == [1, 2, 3]
    assert [gate.cost.n_fixed for gate in found.peeking] == [100, 100, 34]
    for gate in found.peeking:
        assert gate.cost.n_power is not None
        assert gate.cost.n_power > gate.cost.n_fixed
    text = words(found, plan)
    first = found.peeking[0].cost
    assert f"half after {first.n_half:,} and 80% after {first.n_power:,}" in text
    assert "where 100 cases fixed beforehand pass" in text
    assert "By simulation of 400 sequences" in text


def test_the_reserve_counts_as_what_the_plan_has_and_not_as_fixed():
    plan = sequential_plan(GateSpec(number=1, demand=Demand.AT_LEAST, metric="answer", limit=0.7))
    cases = tuple(replace(case, is_reserve=place >= 60) for place, case in enumerate(plan.suite.cases))
    (gate,) = sized(replace(plan, suite=replace(plan.suite, cases=cases)), SizeRequest()).peeking
    assert (gate.cost.n_fixed, gate.n_units) == (60, 100)


def test_a_run_of_fixed_length_says_nothing_of_peeking():
    gate = GateSpec(number=1, demand=Demand.AT_LEAST, metric="answer", limit=0.7)
    plan = a_plan()
    fixed = replace(plan, suite=replace(plan.suite, gates=(gate,)))
    assert sized(fixed, SizeRequest()).peeking == ()
    assert "Judged while" not in words(sized(fixed, SizeRequest()), fixed)


NEVER = ("observed power", "no difference", "nan", "inf ", "will be found", "None")


@settings(max_examples=25, deadline=None)
@given(
    arms=st.integers(1, 4),
    cases=st.integers(1, 60),
    repeats=st.integers(1, 4),
    difference=st.one_of(st.none(), st.floats(1e-6, 0.999)),
    power=st.floats(0.5, 0.999),
    scope=st.sampled_from(["population", "suite"]),
)
def test_the_words_hold_for_any_plan(arms, cases, repeats, difference, power, scope):
    plan = a_plan(arms=arms, cases=cases, repeats=repeats, scope=scope)
    text = words(sized(plan, SizeRequest(difference=difference, power=power)), plan)
    assert not [never for never in NEVER if never in text]
