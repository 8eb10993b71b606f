"""Whether times held still while they were measured: one row for each level."""

from __future__ import annotations

from collections.abc import Sequence

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
        change = NOTHING if ratio is None else Cell(main=numbers.ratio_of(ratio), below=numbers.ratio_interval(ratio))
        rows.append(lane.row([change, Cell(main=steadiness.course)]))
    return Table(
        caption="Did times hold still within each level?",
        head="Level",
        columns=("Second half against first", "Reading"),
        rows=tuple(rows),
        note="Total times, cases taken into account. No drift found does not say that there was none: the interval "
        "says how large it may be. The readings take into account how many levels were looked at (Holm).",
    )
