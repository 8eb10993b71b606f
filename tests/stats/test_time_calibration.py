"""A few cells of ``calibrate_times.py``: seeded, so a failure is a change of the code and not of luck."""

from __future__ import annotations

import pytest

from evalharness.core.findings import Met
from tests.stats import calibrate_times as times
from tests.stats.calibrate import Cell, measure

CELLS = [
    *(times.quantile_cell(name, 200, q) for name in ("independent", "AR(1) .5", "3 cases") for q in (0.5, 0.95)),
    times.quantile_cell("AR(1) .5", 1000, 0.95),
    times.quantile_cell("stalls of 8 in flight", 1000, 0.95, at_least=0.92),
    times.wrong_verdict_cell("AR(1) .5", 1000, Met.MET),
    times.wrong_verdict_cell("3 cases", 200, Met.MET),
    times.wrong_verdict_cell("independent", 200, Met.NOT_MET),
    times.trend_cell("independent", 200),
    times.trend_cell("AR(1) .5", 200),
    times.trend_cell("AR(1) .8", 1000, at_most=0.10),
    times.trend_cell("3 cases", 200),
    times.trend_cell("independent", 1000, growth=0.3),
    times.family_cell("AR(1) .5", 300, 6),
    times.ratio_cell("coverage", 200, 1.2, 0.5),
    times.ratio_cell("type I", 200, 1.0, 0.5),
    times.knee_cell("holds"),
    times.knee_cell("fails"),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_rates_hold_in_simulation(cell: Cell):
    rate = measure(cell, 200)
    assert rate.holds, f"{rate.rate:.3f} +- {rate.error:.3f}"


def test_intervals_that_take_trials_for_independent_miss_far_too_often():
    """The reason for blocks: without them a lag-1 correlation of .8 leaves four in ten medians outside."""
    naive = times.naive_quantile_cell("AR(1) .8", 1000, 0.5)
    assert measure(naive, 200).rate < 0.75
