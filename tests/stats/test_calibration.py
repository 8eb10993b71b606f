"""A few cells of ``calibrate.py``: seeded, so a failure is a change of the code and not of luck."""

from __future__ import annotations

import pytest

from tests.stats import calibrate
from tests.stats.calibrate import Cell, measure

CELLS = [
    calibrate.share_cell(10, 0.9, 1, 0),
    calibrate.share_cell(100, 0.5, 3, 0.5),
    calibrate.share_cell(30, 0.02, 10, 0.5),
    calibrate.share_cell(300, 0.8, 3, 0.5, 5),
    calibrate.suite_cell(20, 0.9, 5, 0.8),
    calibrate.paired_cell("coverage", 100, 0.8, 0.05, 1),
    calibrate.paired_cell("coverage", 100, 0.8, 0.05, 5),
    calibrate.paired_cell("type I", 100, 0.5, 0, 1),
    calibrate.paired_cell("type I", 100, 0.5, 0, 5),
    calibrate.paired_cell("power", 200, 0.7, 0.05, 5, icc=0.75, mixing=0.2),
    calibrate.joint_cell(100, 0.5, 3, all_pairs=True),
    calibrate.holm_cell(100, 0.7, 3),
    calibrate.quantile_cell(200, 0.9, 1, 0),
    calibrate.quantile_cell(200, 0.9, 5, 0.8),
    calibrate.time_ratio_cell("coverage", 50, 1.2, 5),
    calibrate.time_ratio_cell("type I", 50, 1.0, 3),
    calibrate.cost_cell("mean cost", 100, 1),
    calibrate.cost_cell("cost ratio", 100, 1),
    calibrate.cost_cell("cost per correct", 20, 1),
    calibrate.trend_cell("type I", 20, 0.0),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_rate_is_within_its_bound(cell: Cell) -> None:
    rate = measure(cell, 300)
    assert rate.holds, f"{rate.rate:.3f} of {rate.runs} runs, bound {cell.at_least or cell.at_most}"


def test_the_check_can_fail() -> None:
    """Counting repeats as independent trials is the mistake it must notice: about 75% at icc 0.5, 5 repeats."""

    def naive(rng, settings):
        shares = calibrate.case_shares(rng, 50, 0.5, 0.5)
        sample = calibrate.right_or_wrong(rng, shares, 5)
        flat = calibrate.long(sample.values[:, None])
        return calibrate.covers(calibrate.one_arm.estimate_share(flat, settings), 0.5)

    rate = measure(Cell("repeats as independent trials", naive, at_least=0.94), 300)
    assert not rate.holds
    assert 0.68 < rate.rate < 0.82
