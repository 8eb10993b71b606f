"""Each decision rule says what it asks for, and what separates arms in its own unit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalharness.core.findings import ArmStanding, Decision, Estimate, Outcome, Standing
from evalharness.core.model import DecisionLimit, DecisionRule
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


def test_a_cheaper_arm_that_keeps_the_rule_as_well_is_told_why_it_is_not_named():
    """Low is ten points below medium, which a margin of 30 allows: both keep the rule, medium scores higher."""
    text = told(replace(BEST, margin=0.3))
    assert text.heading == "Use medium"
    [bullet] = [bullet for bullet in text.bullets if bullet.startswith("Low costs")]
    assert bullet.endswith("less than medium and keeps the rule as well, but the rule takes the highest score.")


def test_of_many_cheaper_arms_the_one_that_scores_most_is_told_first_and_the_others_are_counted():
    """Six open arms and one excluded, all cheaper than the one to use: three bullets, the best score first."""
    run = make_run(arms=7, cases=60, repeats=1, prompts=("a",), failures=0, incomplete=0)
    analysis = analyse(run, n_resamples=100)
    ids = [arm.arm_id for arm in analysis.arms]
    chosen = ids[-1]
    gap = Estimate(point=-0.01, lower=-0.2, upper=0.1, method="by hand", n=60, unit="share")
    kinds = [Standing.EXCLUDED, *[Standing.UNDECIDED] * 5, Standing.ADMISSIBLE]
    standings = tuple(
        ArmStanding(arm_id=arm, standing=kind, against=chosen, gap=gap) for arm, kind in zip(ids, kinds, strict=True)
    )
    arms = tuple(
        replace(
            arm,
            cost_usd=replace(arm.cost_usd, point=0.001 * (place + 1)),
            quality={**arm.quality, "answer": replace(arm.quality["answer"], point=0.9 if place == 2 else 0.5)},
        )
        for place, arm in enumerate(analysis.arms)
    )
    decision = Decision(outcome=Outcome.USE, rule=RULE, arm_id=chosen, standings=standings)
    bullets = verdict_text(run, replace(analysis, arms=arms, decision=decision, steps=())).bullets
    assert len(bullets) == 3
    assert bullets[0].startswith(f"{analysis.arms[2].label[:1].upper()}{analysis.arms[2].label[1:]} costs")
    assert bullets[2].endswith(
        " 3 more cost less: 2 are not shown to keep the rule and 1 is shown to be too far below another."
    )
    assert sum("more cost" in bullet for bullet in bullets) == 1


def test_an_arm_that_only_a_limit_keeps_open_is_not_said_to_be_too_far_below():
    run = make_run(arms=3, cases=60, repeats=1, failures=0, incomplete=0)
    analysis = analyse(run, n_resamples=100)
    first, *_, last = (arm.arm_id for arm in analysis.arms)
    near = Estimate(point=0.0, lower=-0.01, upper=0.01, method="by hand", n=60, unit="share")
    limit = DecisionLimit(metric="total_ms", at_most=10_000.0, quantile=0.5)
    standing = ArmStanding(arm_id=first, standing=Standing.UNDECIDED, against=last, gap=near, limit=limit)
    decision = Decision(outcome=Outcome.NO_CLEAR_WINNER, rule=RULE, arm_id=first, standings=(standing,))
    lead = verdict_text(run, replace(analysis, decision=decision)).lead
    assert "not settled whether it keeps a limit: a median total time of at most 10 s." in lead
    assert "missing" not in lead.split(".")[0]
