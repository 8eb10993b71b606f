"""How often does the rule name an arm that it should not? Simulated with a declared truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalharness.core.findings import Outcome
from evalharness.core.model import DecisionRule
from evalharness.core.record import RunRecord
from evalharness.metrics.table import table
from evalharness.stats.sample import Settings
from evalharness.verdict.decision import decide
from evalharness.verdict.gathered import gather
from evalharness.verdict.view import RunView
from tests.support.runs import RULE, make_run

MARGIN = 0.05
CHEAPEST = replace(RULE, margin=MARGIN, limits=())
BEST = replace(CHEAPEST, rule="best_within_limits")
RUNS = 400


def views(run: RunRecord, accuracies: tuple[float, ...], *, missing: float = 0.0, runs: int = RUNS):
    """The same run with scores drawn anew: cases of different difficulty, shared by the arms."""
    rows = table(run)
    found = gather(run, rows)
    rng = np.random.default_rng(20_261_101)
    p = np.array(accuracies)
    for _ in range(runs):
        # A case is answered by a common draw half of the time: correlated arms with exactly these accuracies.
        common = rng.random(rows.n_cases)[rows.case_index]
        draw = np.where(rng.random(rows.n_cases)[rows.case_index] < 0.5, common, rng.random(len(rows.case_index)))
        score = (draw < p[rows.arm_index]).astype(float)
        score[rng.random(len(score)) < missing] = np.nan
        settings = Settings(seed=int(rng.integers(2**32)), n_resamples=400)
        drawn = replace(rows, scores={**rows.scores, "answer": score})
        yield RunView(run=run, table=drawn, settings=settings, gathered=found)


def chosen(
    run: RunRecord, accuracies: tuple[float, ...], *, rule: DecisionRule = CHEAPEST, **options
) -> list[int | None]:
    """The arm used in each simulated run, None where there was no clear winner; the first arm is the cheapest."""
    names = [arm.arm_id for arm in run.plan.arms]
    found = [decide(view, rule, [1.0, 2.0, 3.0]) for view in views(run, accuracies, **options)]
    return [names.index(each.arm_id) if each.outcome is Outcome.USE else None for each in found]


def within_monte_carlo_error(errors: int, nominal: float) -> bool:
    return errors / RUNS <= nominal + 2.6 * float(np.sqrt(nominal * (1 - nominal) / RUNS))


def test_an_arm_just_beyond_the_margin_is_rarely_used():
    run = make_run(arms=3, cases=200, repeats=1)
    picks = chosen(run, (0.80 - MARGIN - 0.001, 0.80, 0.80))
    assert within_monte_carlo_error(picks.count(0), 0.05)


def test_missing_scores_do_not_let_a_worse_arm_through():
    run = make_run(arms=3, cases=200, repeats=1)
    picks = chosen(run, (0.80 - MARGIN - 0.001, 0.80, 0.80), missing=0.02)
    assert within_monte_carlo_error(picks.count(0), 0.05)


def test_with_enough_cases_the_cheapest_good_arm_is_found():
    run = make_run(arms=3, cases=1_500, repeats=1)
    picks = chosen(run, (0.60, 0.80, 0.80), runs=100)
    assert picks.count(0) == 0
    assert picks.count(1) > 60


@pytest.mark.parametrize("margin", [MARGIN, 0.0])
def test_the_best_is_rarely_an_arm_that_is_worse_by_more_than_the_margin(margin):
    run = make_run(arms=3, cases=200, repeats=1)
    picks = chosen(run, (0.80, 0.80 - margin - 0.001, 0.80 - margin - 0.001), rule=replace(BEST, margin=margin))
    assert within_monte_carlo_error(RUNS - picks.count(0) - picks.count(None), 0.05)


def test_with_enough_cases_the_best_arm_is_found_whatever_it_costs():
    run = make_run(arms=3, cases=1_500, repeats=1)
    picks = chosen(run, (0.60, 0.70, 0.80), rule=replace(BEST, margin=0.0), runs=100)
    assert picks.count(2) > 90


def test_an_arm_of_almost_the_same_worth_is_rarely_taken_for_the_one_that_is_worth_more():
    """The second arm is right more often by just less than what it costs more, at 1 US cent for a right answer."""
    run = make_run(arms=2, cases=200, repeats=1, failures=0, without_usage=0)
    costs = [
        np.mean([run.results[each.trial_id].cost_usd for each in run.plan.trials if each.arm_id == arm.arm_id])
        for arm in run.plan.arms
    ]
    rule = replace(CHEAPEST, rule="best_value", margin=0.0, value_per_correct_usd=0.01)
    dearer = (costs[1] - costs[0]) / 0.01
    picks = chosen(run, (0.70, 0.70 + dearer - 0.001), rule=rule)
    assert within_monte_carlo_error(picks.count(1), 0.05)
    assert chosen(run, (0.60, 0.60 + dearer + 0.25), rule=rule, runs=50).count(1) > 40
