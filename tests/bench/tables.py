"""What a benchmark hands back: a table with its targets, as Markdown for people and as JSON for records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Column:
    """``key`` finds the cell in a row. ``digits``: significant ones; None prints the value as it is."""

    key: str
    heading: str
    digits: int | None = 3


#: What ``machine.Strain`` says, beside the figures of a row.
STRAIN = (Column("load", "load average", digits=2), Column("stolen", "stolen, % of CPU", digits=2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``is_met`` None: it could not be judged here, ``found`` says why."""

    what: str
    found: str
    is_met: bool | None

    @property
    def line(self) -> str:
        word = {True: "met", False: "MISSED", None: "not judged"}[self.is_met]
        return f"- {word}: {self.what}: {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``load`` says in a sentence what was done. A row without a cell has nothing to say there; a column
    without any is left out."""

    title: str
    load: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Cell]]
    notes: Sequence[str] = field(default_factory=tuple)
    targets: Sequence[Target] = field(default_factory=tuple)


def at_most(what: str, found: float | None, bound: float, unit: str = "") -> Target:
    return _judged(f"{what} <= {bound:g}{unit}", found, unit, None if found is None else found <= bound)


def at_least(what: str, found: float | None, bound: float, unit: str = "") -> Target:
    return _judged(f"{what} >= {bound:g}{unit}", found, unit, None if found is None else found >= bound)


def _judged(what: str, found: float | None, unit: str, is_met: bool | None) -> Target:
    return Target(what=what, found="not measured" if found is None else _text(found, 3) + unit, is_met=is_met)


def as_markdown(table: Table) -> str:
    lines = [f"### {table.title}", "", table.load, ""]
    known = [column for column in table.columns if any(row.get(column.key) is not None for row in table.rows)]
    lines += _grid(known, table.rows)
    for block in (list(table.notes), [target.line for target in table.targets]):
        if block:
            lines += ["", *block]
    return "\n".join(lines) + "\n"


def _grid(columns: Sequence[Column], rows: Sequence[Mapping[str, Cell]]) -> list[str]:
    shown = [[column.heading for column in columns]]
    shown += [[_text(row.get(column.key), column.digits) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in shown) for index in range(len(columns))]
    padded = [
        [text.ljust(width) if index == 0 else text.rjust(width)
         for index, (text, width) in enumerate(zip(line, widths, strict=True))]
        for line in shown
    ]  # fmt: skip
    rule = ["-" * width if index == 0 else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    return ["| " + " | ".join(line) + " |" for line in (padded[0], rule, *padded[1:])]


def _text(cell: Cell, digits: int | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str) or digits is None:
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.{digits}g}"
