"""The result table of a latency run: what was asked, what was achieved, how long it took, how much of it was good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalharness.core.findings import Knee, Met, StretchFindings
from evalharness.report import numbers
from evalharness.report.cells import (
    NO_UPPER_LIMIT,
    NOTHING,
    Cell,
    Table,
    arm_row,
    lacks_upper_limit,
    part_of,
    quantile_cell,
)
from evalharness.report.lanes import has_steps, lanes
from evalharness.report.load_words import level_spoken, level_text, per_second
from evalharness.report.view import ArmView, View

#: Columns of the table by title. The terminal chooses among them by these names.
ASKED, HOLDS, FAILS = "Asked", "Holds up to", "Fails from"
ACHIEVED, TOKENS, FAILED, GOOD = "Ended per second", "Output tokens per second", "Failed", "Good"
FIRST_P50, FIRST_P95 = "First output, median", "First output, p95"
TOTAL_P50, TOTAL_P95 = "Total time, median", "Total time, p95"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLine:
    """One row: an arm with the stretch that its figures are of; None where nothing of it was sent."""

    view: View
    arm: ArmView
    stretch: StretchFindings | None
    knee: Knee | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadColumn:
    title: str
    cell: Callable[[LoadLine], Cell]
    exists: bool = True


def load_table(view: View, arms: Sequence[ArmView], caption: str) -> Table:
    """By level where one arm had several; else by arm, and with levels at the lowest, with the knee of each."""
    if has_steps(view) and len(view.arms) == 1:
        return level_table(view, caption)
    lines = [
        LoadLine(
            view=view,
            arm=arm,
            stretch=next(iter(view.analysis.stretches_of(arm.arm_id)), None),
            knee=knee_of(view, arm),
        )
        for arm in arms
    ]
    columns = load_columns(lines)
    rows = tuple(arm_row(line.arm, [column.cell(line) for column in columns]) for line in lines)
    return Table(caption=caption, head="Arm", columns=tuple(column.title for column in columns), rows=rows)


def _first(stretches: Sequence[StretchFindings]) -> StretchFindings | None:
    return stretches[0] if stretches else None


def level_table(view: View, caption: str) -> Table:
    """Every level of every shown arm."""
    steps = lanes(view)
    lines = [LoadLine(view=view, arm=lane.arm, stretch=lane.stretch) for lane in steps]
    columns = [column for column in load_columns(lines) if column.title != ASKED]
    rows = tuple(lane.row([column.cell(line) for column in columns]) for lane, line in zip(steps, lines, strict=True))
    return Table(caption=caption, head=ASKED, columns=tuple(column.title for column in columns), rows=rows)


def load_caption(view: View) -> str:
    """What the table's figures are of."""
    if not has_steps(view):
        return "The run in numbers" if len(view.arms) == 1 else "All arms, under the same load"
    if len(view.arms) == 1:
        return "The run in numbers, by level of load"
    first = view.analysis.stretches[0]
    lowest = "the lowest level" if first.level is None else level_spoken(first.level, first.level_unit)
    return f"All arms at {lowest}, the lowest level of load"


def load_note(view: View, table: Table) -> str:
    """What the small figures are, and the words of the cells."""
    parts = ["Small figures under a time: its 95% confidence interval."]
    if GOOD in table.columns:
        parts.append(
            "Good: right and in time, over its 90% interval, whose two ends are the 95% bounds of the verdict."
        )
    if any(stretch.service and stretch.service.met is Met.UNTRIED for stretch in view.analysis.stretches):
        parts.append("Cannot tell: this client did not keep the rate, so the service was not put to that test.")
    if ACHIEVED in table.columns:
        parts.append("Under the calls ended per second: how many were in flight, on average.")
    if TOKENS in table.columns:
        parts.append(f"{TOKENS}: counted, of all calls together, over the time they took.")
    times = [stretch.times.get(metric) for stretch in view.analysis.stretches for metric in ("ttfo_ms", "total_ms")]
    if any(lacks_upper_limit(found, ("0.5", "0.95")) for found in times):
        parts.append(NO_UPPER_LIMIT)
    return " ".join(parts)


def load_columns(lines: Sequence[LoadLine]) -> list[LoadColumn]:
    """The columns that have something to say about any of the ``lines``."""
    stretches = [line.stretch for line in lines if line.stretch is not None]
    shares = [stretch.service.share for stretch in stretches if stretch.service and stretch.service.share]
    decimals = numbers.column_decimals(shares)
    columns = [
        LoadColumn(
            title=HOLDS,
            cell=lambda line: _level(line.knee, lambda knee: knee.holds_up_to),
            exists=any(line.knee for line in lines),
        ),
        LoadColumn(
            title=FAILS,
            cell=lambda line: _level(line.knee, lambda knee: knee.fails_from),
            exists=any(line.knee for line in lines),
        ),
        LoadColumn(
            title=ASKED,
            cell=_asked,
            exists=any(stretch.level is not None for stretch in stretches) and not any(line.knee for line in lines),
        ),
        LoadColumn(title=ACHIEVED, cell=_achieved),
        _time_column(lines, FIRST_P50, "ttfo_ms", "0.5"),
        _time_column(lines, FIRST_P95, "ttfo_ms", "0.95"),
        _time_column(lines, TOTAL_P50, "total_ms", "0.5"),
        _time_column(lines, TOTAL_P95, "total_ms", "0.95"),
        LoadColumn(
            title=TOKENS, cell=_tokens, exists=any(stretch.output_tokens_per_s is not None for stretch in stretches)
        ),
        LoadColumn(title=FAILED, cell=_failed),
        LoadColumn(
            title=GOOD,
            cell=lambda line: _good(line, decimals),
            exists=any(stretch.service is not None for stretch in stretches),
        ),
    ]
    return [column for column in columns if column.exists]


def _time_column(lines: Sequence[LoadLine], title: str, metric: str, q: str) -> LoadColumn:
    def cell(line: LoadLine) -> Cell:
        return quantile_cell(line.stretch.times.get(metric) if line.stretch else None, q)

    return LoadColumn(
        title=title, cell=cell, exists=any(line.stretch and metric in line.stretch.times for line in lines)
    )


def knee_of(view: View, arm: ArmView) -> Knee | None:
    """Up to where the arm holds; None without levels. A single arm's is that of all arms together."""
    if not has_steps(view):
        return None
    wanted = arm.arm_id if len(view.arms) > 1 else None
    return next((knee for knee in view.analysis.knees if knee.arm_id == wanted), None)


def _level(knee: Knee | None, read: Callable[[Knee], float | None]) -> Cell:
    if knee is None:
        return NOTHING
    level = read(knee)
    return Cell(main="no level" if level is None else level_text(level, knee.level_unit))


def _asked(line: LoadLine) -> Cell:
    if line.stretch is None or line.stretch.level is None:
        return NOTHING
    return Cell(main=level_text(line.stretch.level, line.stretch.level_unit))


def _achieved(line: LoadLine) -> Cell:
    """Calls ended per second over the calls in flight; said where the client did not keep the rate."""
    stretch = line.stretch
    if stretch is None or stretch.ends_per_s is None:
        return NOTHING
    in_flight = f"{numbers.significant(stretch.in_flight, 2)} in flight" if stretch.in_flight is not None else ""
    mark = "rate not kept" if stretch.rate_kept is False else ""
    return Cell(main=per_second(stretch.ends_per_s), below=in_flight, mark=mark)


def _tokens(line: LoadLine) -> Cell:
    rate = line.stretch.output_tokens_per_s if line.stretch else None
    return NOTHING if rate is None else Cell(main=numbers.tokens(rate))


def _failed(line: LoadLine) -> Cell:
    return NOTHING if line.stretch is None else part_of(line.stretch.n_failed, line.stretch.n_ended)


def _good(line: LoadLine, decimals: int) -> Cell:
    """The share of good calls with the outcome of its target."""
    service = line.stretch.service if line.stretch else None
    if service is None:
        return NOTHING
    if service.share is None:
        return Cell(main=numbers.MISSING, mark=service.met)
    ends = numbers.share_interval(service.share, decimals)
    return Cell(main=numbers.share(service.share, decimals), below=ends, mark=service.met)
