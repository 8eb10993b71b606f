"""Whether times held still while they were measured: one sentence, or one row for each level."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.findings import Course, Steadiness
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Table
from evalharness.report.lanes import Lane


def steadiness_table(lanes: Sequence[Lane]) -> Table | None:
    """Second half against first, for each level of load; None without levels, and where none has trials enough."""
    known = [(lane, lane.steadiness) for lane in lanes]
    if not any(steadiness.ratio for _, steadiness in known if steadiness):
        return None
    rows = []
    for lane, steadiness in known:
        if steadiness is None:
            continue
        ratio = steadiness.ratio
        change = (
            NOTHING if ratio is None else Cell(main=numbers.ratio(ratio.point), below=numbers.ratio_interval(ratio))
        )
        rows.append(lane.row([change, Cell(main=steadiness.course)]))
    return Table(
        caption="Did times hold still within each level?",
        head="Level",
        columns=("Second half against first", "Reading"),
        rows=tuple(rows),
        note="Total times, the same cases taken into account. Steady: no change is shown, with all levels "
        "looked at taken into account (Holm); the interval says how large one may be.",
    )


def steadiness_sentence(found: Steadiness) -> str:
    """What was found, in words; of what holds still how large a change may hide in it."""
    ratio = found.ratio
    if found.course is not Course.STEADY or ratio is None or ratio.lower is None or ratio.upper is None:
        return found.sentence
    ends = f"{_change(ratio.lower)} to {_change(ratio.upper)}"
    return (
        f"No drift found: total times in the second half were {_change(ratio.point)} than in the first "
        f"({ratio.level:.0%} CI {ends})."
    )


def _change(ratio: float) -> str:
    return f"{numbers.percent(abs(ratio - 1), 0)} {'longer' if ratio >= 1 else 'shorter'}"
