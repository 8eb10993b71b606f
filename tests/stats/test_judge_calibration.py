"""A few cells of ``calibrate_judge.py``: seeded, so a failure is a change of the code and not of luck."""

from __future__ import annotations

import numpy as np
import pytest

from tests.stats import calibrate_judge as simulated
from tests.stats.calibrate import Cell, covers, measure
from tests.stats.calibrate_judge import Situation

ARM = Situation(n=400, p=0.7, se=0.9, sp=0.8)
REPEATED = Situation(n=150, p=0.7, se=0.9, sp=0.8, repeats=4, icc=0.8)
CELLS = [
    simulated.labels_cell(ARM, 40),
    simulated.labels_cell(ARM, 150),
    simulated.labels_cell(REPEATED, 200),
    simulated.labels_cell(Situation(n=20_000, p=0.7, se=0.97, sp=1.0), 50),
    simulated.labels_pay_cell(Situation(n=2000, p=0.7, se=0.95, sp=0.9), 200),
    simulated.calibration_cell(ARM, 100),
    simulated.calibration_cell(REPEATED, 400),
    simulated.kappa_cell(50, 0.7, 0.9, 0.8),
    simulated.kappa_cell(50, 0.6, 0.9, 0.8, size=4),
    simulated.gap_cell("coverage", REPEATED, 0.08, 150),
    simulated.gap_cell("type I", ARM, 0.0, 100, se_of_candidate=0.98),
    simulated.calibrated_gap_cell(ARM, 0.08, 200),
    simulated.preference_cell("coverage", 60, 0.7, 3, 0.3),
    simulated.preference_cell("type I", 60, 0.5, 1, 0.3),
    simulated.preference_cell("order", 60, 0.6, 1, 0.2),
    simulated.strength_cell(30, 4),
    simulated.strength_cell(60, 3, one_pair=True),
    simulated.passes_cell("pass@k", 60, 0.3, 5, 3),
    simulated.passes_cell("pass^k", 60, 0.8, 5, 3),
    simulated.passes_cell("pass^k", 60, 0.8, 4, 4),
    simulated.majority_cell(60, 7),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_rate_is_within_its_bound(cell: Cell) -> None:
    rate = measure(cell, 150)
    assert rate.holds, f"{rate.rate:.3f} of {rate.runs} runs, bound {cell.at_least or cell.at_most}"


def test_the_judges_own_rate_misses_the_truth() -> None:
    """The reason for all this: a judge that passes a fifth of the wrong answers has the truth outside its interval."""

    def draw(rng, settings):
        lenient = simulated.judged_arm(rng, Situation(n=1000, p=0.6, se=0.95, sp=0.8), 0)
        return covers(simulated.judge.correct_by_labels(lenient, settings).raw, 0.6)

    assert measure(Cell("raw rate", draw, at_least=0.94), 100).rate < 0.2


def test_a_favoured_arm_wins_by_the_judge_alone() -> None:
    """And the reason for labels in both arms: the type I error of the judge's own gap."""

    def draw(rng, settings):
        shares = np.full(500, 0.6)
        favoured = Situation(n=500, p=0.6, se=0.98, sp=0.8)
        candidate = simulated.judged_arm(rng, favoured, 0, shares)
        baseline = simulated.judged_arm(rng, Situation(n=500, p=0.6, se=0.85, sp=0.8), 0, shares)
        return simulated.judge_gap.compare_judged(candidate, baseline, settings).p_value < 0.05

    assert measure(Cell("judge only", draw, at_most=0.05), 100).rate > 0.4
