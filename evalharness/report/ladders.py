"""Percentile ladders: tables whose rows carry their quantiles drawn on one axis, with the client's own error around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.core.findings import TimeFindings
from evalharness.report import numbers
from evalharness.report.cells import Cell, Table, quantile_cell, ratio_cell
from evalharness.report.charts.scales import Scale
from evalharness.report.charts.strip import LadderRow, ladder_axis, ladder_scale, ladder_strip, shows_error
from evalharness.report.lanes import Lane
from evalharness.report.sight import is_drowned, quantile
from evalharness.report.view import FEW_ARMS, View, scaled
from evalharness.report.words import figures_title, is_given_success, listed, named

QUANTILES = ("0.5", "0.9", "0.95", "0.99", "0.999")
_DRAWN = ("0.5", "0.95", "0.99", "0.999")
#: Of many lanes only these, the others in a table that is folded away.
_MAIN = ("0.5", "0.95")
_MOST_NAMED = 3
#: A column of ratios of times.
TIMES_BASELINE = "Times baseline"

_Measured = tuple[Lane, TimeFindings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """``table`` None: this client saw no lane well enough. ``rest``: all quantiles of many lanes, None where ``table``
    has them. ``unseen`` says which lanes have no row; empty for none. ``has_errors``: whether any is drawn."""

    table: Table | None
    rest: Table | None
    unseen: str
    has_errors: bool


def ladder(view: View, lanes: Sequence[Lane], metric: str) -> Ladder | None:
    """One row per lane in which the metric was measured; None where it was in none."""
    measured = [(lane, times) for lane in lanes if (times := lane.times(metric)) and times.n_measured]
    if not measured:
        return None
    seen = [(lane, times) for lane, times in measured if not is_drowned(times)]
    all_quantiles = [q for q in QUANTILES if any(q in times.quantiles for _, times in seen)]
    large = len(seen) > FEW_ARMS
    rows = [_row(lane, times, _MAIN if large else _DRAWN) for lane, times in seen]
    scale = _scale(rows, view.limit_ms(metric))
    return Ladder(
        table=_table(view, metric, seen, _MAIN if large else all_quantiles, rows) if seen else None,
        rest=_table(view, metric, seen, all_quantiles, []) if large else None,
        unseen=_unseen(metric, [pair for pair in measured if is_drowned(pair[1])], len(measured)),
        has_errors=scale is not None and any(shows_error(row, scale) for row in rows),
    )


def _unseen(metric: str, drowned: Sequence[_Measured], n_measured: int) -> str:
    if not drowned:
        return ""
    errors = [error_ms for _, times in drowned if (error_ms := times.error_ms("0.5")) is not None]
    least, most = numbers.duration(min(errors)), numbers.duration(max(errors))
    size = most if least == most else f"{least} to {most}"
    whose = ""
    if len(drowned) < n_measured:
        names = [named(lane.full_label) for lane, _ in drowned]
        whose = f" of {listed(names) if len(names) <= _MOST_NAMED else f'{len(names)} more'}"
    return f"{figures_title(metric)}{whose}: not shown, this client may be off by more than the median itself ({size})."


def _row(lane: Lane, times: TimeFindings, quantiles: Sequence[str]) -> LadderRow:
    found = {q: estimate for q in quantiles if (estimate := quantile(times, q)) is not None}
    errors_ms = [times.error_ms(q) or 0.0 for q in found]
    return LadderRow(mark=lane.mark, quantiles=[scaled(each) for each in found.values()], errors_ms=errors_ms)


def _scale(drawn: Sequence[LadderRow], limit_ms: float | None) -> Scale | None:
    positive = [row for row in drawn if any(interval.point > 0 for interval in row.quantiles)]
    return ladder_scale(positive, limit_ms) if positive else None


def _table(
    view: View, metric: str, seen: Sequence[_Measured], quantiles: Sequence[str], drawn: Sequence[LadderRow]
) -> Table:
    """With a strip for each row of ``drawn``, or without any."""
    limit = view.limit_ms(metric)
    scale = _scale(drawn, limit)
    strips = [ladder_strip(row, scale, limit) for row in drawn] if scale else [None] * len(seen)
    versus = [None if lane.stretch else view.ratio(metric, lane.arm.arm_id) for lane, _ in seen]
    compared = any(versus) and bool(drawn)
    rows = []
    for (lane, times), ratio, strip in zip(seen, versus, strips, strict=True):
        cells = [quantile_cell(times, q) for q in quantiles]
        if compared:
            cells.append(Cell(main="baseline") if lane.is_baseline else ratio_cell(ratio))
        rows.append(lane.row(cells, strip))
    return Table(
        caption=figures_title(metric) if drawn else f"{figures_title(metric)}, all quantiles",
        head="Level" if seen[0][0].stretch else "Arm",
        columns=(*(f"p{100 * float(q):g}" for q in quantiles), *((TIMES_BASELINE,) if compared else ())),
        rows=tuple(rows),
        axis=ladder_axis(scale, numbers.duration_tick, limit) if scale else None,
        note=" ".join(_count_notes(metric, [times for _, times in seen])) if drawn else "",
    )


def _count_notes(metric: str, found: Sequence[TimeFindings]) -> list[str]:
    failed, without = sum(times.n_failed for times in found), sum(times.n_without for times in found)
    parts = []
    if failed and is_given_success(metric):
        parts.append(f"{numbers.plural(failed, 'failed call')} {'is' if failed == 1 else 'are'} left out.")
    elif failed:
        parts.append(f"{numbers.plural(failed, 'failed call')} {'counts' if failed == 1 else 'count'} as never ended.")
    if without:
        parts.append(f"{numbers.plural(without, 'call')} ended without this time being measurable.")
    return parts
