"""Scores by kind of case. Plain numbers: no tag is called better or worse without a test made for it."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.report import numbers
from evalharness.report.cells import Cell, Row, Table, share_cell
from evalharness.report.view import View

NAV = "By tag"
TITLE = "How do kinds of case differ?"
_FEW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    table: Table
    notes: tuple[str, ...]


def build(view: View) -> Tags | None:
    tags = sorted(view.analysis.tag_cases, key=lambda tag: (-view.analysis.tag_cases[tag], tag))
    tags = [tag for tag in tags if view.analysis.tag_quality.get(tag)]
    if not tags:
        return None
    rows = []
    for tag in tags:
        cases = view.analysis.tag_cases[tag]
        found = view.analysis.tag_quality[tag]
        cells = [Cell(main=numbers.count(cases)), *(share_cell(found.get(arm.arm_id)) for arm in view.shown)]
        rows.append(Row(head=tag, cells=tuple(cells), notes=("few cases",) if cases < _FEW else ()))
    columns = ("Cases", *(arm.label for arm in view.shown))
    table = Table(caption=f"{view.quality_name} by tag", head="Tag", columns=columns, rows=tuple(rows))
    cells_made = len(tags) * len(view.shown)
    return Tags(
        table=table,
        notes=(
            f"{cells_made} cells: some will stand out by chance. Two intervals that overlap, or do not, are no test: "
            "compare kinds of case with a suite made for it.",
        ),
    )
