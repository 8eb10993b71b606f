"""The table of a run beside its baseline: both figures, their difference or ratio, its interval and its reading."""

from __future__ import annotations

from evalharness.core.findings import Analysis, Comparison, Estimate
from evalharness.core.record import RunRecord
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.report import numbers, words
from evalharness.report.cells import NOTHING, Cell, Row, Table, share_cell, tokens_cell
from evalharness.verdict.baseline_against import margin_of

CALLS = 1000


def comparison_table(run: RunRecord, analysis: Analysis, *, max_rows: int) -> tuple[Table, str]:
    """The table, and a sentence on the rows left out (empty: none)."""
    comparisons = _ordered(analysis)
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


def _ordered(analysis: Analysis) -> list[Comparison]:
    """The primary grader, cost and times, then the other graders: where rows are left out it is these."""
    others = [name for name in analysis.grader_ids if name != analysis.primary]
    names = [name for name in analysis.against_run if name not in others]
    return [each for name in (*names, *others) for each in analysis.against_run.get(name, ())]


def _row(comparison: Comparison, run: RunRecord, analysis: Analysis) -> Row:
    sides = comparison.baseline_level, comparison.candidate_level
    decimals = _decimals(comparison)
    shown = comparison.shown
    if comparison.kind == "ratio":
        difference, interval = numbers.ratio_of(shown), numbers.ratio_interval(shown)
    else:
        noun = words.points_word(numbers.points(shown, signed=False))
        difference, interval = f"{numbers.points(shown)} {noun}", numbers.points_interval(shown)
    margin = margin_of(run.plan.suite, comparison.metric) if comparison.metric == analysis.primary else None
    reading = Cell(main=words.reading_text(comparison.reading, margin), below="; ".join(comparison.cautions))
    return Row(
        head=_head(comparison, analysis),
        cells=(
            *(_side(comparison.metric, side, decimals) for side in sides),
            Cell(main=difference, tone=_tone(comparison)),
            Cell(main=interval or numbers.MISSING),
            reading,
        ),
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
    return f"{title} of {numbers.count(CALLS)} calls" if CATALOG[metric].unit is Unit.USD else title


def _side(metric: str, level: Estimate | None, decimals: int) -> Cell:
    if level is None:
        return NOTHING
    if metric not in CATALOG:
        return share_cell(level, decimals)
    match CATALOG[metric].unit:
        case Unit.MS:
            return Cell(main=numbers.duration_of(level), below=numbers.duration_interval(level))
        case Unit.USD:
            return Cell(main=numbers.usd(level.point * CALLS), below=numbers.usd_interval(level, CALLS))
    return tokens_cell(level)
