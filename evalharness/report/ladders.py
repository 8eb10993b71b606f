"""Percentile ladders: a table whose rows carry their quantiles drawn on one axis, with the client's own error below."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.findings import Estimate, TimeFindings
from evalharness.report import numbers
from evalharness.report.cells import NO_UPPER_LIMIT, Cell, Table, lacks_upper_limit, quantile_cell, ratio_cell
from evalharness.report.charts.marks import Interval
from evalharness.report.charts.strip import LadderRow, ladder_axis, ladder_scale, ladder_strip
from evalharness.report.lanes import Lane
from evalharness.report.view import View, scaled
from evalharness.report.words import COARSE_NOTE, figures_title, is_given_success, named

QUANTILES = ("0.5", "0.9", "0.95", "0.99")
_DRAWN = ("0.5", "0.95", "0.99")


def ladder(view: View, lanes: Sequence[Lane], metric: str) -> Table | None:
    """One row per lane in which the metric was measured; None where it was in none."""
    measured = [(lane, times) for lane in lanes if (times := lane.times(metric)) and times.n_measured]
    if not measured:
        return None
    limit = view.limit_ms(metric)
    drawn = [
        LadderRow(mark=lane.mark, quantiles=_drawn(times), error_ms=times.error_p99_ms) for lane, times in measured
    ]
    positive = [row for row in drawn if any(interval.point > 0 for interval in row.quantiles)]
    scale = ladder_scale(positive, limit) if positive else None
    quantiles = [q for q in QUANTILES if any(q in times.quantiles for _, times in measured)]
    versus = [None if lane.stretch else view.ratio(metric, lane.arm.arm_id) for lane, _ in measured]
    rows = []
    for (lane, times), ratio, row in zip(measured, versus, drawn, strict=True):
        mark, off_ms = view.coarse(lane.arm.arm_id, metric), view.coarse_ms(lane.arm.arm_id, metric)
        cells = [quantile_cell(times, q, mark=mark if q == "0.5" else "", error_ms=off_ms) for q in quantiles]
        if any(versus):
            cells.append(Cell(main="baseline") if lane.is_baseline else ratio_cell(ratio))
        rows.append(lane.row(cells, ladder_strip(row, scale, limit) if scale else None))
    return Table(
        caption=figures_title(metric),
        head="Level" if measured[0][0].stretch else "Arm",
        columns=(*(f"p{100 * float(q):g}" for q in quantiles), *(("Times baseline",) if any(versus) else ())),
        rows=tuple(rows),
        axis=ladder_axis(scale, numbers.duration_tick, limit) if scale else None,
        note=_note(view, metric, measured, quantiles),
    )


def _drawn(times: TimeFindings) -> list[Interval]:
    """Median, p95 and p99; p90 is in the table only."""
    found: list[Estimate | None] = [times.quantiles.get(q) for q in _DRAWN]
    return [scaled(estimate) for estimate in found if estimate is not None]


def _note(view: View, metric: str, measured: Sequence[tuple[Lane, TimeFindings]], quantiles: Sequence[str]) -> str:
    found = [times for _, times in measured]
    parts = [*_limit_note(view.limit_ms(metric), found), *_count_notes(metric, found)]
    if any(lacks_upper_limit(times, quantiles) for times in found):
        parts.append(NO_UPPER_LIMIT)
    if any(view.coarse(lane.arm.arm_id, metric) for lane, _ in measured):
        parts.append(COARSE_NOTE)
    if metric == "total_ms":
        means = [
            f"{named(lane.label)} {numbers.duration(times.mean_given_success)}"
            for lane, times in measured
            if times.mean_given_success is not None
        ]
        if means:
            parts.append(f"Mean, given success, beside the medians above: {'; '.join(means)}.")
    return " ".join(parts)


def _limit_note(limit_ms: float | None, found: Sequence[TimeFindings]) -> list[str]:
    parts = [] if limit_ms is None else [f"Dashed rule: the suite's limit of {numbers.duration(limit_ms)}."]
    errors = [times.error_p99_ms for times in found if times.error_p99_ms is not None]
    if errors:
        least, most = numbers.duration(min(errors)), numbers.duration(max(errors))
        size = most if least == most else f"from {least} to {most}"
        parts.append(
            f"Bar under a mark: as wide as this client's stated error (p99, {size} to both sides), never thinner than "
            "a hairline."
        )
    return parts


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
