"""Each decision rule says what it asks for, and what separates arms in its own unit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalharness.core.model import DecisionRule
from evalharness.report.verdict_text import VerdictText, verdict_text
from evalharness.verdict.compare import analyse
from tests.support.runs import RULE, ArmTruth, make_run

TRUTH = {
    "none": ArmTruth(accuracy=0.40, reasoning_tokens=0, ttfo_ms=300),
    "low": ArmTruth(accuracy=0.85, reasoning_tokens=100, ttfo_ms=900),
    "medium": ArmTruth(accuracy=0.95, reasoning_tokens=900, ttfo_ms=2_500),
}
BEST = replace(RULE, rule="best_within_limits", margin=0.0, limits=())
VALUE = replace(BEST, rule="best_value", value_per_correct_usd=0.05)


def told(rule: DecisionRule, cases: int = 300, **options) -> VerdictText:
    shown = {"failures": 0, "incomplete": 0, "truth": TRUTH, **options}
    run = make_run(arms=3, cases=cases, repeats=1, decision=rule, **shown)
    return verdict_text(run, analyse(run, n_resamples=500))


def test_the_best_is_shown_to_be_above_every_other_arm():
    text = told(BEST)
    assert text.heading == "Use medium"
    assert text.rule == (
        "Rule: the arm whose score of “answer” is shown to be above every other "
        "(decision.rule: best_within_limits, metric: answer, margin: 0)."
    )


def test_with_a_margin_the_best_is_one_of_the_arms_that_keep_it():
    rule = told(replace(BEST, margin=0.05)).rule
    assert rule.startswith(
        "Rule: of the arms whose score of “answer” is shown to be at most 5 points below every other, the one where"
    )


def test_worth_is_told_in_money():
    text = told(VALUE)
    assert text.rule == (
        "Rule: the arm shown to be worth more than every other: score of “answer” at $0.05 for a right answer, less "
        "its cost (decision.rule: best_value, metric: answer, value_per_correct_usd: 0.05)."
    )
    assert any("is worth $" in bullet and "less per 1,000 calls than" in bullet for bullet in text.bullets)
    assert not any("points lower" in bullet for bullet in text.bullets)


@pytest.mark.parametrize(
    ("rule", "words"), [(VALUE, "may be worth anything between $"), (BEST, "may score anything between")]
)
def test_what_is_open_is_told_in_the_unit_of_the_rule(rule, words):
    close = {name: replace(arm, accuracy=0.7) for name, arm in TRUTH.items()}
    text = told(rule, cases=40, truth=close)
    assert text.heading == "No clear winner"
    assert words in text.lead
    assert "the rule asks for" in text.lead
