"""How often does the rule name an arm that it should not? Simulated with a declared truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalharness.core.findings import Outcome
from evalharness.core.record import RunRecord
from evalharness.metrics.table import table
from evalharness.stats.sample import Settings
from evalharness.verdict.decision import decide
from evalharness.verdict.gathered import gather
from evalharness.verdict.view import RunView
from tests.support.runs import RULE, make_run

MARGIN = 0.05
RUNS = 400


def views(run: RunRecord, accuracies: tuple[float, ...], *, missing: float = 0.0, runs: int = RUNS):
    """The same run with scores drawn anew: cases of different difficulty, shared by the arms."""
    rows, found = table(run), gather(run)
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


def chosen(run: RunRecord, accuracies: tuple[float, ...], **options) -> list[int | None]:
    """The arm used in each simulated run, None where there was no clear winner; the first arm is the cheapest."""
    rule = replace(RULE, margin=MARGIN, limits=())
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
