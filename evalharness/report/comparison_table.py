"""The table of a run beside its baseline: both figures, their difference or ratio, its interval and its reading."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.core.findings import Analysis, Comparison, Estimate, TimeFindings
from evalharness.core.record import RunRecord
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.report import numbers, words
from evalharness.report.cells import (
    NOTHING,
    Cell,
    Row,
    Table,
    quantile_cell,
    share_cell,
    sight_notes,
    time_cell,
    tokens_cell,
)
from evalharness.report.sight import NOT_SHOWN, is_drowned
from evalharness.verdict.baseline_against import OTHER_PRICES, margin_of

CALLS = 1000
#: A baseline file holds no calls, so other tables have other medians; and beside two medians the ratio of a typical
#: case reads like an error.
TIMES_NOTE = (
    "Median case: the median over the cases, each with the median of its calls; a median over all calls, as a run's "
    "own tables have it, may differ. The ratio is that of a typical case with itself: one median divided by the other "
    "need not give it."
)
_OF_BASELINE = "How well the baseline's times were seen stands in its own report."


def comparison_table(run: RunRecord, analysis: Analysis, *, max_rows: int) -> tuple[Table, str]:
    """The table, and a sentence on the rows left out (empty: none)."""
    comparisons = ordered(analysis)
    shown = comparisons[:max_rows]
    level = {each.shown.level for each in comparisons}
    table = Table(
        caption="Against the baseline",
        head="Metric",
        columns=(
            "Baseline",
            "This run",
            "Difference",
            f"{max(level, default=0.95):.0%} interval",
            "Reading",
        ),
        rows=tuple(_row(each, run, analysis) for each in shown),
    )
    left_out = len(comparisons) - len(shown)
    return table, f"{numbers.plural(left_out, 'row')} not shown" if left_out else ""


def times_note(analysis: Analysis, table: Table) -> str:
    """What the times of ``table`` are and how well they were seen; empty where no time is compared."""
    if not any(_is_time(name) for name in analysis.against_run):
        return ""
    sight = sight_notes([table])
    return " ".join([TIMES_NOTE, *sight, *([_OF_BASELINE] if sight else [])])


def _is_time(metric: str) -> bool:
    return metric in CATALOG and CATALOG[metric].is_time


def ordered(analysis: Analysis) -> list[Comparison]:
    """The primary grader, cost and times, then the other graders: where rows are left out it is these."""
    others = [name for name in analysis.grader_ids if name != analysis.primary]
    names = [name for name in analysis.against_run if name not in others]
    return [each for name in (*names, *others) for each in analysis.against_run.get(name, ())]


def _row(comparison: Comparison, run: RunRecord, analysis: Analysis) -> Row:
    told = side_by_side(comparison, run, analysis)
    return Row(
        head=_head(comparison, analysis),
        cells=(told.baseline, told.candidate, told.difference, told.interval, told.reading),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """The figures of a comparison: both sides over their intervals, the difference or ratio, its interval, a reading.

    A remark that a reading would mislead without stands beside it, all others below.
    """

    baseline: Cell
    candidate: Cell
    difference: Cell
    interval: Cell
    reading: Cell


def side_by_side(comparison: Comparison, run: RunRecord, analysis: Analysis) -> SideBySide:
    decimals, shown = _decimals(comparison), comparison.shown
    if comparison.kind == "ratio":
        difference, interval = numbers.ratio_of(shown), numbers.ratio_interval(shown)
    else:
        noun = words.points_word(numbers.points(shown, signed=False))
        difference, interval = f"{numbers.points(shown)} {noun}", numbers.points_interval(shown)
    margin = margin_of(run.plan.suite, comparison.metric) if comparison.metric == analysis.primary else None
    reading = words.reading_text(comparison.reading, margin)
    if OTHER_PRICES in comparison.cautions:
        reading = f"{reading}, {OTHER_PRICES}"
    below = [caution for caution in comparison.cautions if caution != OTHER_PRICES]
    times = analysis.arm(comparison.candidate).times.get(comparison.metric)
    baseline = _side(comparison.metric, comparison.baseline_level, decimals)
    if is_drowned(times):
        return SideBySide(
            baseline=baseline,
            candidate=quantile_cell(times, "0.5"),
            difference=NOTHING,
            interval=NOTHING,
            reading=Cell(main=NOT_SHOWN),
        )
    return SideBySide(
        baseline=baseline,
        candidate=_side(comparison.metric, comparison.candidate_level, decimals, times),
        difference=Cell(main=difference, tone=_tone(comparison)),
        interval=Cell(main=interval or numbers.MISSING),
        reading=Cell(main=reading, below="; ".join(below)),
    )


def _decimals(comparison: Comparison) -> int:
    """Of two shares beside their difference, so that what is printed can be subtracted."""
    candidate, baseline = comparison.candidate_level, comparison.baseline_level
    if candidate is None or baseline is None or comparison.kind == "ratio":
        return numbers.percent_decimals(comparison.shown)
    return numbers.agreeing_decimals([candidate, baseline], [(candidate, baseline, comparison.shown)])


def _tone(comparison: Comparison) -> str:
    if not words.is_certain(comparison.reading):
        return ""
    return "better" if comparison.reading.startswith("better") else "worse"


def _head(comparison: Comparison, analysis: Analysis) -> str:
    """``answer``, ``Total time, low``"""
    title = metric_title(comparison.metric)
    return title if len(analysis.arms) == 1 else f"{title}, {analysis.arm(comparison.candidate).label}"


def metric_title(metric: str) -> str:
    if metric not in CATALOG:
        return metric
    title = CATALOG[metric].title
    if _is_time(metric):
        return f"{title}, median case"
    return f"{title} of {numbers.count(CALLS)} calls" if CATALOG[metric].unit is Unit.USD else title


def _side(metric: str, level: Estimate | None, decimals: int, seen: TimeFindings | None = None) -> Cell:
    """``seen``: what this client states of its error; None where that is not known."""
    if level is None:
        return NOTHING
    if metric not in CATALOG:
        return share_cell(level, decimals)
    match CATALOG[metric].unit:
        case Unit.MS:
            return time_cell(level, seen.error_ms("0.5") if seen else None)
        case Unit.USD:
            return Cell(main=numbers.usd(level.point * CALLS), below=numbers.usd_interval(level, CALLS))
    return tokens_cell(level)
