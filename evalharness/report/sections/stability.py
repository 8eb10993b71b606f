"""How stable the answers are: cases whose repeats disagree."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.core.findings import Tries
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Table, arm_row, share_cell
from evalharness.report.view import ArmView, View

NAV = "Stability"
TITLE = "How stable is it?"
#: The terms under which the field and the glossary know them.
PASSES = "pass@k and pass^k"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    table: Table


def build(view: View) -> Stability | None:
    if view.analysis.repeats < 2 or not any(arm.found.mixed_share is not None for arm in view.shown):
        return None
    k = max((tries.k for arm in view.shown if (tries := arm.found.tries)), default=0)
    rows = [arm_row(arm, _cells(view, arm, k)) for arm in view.shown]
    of_tries = (f"At least 1 of {k} right", f"All {k} right") if k else ()
    columns = ("Cases with mixed results", *of_tries, "Agreement of repeats (ICC)", "Worth, in independent calls")
    up_to = "up to " if view.run.plan.suite.load.is_timed else ""
    note = (
        f"Each case was asked {up_to}{view.analysis.repeats} times in each arm. Repeats of a case are alike: they "
        "carry less information than as many other cases, and the intervals of this report know it."
    )
    if _has_groups(view):
        note += (
            " What they are worth also depends on how alike the cases of one group are, so it does not follow from "
            "the agreement of repeats alone."
        )
    if k:
        note += f" At least one right, and all: shares of cases ({PASSES})."
        note += _left_out(view)
    return Stability(
        table=Table(caption="Repeats of the same case", head="Arm", columns=columns, rows=tuple(rows), note=note)
    )


def _cells(view: View, arm: ArmView, k: int) -> list[Cell]:
    """``k``: the tries that the table is about, 0 without those columns."""
    mixed, icc, estimate = arm.found.mixed_share, arm.found.icc, view.quality(arm)
    worth = NOTHING
    if estimate is not None and estimate.n_effective is not None and estimate.n_trials:
        worth = Cell(main=numbers.count(estimate.n_effective), below=f"of {numbers.count(estimate.n_trials)}")
    return [
        NOTHING if mixed is None else Cell(main=numbers.percent(mixed)),
        *(_of_tries(arm.found.tries, k) if k else ()),
        NOTHING if icc is None else Cell(main=numbers.fixed(icc, 2)),
        worth,
    ]


def _has_groups(view: View) -> bool:
    known = [estimate for arm in view.shown if (estimate := view.quality(arm)) is not None]
    return any(estimate.n_clusters is not None and estimate.n_clusters < estimate.n for estimate in known)


def _of_tries(tries: Tries | None, k: int) -> tuple[Cell, Cell]:
    if tries is None or tries.k != k:
        return NOTHING, NOTHING
    return share_cell(tries.any_right), share_cell(tries.all_right)


def _left_out(view: View) -> str:
    """Which cases are not in the columns on tries; nothing where all are."""
    n = max((tries.n_left_out for arm in view.shown if (tries := arm.found.tries)), default=0)
    if not n:
        return ""
    return f" Cases of which a trial has no score are left out there: up to {numbers.plural(n, 'case')} of an arm."
