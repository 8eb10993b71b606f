"""The appendix on waiting: which part of the times of two arms differs."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import QuantileShift, ShiftFindings
from evalharness.report import numbers
from evalharness.report.cells import NO_UPPER_LIMIT, Cell, Row, Table
from evalharness.report.charts.marks import Interval
from evalharness.report.charts.shift import ShiftPoint, shift_chart
from evalharness.report.view import View
from evalharness.report.words import metric_title


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    title: str
    picture: Markup
    table: Table


def shifted(view: View) -> tuple[Shifted, ...]:
    """Against the baseline arm of this run, and against the baseline run."""
    return tuple(_shifted(view, found) for found in (view.analysis.shift, view.analysis.run_shift) if found is not None)


def _shifted(view: View, found: ShiftFindings) -> Shifted:
    candidate, what = view.arm(found.candidate), metric_title(found.metric)
    of_arm = f" of {candidate.spoken}" if len(view.arms) > 1 else ""
    of_runs = found.baseline == found.candidate
    against = "the baseline run" if of_runs else view.arm(found.baseline).spoken
    title = f"{what}{of_arm} against {against}, quantile by quantile"
    points = [ShiftPoint(label=_name(each), ratio=_interval(each)) for each in found.quantiles]
    picture = shift_chart(
        points,
        candidate.mark,
        title=title,
        y_title=f"{'this run' if of_runs else candidate.label}, times that of "
        f"{'the baseline' if of_runs else view.arm(found.baseline).label}",
        x_title=f"Quantile of {what.lower()}",
    )
    table = Table(
        caption="How many times as long",
        head="Quantile",
        columns=("Ratio",),
        rows=tuple(Row(head=_name(each), cells=(_cell(each),)) for each in found.quantiles),
        note=f"Over {numbers.plural(found.n_pairs, 'case')} in both {'runs' if of_runs else 'arms'}. The intervals "
        f"hold for all quantiles together. Failed calls count as infinitely late.{_open_ends(found)}",
    )
    return Shifted(title=title, picture=picture, table=table)


def _open_ends(found: ShiftFindings) -> str:
    has_open = any(each.estimate is not None and each.estimate.upper is None for each in found.quantiles)
    return f" {NO_UPPER_LIMIT}" if has_open else ""


def _name(each: QuantileShift) -> str:
    return f"p{100 * each.q:g}"


def _interval(each: QuantileShift) -> Interval | None:
    if each.estimate is None:
        return None
    drawn = each.estimate.point if each.drawn is None else each.drawn
    return Interval(point=drawn, lower=each.estimate.lower, upper=each.estimate.upper)


def _cell(each: QuantileShift) -> Cell:
    if each.estimate is None:
        return Cell(main=numbers.MISSING, below=each.reason)
    return Cell(main=numbers.ratio_of(each.estimate), below=numbers.ratio_interval(each.estimate) or "no interval")
