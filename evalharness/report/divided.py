"""Where the total time went: a bar of means in the order of a call, and the same as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import TimeDivision
from evalharness.report import numbers
from evalharness.report.cells import Cell, Table
from evalharness.report.charts.bars import Bar, KeyEntry, Part, bars, key_of
from evalharness.report.lanes import Lane
from evalharness.report.sight import is_drowned

#: Name in the findings, name on the page, colour.
_PARTS = (
    ("earlier", "earlier turns", "input"),
    ("queue", "queue", "queue"),
    ("connect", "connect", "connect"),
    ("retry", "retries and pauses", "worse"),
    ("waiting", "waiting", "waiting"),
    ("reasoning", "reasoning", "reasoning"),
    ("answer", "answer", "answer"),
)
_HIDDEN = "waiting, with hidden reasoning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    key: tuple[KeyEntry, ...]
    picture: Markup
    table: Table


def divided(lanes: Sequence[Lane]) -> Divided | None:
    """None where no lane has a division that this client saw well enough."""
    known = [(lane, lane.divided) for lane in lanes if not is_drowned(lane.times("total_ms"))]
    found = [(lane, division) for lane, division in known if division is not None and division.total.mean_ms > 0]
    if not found:
        return None
    drawn = [_bar(lane, division) for lane, division in found]
    names = {part.name: part.role for bar in drawn for part in bar.parts}
    ordered = {
        name: names[name]
        for _, title, _ in _PARTS
        for name in (title, *([_HIDDEN] if title == "waiting" else []))
        if name in names
    }
    title = "Mean total time, in parts"
    return Divided(
        key=key_of(ordered),
        picture=bars(drawn, title=title, unit="mean of a call that ended", write=numbers.duration_tick, uid="divided"),
        table=_table(found),
    )


def _bar(lane: Lane, division: TimeDivision) -> Bar:
    """Hidden reasoning cannot be told from waiting: hatched, as what a service does not report always is."""
    parts = []
    for name, title, role in _PARTS:
        part = division.parts.get(name)
        if part is None or part.mean_ms <= 0:
            continue
        hidden = name == "waiting" and division.reasoning_hidden
        parts.append(Part(name=_HIDDEN if hidden else title, role=None if hidden else role, size=part.mean_ms))
    return Bar(
        label=lane.label_in_group,
        parts=parts,
        total=division.total.mean_ms,
        total_text=numbers.duration(division.total.mean_ms),
        group=lane.group,
    )


def _table(found: Sequence[tuple[Lane, TimeDivision]]) -> Table:
    """Means over medians; a part that no lane has is left out, a part that is hidden says so."""
    names = [(name, title) for name, title, _ in _PARTS if any(_has(division, name) for _, division in found)]
    rows = []
    for lane, division in found:
        cells = [_cell(division, name) for name, _ in names]
        cells.append(Cell(main=numbers.duration(division.total.mean_ms), below=_median(division.total.median_ms)))
        rows.append(lane.row(cells))
    n_trials = sum(division.n_trials for _, division in found)
    return Table(
        caption="Where the total time went",
        head="Level" if found[0][0].stretch else "Arm",
        columns=(*(title[:1].upper() + title[1:] for _, title in names), "Total"),
        rows=tuple(rows),
        note=f"Means over the {numbers.plural(n_trials, 'call')} that ended, which add up; medians below. "
        "Queue: meant to start until connecting or sending, this client's own. Retries and pauses: failed attempts, "
        "back-off, and pauses that the service caused. Waiting: sent to the first token. "
        "Answer: first output to the end.",
    )


def _has(division: TimeDivision, name: str) -> bool:
    part = division.parts.get(name)
    return (part is not None and part.mean_ms > 0) or (name == "reasoning" and division.reasoning_hidden)


def _cell(division: TimeDivision, name: str) -> Cell:
    if name == "reasoning" and division.reasoning_hidden:
        return Cell(main="hidden", below="in waiting")
    part = division.parts.get(name)
    if part is None:
        return Cell(main=numbers.MISSING)
    return Cell(main=_time(part.mean_ms), below=_median(part.median_ms))


def _time(ms: float) -> str:
    return "0 ms" if ms == 0 else numbers.duration(ms) if ms >= 0.01 else "under 0.01 ms"


def _median(ms: float) -> str:
    return f"median {_time(ms)}"
