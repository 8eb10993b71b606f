"""A run beside its baseline: each metric on either side, what sets them apart with its interval, and how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from markupsafe import Markup

from evalharness.core.findings import Comparison
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Row, Table
from evalharness.report.charts.bars import KeyEntry
from evalharness.report.charts.ratio_strip import ratio_axis, ratio_scale, ratio_strip
from evalharness.report.charts.scatter import Dot, Panel, scatter
from evalharness.report.charts.strip import forest_axis, forest_scale, forest_strip
from evalharness.report.comparison_table import CALLS, metric_title, ordered, side_by_side, times_note
from evalharness.report.keys import arm_key
from evalharness.report.sight import is_drowned
from evalharness.report.view import ArmView, View, percent_interval, scaled
from evalharness.verdict.baseline_against import margin_of

NAV = "Differences"
TITLE = "What is different, and is it real?"
_SMALL = "Small figures: the 95% interval of the figure above them."
_PAIRED = "Each case is compared with itself in the baseline, so how hard a case is cancels out."
_POINTS = "An interval that crosses zero means these runs cannot say which of the two is better."
_RATIOS = (
    "More of any of these is worse. An interval that crosses 1\N{MULTIPLICATION SIGN} cannot say which run takes more."
)
_EXPLORATORY = "Graders other than the first are exploratory: they raise questions, they settle none."

#: One table: the comparisons it shows, in order.
_Rows: TypeAlias = Sequence[Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """``moves``: titles with charts of quality against cost and time, from the baseline to this run."""

    tables: tuple[Table, ...]
    moves: tuple[tuple[str, Markup], ...]
    key: tuple[KeyEntry, ...]
    left_out: str


def build(view: View) -> Against | None:
    """None where nothing was compared. Of a large sweep only the arms that the page shows, and it says so."""
    drawn = {arm.arm_id for arm in view.shown}
    rows = [each for each in ordered(view.analysis) if each.candidate in drawn]
    if not rows:
        return None
    scores, ratios = ([each for each in rows if (each.kind == "ratio") is is_ratio] for is_ratio in (False, True))
    tables = [*([_scores(view, scores)] if scores else []), *([_ratios(view, ratios)] if ratios else [])]
    compared = {each.candidate for of in view.analysis.against_run.values() for each in of}
    hidden = len(compared - drawn)
    return Against(
        tables=tuple(tables),
        moves=tuple(chart for chart in (_moves(view, metric) for metric in ("cost_usd", "total_ms")) if chart),
        key=arm_key(view.shown) if len(view.arms) > 1 else (),
        left_out=f"{numbers.plural(hidden, 'more arm')} compared in `compare --json`." if hidden else "",
    )


def _moves(view: View, metric: str) -> tuple[str, Markup] | None:
    """Each arm in the baseline and in this run; None where no arm has both figures on both sides, or this client did
    not see the times."""
    dots: list[Dot] = []
    for arm in view.shown:
        score, other = (_of_arm(view, name, arm.arm_id) for name in (view.analysis.primary, metric))
        if score is None or other is None or is_drowned(arm.found.times.get(metric)):
            continue
        sides = [(other.baseline_level, score.baseline_level), (other.candidate_level, score.candidate_level)]
        known = [(x, y) for x, y in sides if x is not None and y is not None and x.point > 0]
        if len(known) == len(sides):
            dots += [
                Dot(
                    label=_named(view, arm, is_before),
                    mark=arm.mark,
                    x=scaled(x, CALLS if metric == "cost_usd" else 1.0),
                    y=percent_interval(y),
                    series=arm.arm_id,
                    named=arm.is_baseline or arm.arm_id in view.named,
                    before=is_before,
                )
                for (x, y), is_before in zip(known, (True, False), strict=True)
            ]
    if not dots:
        return None
    x_title = metric_title(metric)
    title = f"Quality against {x_title[:1].lower()}{x_title[1:]}"
    write = numbers.usd_tick if metric == "cost_usd" else numbers.duration_tick
    return title, scatter(
        Panel(title=title, x_title=x_title, y_title=f"{view.quality_name}, %", write_x=write, dots=dots)
    )


def _named(view: View, arm: ArmView, is_before: bool) -> str:
    if len(view.arms) == 1:
        return "baseline" if is_before else "this run"
    return f"{arm.label} in the baseline" if is_before else arm.label


def _of_arm(view: View, metric: str, arm_id: str) -> Comparison | None:
    return next((each for each in view.analysis.against_run.get(metric, ()) if each.candidate == arm_id), None)


def _scores(view: View, rows: _Rows) -> Table:
    margin = margin_of(view.run.plan.suite, view.analysis.primary)
    band = None if margin is None else margin * 100
    intervals = [percent_interval(each.shown) for each in rows]
    scale = forest_scale(intervals, band)
    strips = [
        forest_strip(
            interval, scale, view.arm(each.candidate).mark, band if each.metric == view.analysis.primary else None
        )
        for each, interval in zip(rows, intervals, strict=True)
    ]
    notes = [_SMALL, *([_PAIRED] if all(each.design == "paired" for each in rows) else []), _POINTS]
    if band:
        notes.append(f"Shaded: within {numbers.in_points(band / 100)}, the size the suite calls too small to matter.")
    if any(each.metric != view.analysis.primary for each in rows):
        notes.append(_EXPLORATORY)
    return _table(view, rows, "Scores", strips, forest_axis(scale, band), "Difference", notes)


def _ratios(view: View, rows: _Rows) -> Table:
    seen = [each for each in rows if not is_drowned(view.arm(each.candidate).found.times.get(each.metric))]
    scale = ratio_scale([scaled(each.shown) for each in seen or rows])
    strips = [
        ratio_strip(scaled(each.shown), scale, view.arm(each.candidate).mark) if each in seen else None for each in rows
    ]
    table = _table(view, rows, "Cost, times and tokens", strips, ratio_axis(scale), "Times as much", [_RATIOS])
    return replace(table, note=f"{table.note} {times_note(view.analysis, table)}".rstrip())


def _table(
    view: View,
    rows: _Rows,
    caption: str,
    strips: Sequence[Markup | None],
    axis: Markup,
    column: str,
    notes: Sequence[str],
) -> Table:
    several = len(view.arms) > 1
    lines = []
    for each, strip in zip(rows, strips, strict=True):
        told, title, arm = (
            side_by_side(each, view.run, view.analysis),
            metric_title(each.metric),
            view.arm(each.candidate),
        )
        below = "" if told.interval is NOTHING else told.interval.main
        difference = Cell(main=told.difference.main, below=below, tone=told.difference.tone)
        lines.append(
            Row(
                head=arm.label if several else title,
                cells=(told.baseline, told.candidate, difference, told.reading),
                swatch=arm.swatch if several else None,
                strip=strip,
                group=title if several else "",
            )
        )
    return Table(
        caption=caption,
        head="Arm" if several else "Metric",
        columns=("Baseline", "This run", column, "Reading"),
        rows=tuple(lines),
        axis=axis,
        note=" ".join(notes),
    )
