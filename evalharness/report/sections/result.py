"""Page one: the decision as a sentence, and one table with every arm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from evalharness.core.findings import Comparison
from evalharness.core.model import Status
from evalharness.report import numbers
from evalharness.report.cells import (
    NO_UPPER_LIMIT,
    Cell,
    Table,
    arm_row,
    lacks_upper_limit,
    part_of,
    points_cell,
    quantile_cell,
    share_cell,
    usd_cell,
)
from evalharness.report.charts.strip import quality_scale, quality_strip
from evalharness.report.load_rows import load_caption, load_note, load_table
from evalharness.report.observed import about_times
from evalharness.report.verdict_text import VerdictText
from evalharness.report.view import ArmView, View, percent_interval
from evalharness.report.words import TYPICAL_CASE

NAV = "Result"
TITLE = "Result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``cautions``: those of the verdict, unless the gates before it have said them; ``about_times`` is said under
    the table."""

    verdict: VerdictText
    cautions: tuple[str, ...]
    about_times: str
    table: Table
    all_arms: Table | None
    notes: tuple[str, ...]


def build(view: View) -> Result | None:
    table = main_table(view, view.shown, view.shown_text or _caption(view))
    all_arms = main_table(view, view.arms, f"All {len(view.arms)} arms") if view.shown_text else None
    notes = [load_note(view, table) if view.analysis.kind == "latency" else _note(view)] if view.says_something else []
    return Result(
        verdict=view.verdict,
        cautions=() if view.gates or view.analysis.baseline_run else view.verdict.cautions_first,
        about_times=about_times(view, [table, *([all_arms] if all_arms else [])]),
        table=table,
        all_arms=all_arms,
        notes=tuple(notes),
    )


def main_table(view: View, arms: Sequence[ArmView], caption: str) -> Table:
    """The one table beside the verdict, in every format."""
    return load_table(view, arms, caption) if view.analysis.kind == "latency" else arm_table(view, arms, caption)


def excerpt(view: View, n_rows: int) -> tuple[Table, str]:
    """The main table's most needed rows, and what that leaves out (``Showing 8 of 21 arms``), empty for nothing."""
    table = main_table(view, view.shown, "")
    by_arm = len(table.rows) == len(view.shown)
    n_all = len(view.arms) if by_arm else len(table.rows)
    kept = main_table(view, view.few(n_rows), "") if by_arm else replace(table, rows=table.rows[:n_rows])
    left_out = f"Showing {len(kept.rows)} of {n_all} {'arms' if by_arm else 'levels'}" if len(kept.rows) < n_all else ""
    return kept, left_out


def _caption(view: View) -> str:
    if view.analysis.kind == "latency":
        return load_caption(view)
    return "The run in numbers" if view.analysis.kind == "single" else "All arms, on the same cases"


def _note(view: View) -> str:
    parts = ["Small figures under a number: its 95% confidence interval."]
    if view.baseline is not None:
        parts.append(f"Small figures beside it: how many times that of {view.baseline.spoken}, the baseline.")
        if any(view.ratio(metric, arm.arm_id) for metric in ("ttfo_ms", "total_ms") for arm in view.arms):
            parts.append(f"Of times: {TYPICAL_CASE}")
        parts.append("Differences compare the same cases in both arms.")
    if view.analysis.repeats > 1:
        parts.append("Times: over all calls, however many a case had.")
    total = [arm.found.times.get("total_ms") for arm in view.shown]
    if len(view.arms) > 2 and any(standing.gap for standing in view.analysis.decision.standings):
        parts.append("Over all pairs: such an interval holds for every pair of arms at once, and is wider than these.")
    if any(lacks_upper_limit(times, ("0.5", "0.95")) for times in total):
        parts.append(NO_UPPER_LIMIT)
    return " ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    title: str
    cell: Callable[[ArmView], Cell]
    exists: bool = True


def arm_table(view: View, arms: Sequence[ArmView], caption: str) -> Table:
    columns = [column for column in _columns(view, _decimals(view)) if column.exists]
    scored = [percent_interval(estimate) for arm in arms if (estimate := view.quality(arm))]
    scale = quality_scale(scored) if scored and len(arms) > 1 else None
    rows = []
    for arm in arms:
        estimate = view.quality(arm)
        strip = quality_strip(percent_interval(estimate), scale, arm.mark) if scale and estimate else None
        rows.append(arm_row(arm, [column.cell(arm) for column in columns], strip))
    domain = f"{scale.low:.0f}{numbers.MISSING}{scale.high:.0f}%" if scale else ""
    return Table(
        caption=caption,
        head="Arm",
        columns=tuple(column.title for column in columns),
        rows=tuple(rows),
        axis_title=f"{view.quality_name}, {domain}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decimals:
    """Of the two columns in percent and points: one number each, and such that they do not contradict each other."""

    shares: int
    points: int


def _decimals(view: View) -> _Decimals:
    shares = [estimate for arm in view.arms if (estimate := view.quality(arm))]
    base = view.quality(view.baseline) if view.baseline else None
    versus = [(view.quality(arm), view.versus(arm.arm_id)) for arm in view.arms]
    pairs = [(share, base, comparison.shown) for share, comparison in versus if share and base and comparison]
    return _Decimals(
        shares=numbers.agreeing_decimals(shares, pairs),
        points=numbers.column_decimals(item.shown for item in view.analysis.versus_baseline),
    )


def _columns(view: View, decimals: _Decimals) -> list[_Column]:
    arms = view.arms
    return [
        _Column(title=view.quality_name, cell=lambda arm: share_cell(view.quality(arm), decimals.shares)),
        _Column(
            title="Difference, points",
            cell=lambda arm: _difference(view, arm, decimals.points),
            exists=view.baseline is not None,
        ),
        _Column(
            title="Cost per 1,000 calls",
            cell=lambda arm: usd_cell(arm.found.cost_usd, view.ratio("cost_usd", arm.arm_id), scale=1000),
            exists=any(arm.found.cost_usd for arm in arms),
        ),
        _Column(
            title="First output, median",
            cell=lambda arm: _time(arm, "ttfo_ms", "0.5", view.ratio("ttfo_ms", arm.arm_id)),
            exists=any(arm.found.times["ttfo_ms"].n_measured for arm in arms if "ttfo_ms" in arm.found.times),
        ),
        _Column(
            title="Total time, median",
            cell=lambda arm: _time(arm, "total_ms", "0.5", view.ratio("total_ms", arm.arm_id)),
        ),
        _Column(title="Total time, p95", cell=lambda arm: _time(arm, "total_ms", "0.95")),
        _Column(
            title="Failed",
            cell=lambda arm: part_of(arm.found.counts.get(Status.ERROR, 0), arm.found.n_planned),
            exists=any(arm.found.counts.get(Status.ERROR) for arm in arms),
        ),
    ]


def _time(arm: ArmView, metric: str, q: str, ratio: Comparison | None = None) -> Cell:
    return quantile_cell(arm.found.times.get(metric), q, ratio)


def _difference(view: View, arm: ArmView, decimals: int) -> Cell:
    return Cell(main="baseline") if arm.is_baseline else points_cell(view.versus(arm.arm_id), decimals)
