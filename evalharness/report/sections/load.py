"""What happens as load rises: time against throughput, level by level, for one arm or several."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Estimate, TimeFindings
from evalharness.report import numbers
from evalharness.report.cells import Table
from evalharness.report.charts.bars import KeyEntry
from evalharness.report.charts.load_curve import LoadLine, LoadPanel, LoadPoint, load_curve
from evalharness.report.keys import arm_key
from evalharness.report.lanes import Lane, has_steps, lanes
from evalharness.report.load_rows import knee_of, level_table, load_note
from evalharness.report.load_words import level_text
from evalharness.report.sight import hidden_ms, is_drowned, quantile
from evalharness.report.view import View, scaled
from evalharness.report.words import listed, metric_title

NAV = "Load"
TITLE = "What happens as load rises?"
_METRICS = ("ttfo_ms", "total_ms")
#: Up to here each arm's medians are drawn below its p95.
_MEDIANS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rising:
    """``table`` None: it stands in the result already."""

    pictures: tuple[tuple[str, Markup], ...]
    key: tuple[KeyEntry, ...]
    notes: tuple[str, ...]
    table: Table | None
    table_note: str


def build(view: View) -> Rising | None:
    """None for a load of one level."""
    if not has_steps(view):
        return None
    rows = lanes(view)
    panels = [panel for metric in _METRICS if (panel := _panel(view, rows, metric))]
    table = level_table(view, "Every level of load") if len(view.arms) > 1 else None
    return Rising(
        pictures=tuple((panel.title, load_curve(panel)) for panel in panels),
        key=arm_key(view.shown),
        notes=tuple(_notes(view, panels)),
        table=table,
        table_note=load_note(view, table) if table else "",
    )


def _notes(view: View, panels: list[LoadPanel]) -> list[str]:
    notes = []
    if panels:
        with_dots = any(
            point.median_ms is not None for panel in panels for line in panel.lines for point in line.points
        )
        medians = ", small dots the medians" if with_dots else ""
        drawn = f"Each point is a level, bars are 95% confidence intervals{medians}."
        judged = [panel.tail for panel in panels if panel.limit_ms is not None]
        if judged:
            drawn += f" Beside a limit: the {judged[0]} that has to keep it, with the 90% interval that decides."
        notes.append(f"{drawn} Where the line turns upwards, more calls only wait longer.")
    if any(point.holds for panel in panels for line in panel.lines for point in line.points):
        notes.append("Ringed: the highest level at which the service level is shown to hold.")
    late = [stretch for stretch in view.analysis.stretches_of() if stretch.rate_kept is False]
    levels = listed(level_text(stretch.level, stretch.level_unit) for stretch in late if stretch.level is not None)
    if levels:
        notes.append(f"This client did not keep the rate at {levels}: total times there include its own delay.")
    return notes


def _panel(view: View, rows: list[Lane], metric: str) -> LoadPanel | None:
    """Of a time that the suite limits, the quantile that has to keep the limit; that one is written on the axis."""
    found = [
        (lane, times)
        for lane in rows
        if (times := lane.times(metric)) and not is_drowned(times) and lane.stretch and lane.stretch.ends_per_s
    ]
    slo, limit_ms = view.run.plan.suite.slo, view.limit_ms(metric)
    q = f"{slo.share_at_least:g}" if slo is not None and limit_ms is not None else _usual([times for _, times in found])
    with_medians = q != "0.5" and len(view.shown) <= _MEDIANS
    lines = []
    for arm in view.shown:
        points = [
            _point(view, lane, tail, times.quantiles.get("0.5") if with_medians else None)
            for lane, times in found
            if lane.arm is arm and (tail := _tail(lane, times, q)) is not None
        ]
        if points:
            lines.append(LoadLine(label=arm.label, mark=arm.mark, points=points))
    if not any(len(line.points) > 1 for line in lines):
        return None
    return LoadPanel(
        title=metric_title(metric),
        tail="median" if q == "0.5" else f"p{100 * float(q):g}",
        lines=lines,
        limit_ms=limit_ms,
        write_ms=numbers.duration_tick,
        write_per_s=_per_second_tick,
    )


def _usual(found: list[TimeFindings]) -> str:
    """p95 where most levels have an upper limit of theirs, else the median."""
    limited = sum((p95 := times.quantiles.get("0.95")) is not None and p95.upper is not None for times in found)
    return "0.95" if 2 * limited >= len(found) else "0.5"


def _tail(lane: Lane, times: TimeFindings, q: str) -> Estimate | None:
    """The ``q`` quantile; of a limited time with the interval of its verdict."""
    limits = lane.service.limits if lane.service else ()
    judged = next((limit for limit in limits if limit.metric == times.metric), None)
    if judged is None:
        return quantile(times, q)
    return judged.quantile if hidden_ms(times, q) is None else None


def _point(view: View, lane: Lane, tail: Estimate, median: Estimate | None) -> LoadPoint:
    stretch = lane.stretch
    assert stretch is not None
    assert stretch.ends_per_s is not None
    return LoadPoint(
        level=lane.label,
        mark=lane.mark if len(view.shown) == 1 else lane.arm.mark,
        per_s=stretch.ends_per_s,
        tail_ms=scaled(tail),
        median_ms=median.point if median else None,
        holds=_holds(view, lane),
    )


def _holds(view: View, lane: Lane) -> bool:
    """Whether it is the highest level at which its arm's service level is shown to hold."""
    knee = knee_of(view, lane.arm)
    return knee is not None and lane.stretch is not None and knee.holds_up_to == lane.stretch.level


def _per_second_tick(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")
