"""How stable the answers are: cases whose repeats disagree."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Table, arm_row
from evalharness.report.view import ArmView, View

NAV = "Stability"
TITLE = "How stable is it?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    table: Table


def build(view: View) -> Stability | None:
    if view.analysis.repeats < 2 or not any(arm.found.mixed_share is not None for arm in view.shown):
        return None
    rows = [arm_row(arm, _cells(view, arm)) for arm in view.shown]
    columns = ("Cases with mixed results", "Agreement of repeats (ICC)", "Worth, in independent calls")
    up_to = "up to " if view.run.plan.suite.load.is_timed else ""
    note = (
        f"Each case was asked {up_to}{view.analysis.repeats} times in each arm. Repeats of a case are alike: they "
        "carry less information than as many other cases, and the intervals of this report know it."
    )
    return Stability(
        table=Table(caption="Repeats of the same case", head="Arm", columns=columns, rows=tuple(rows), note=note)
    )


def _cells(view: View, arm: ArmView) -> list[Cell]:
    mixed, icc, estimate = arm.found.mixed_share, arm.found.icc, view.quality(arm)
    worth = NOTHING
    if estimate is not None and estimate.n_effective is not None and estimate.n_trials:
        worth = Cell(main=numbers.count(estimate.n_effective), below=f"of {numbers.count(estimate.n_trials)}")
    return [
        NOTHING if mixed is None else Cell(main=numbers.percent(mixed)),
        NOTHING if icc is None else Cell(main=numbers.fixed(icc, 2)),
        worth,
    ]
