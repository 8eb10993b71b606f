"""Gates and decision rules as a suite writes them; mistakes in them are in ``bad/``."""

from __future__ import annotations

import pytest

from evalharness.core.model import DecisionRule, Demand, GateScope, GateSpec, OnInconclusive
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.suite.gate_metrics import COST_PER_CORRECT, ERROR_SHARE, METRICS, Kind
from evalharness.suite.gate_parts import DEMANDS, GatePart
from tests.support.suites import parsed

SUITE = """
suite: gated
endpoints: {sim: {simulator: default, model: sim-mini}}
prompts: {plain: "{{ question }}"}
sweep:
  axes: {reasoning.effort: [low, medium, high], top_p: [0.5, 1]}
  include: [{reasoning.effort: high, top_p: 1, model: big}]
cases:
  - {id: a, vars: {question: "1 + 1?"}, expected: "2", tags: [critical]}
  - id: b
    vars: {question: "17 * 3?"}
    expected: "51"
    graders: [{id: own, type: exact, expected: "51"}]
graders: [{id: answer, type: numeric, expected: "{{ expected }}"}]
"""

GATES = """
gates:
  - {metric: answer, arm: {reasoning.effort: medium}, at_least: 0.80}
  - {metric: answer, compare: arms, arm: {top_p: 0.5}, to: {top_p: 1}, non_inferior_margin: 0.02}
  - {metric: ttfo_ms, quantile: 0.95, at_most: 2500}
  - {metric: total_ms, compare: baseline_run, ratio_at_most: 1.15}
  - {metric: answer, compare: baseline_run, tag: critical, improved: true}
  - {metric: own, compare: baseline_run, equivalent_margin: 0.02}
  - {metric: error_share, at_most: 0.01}
  - {must_pass: {tag: critical}}
on_inconclusive: fail
budget: {stop_when_settled: true}
"""


def test_every_form_of_a_gate_arrives_in_the_suite():
    suite = parsed(SUITE + GATES)
    assert suite.gates == (
        GateSpec(number=1, demand=Demand.AT_LEAST, metric="answer", limit=0.8, arm={"reasoning.effort": "medium"}),
        GateSpec(
            number=2,
            demand=Demand.NON_INFERIOR,
            metric="answer",
            limit=0.02,
            scope=GateScope.ARMS,
            arm={"top_p": 0.5},
            to={"top_p": 1},
        ),
        GateSpec(number=3, demand=Demand.AT_MOST, metric="ttfo_ms", limit=2500.0, quantile=0.95),
        GateSpec(number=4, demand=Demand.RATIO_AT_MOST, metric="total_ms", limit=1.15, scope=GateScope.BASELINE_RUN),
        GateSpec(number=5, demand=Demand.IMPROVED, metric="answer", scope=GateScope.BASELINE_RUN, tag="critical"),
        GateSpec(number=6, demand=Demand.EQUIVALENT, metric="own", limit=0.02, scope=GateScope.BASELINE_RUN),
        GateSpec(number=7, demand=Demand.AT_MOST, metric="error_share", limit=0.01),
        GateSpec(number=8, demand=Demand.MUST_PASS, tag="critical"),
    )
    assert suite.on_inconclusive is OnInconclusive.FAIL and suite.budget.stop_when_settled


def test_without_gates_an_inconclusive_one_would_warn_and_nothing_stops_early():
    suite = parsed(SUITE)
    assert (suite.gates, suite.on_inconclusive, suite.budget.stop_when_settled) == ((), OnInconclusive.WARN, False)


def test_a_margin_of_zero_is_taken_once_the_suite_says_what_follows():
    gate = "gates: [{metric: answer, compare: baseline_run, non_inferior_margin: 0}]\n"
    assert parsed(SUITE + gate + "on_inconclusive: warn\n").gates[0].limit == 0


def test_an_included_arm_is_selected_by_the_keys_it_adds():
    gate = "gates: [{metric: answer, arm: {model: big}, at_least: 0.5}]\n"
    assert parsed(SUITE + gate).gates[0].arm == {"model": "big"}


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("rule: cheapest_within_margin, metric: answer, margin: 0.02", ("cheapest_within_margin", 0.02, None)),
        ("rule: best_within_limits, metric: answer", ("best_within_limits", 0.0, None)),
        ("rule: best_within_limits, metric: answer, margin: 0.01", ("best_within_limits", 0.01, None)),
        ("rule: best_value, metric: answer, value_per_correct_usd: 0.5", ("best_value", 0.0, 0.5)),
    ],
)
def test_each_decision_rule_has_its_own_keys(written, rule):
    name, margin, value = rule
    expected = DecisionRule(rule=name, metric="answer", margin=margin, value_per_correct_usd=value)
    assert parsed(SUITE + "decision: {" + written + "}\n").decision == expected


def test_the_metrics_of_gates_are_those_of_the_catalogue_and_two_of_the_whole_run():
    kinds = {Unit.MS: Kind.TIME, Unit.TOKENS: Kind.AMOUNT, Unit.USD: Kind.AMOUNT, Unit.TOKENS_PER_S: Kind.RATE}
    assert {name: (metric.kind, metric.higher_is_better) for name, metric in METRICS.items() if name in CATALOG} == {
        name: (kinds[metric.unit], metric.higher_is_better) for name, metric in CATALOG.items()
    }
    assert set(METRICS) - set(CATALOG) == {ERROR_SHARE, COST_PER_CORRECT}


def test_every_demand_is_a_key_of_a_gate():
    assert set(DEMANDS) <= set(GatePart.model_fields)
