"""A few cells of ``calibrate_gates.py``: seeded, so a failure is a change of the code and not of luck."""

from __future__ import annotations

import pytest

from evalharness.stats.gates import at_least, at_most, equivalent, improved, non_inferior, ratio_at_most
from tests.stats import calibrate_gates as gates
from tests.stats.calibrate import Cell, measure, true_quantile
from tests.stats.calibrate_gates import FAIL, PASS

CELLS = [
    gates.gate_cell("non-inferior, n=100", non_inferior(0.05), gates.differences(100, -0.05, 1), PASS),
    gates.gate_cell("non-inferior, n=100 K=5", non_inferior(0.05), gates.differences(100, -0.05, 5), FAIL),
    gates.gate_cell("improved, n=100 K=5", improved(), gates.differences(100, 0.0, 5), PASS),
    gates.gate_cell("equivalent, n=500", equivalent(0.05), gates.differences(500, 0.05, 1), PASS),
    gates.gate_cell("equivalent within little, n=100", equivalent(0.001), gates.differences(100, 0.0, 1), FAIL),
    gates.gate_cell("share, n=100 K=3", at_least(0.8), gates.shares(100, 0.8, 3), PASS),
    gates.gate_cell("p95, n=100 K=3", at_most(true_quantile(0.95)), gates.quantiles(100, 0.95, 3), PASS),
    gates.gate_cell("time ratio, n=50", ratio_at_most(1.1), gates.time_pairs(50, 1.1, 3), PASS, at_most=0.07),
    gates.gate_cell(
        "p95 ratio", ratio_at_most(1.1), gates.time_pairs(100, 1.1, 3, gates.p95_ratio), FAIL, at_most=0.07
    ),
    gates.gate_cell("cost ratio, n=100", ratio_at_most(1.1), gates.cost_pairs(100, 1.1, 1), PASS),
    gates.gate_cell("skewed cost, n=30", at_most(1.0), gates.skewed(30, "lognormal 1"), PASS),
    gates.gate_cell("costs with unequal tails", ratio_at_most(1.0), gates.unequal_costs(30, 1.4, 0.7), PASS),
    gates.gate_cell("cost per right", ratio_at_most(1.0), gates.per_correct(100, 0.7, against=True), PASS),
    gates.gate_cell("some lost", non_inferior(0.05), gates.differences(200, -0.05, 1, missing=0.02), PASS),
    gates.gate_cell("power", improved(), gates.differences(200, 0.05, 5, p=0.7), PASS, at_least=0.60),
    gates.family_cell(4, 100),
    gates.peeking_cell(
        "improved", improved(), lambda rng: gates.single_differences(rng, 200, 0.0), PASS, single_pairs=True
    ),
    gates.peeking_cell("non-inferior", non_inferior(0.05), lambda rng: gates.single_differences(rng, 200, -0.05), PASS),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_verdicts_err_no_more_than_stated(cell: Cell) -> None:
    rate = measure(cell, 120)
    assert rate.holds, f"{rate.rate:.3f} of {rate.runs} runs, bound {cell.at_least or cell.at_most}"


def test_the_check_can_fail() -> None:
    """Reading the interval of a fixed number of cases again and again is the mistake that sequences are for."""
    rate = measure(gates.looking_at_each_fixed_interval(200, 15), 50)
    assert not rate.holds
