"""Whether a difference in quality is real: every arm against the baseline, and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalharness.core.findings import Comparison, Estimate, Step, Trend
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Row, Table, arm_row, extra_usd_cell, points_cell, share_cell
from evalharness.report.charts.strip import forest_axis, forest_scale, forest_strip
from evalharness.report.insight_tables import step_row
from evalharness.report.insight_words import rising_sentence
from evalharness.report.view import FEW_ARMS, ArmView, View, percent_interval
from evalharness.report.words import listed, named, points_word, reading_text

NAV = "Quality"
TITLE = "Is the quality difference real?"
#: A grader of fewer cases gets a row, not a table.
FEW_CASES = 10
SINGLE_TITLE = "What does each grader say?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    title: str
    lead: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    others: tuple[Table, ...] = ()
    is_folded: bool = False


def build(view: View) -> Quality | None:
    """None where there is nothing to compare. ``others``: what graders but the first say, folded where it would be
    longer than what counts."""
    if not view.says_something:
        return None
    if len(view.arms) < 2:
        table = _single_table(view)
        return Quality(title=SINGLE_TITLE, lead="", tables=(table,), notes=()) if table else None
    alike, differing = _other_graders(view)
    tables = [table for table in (_versus_table(view), _steps_table(view)) if table is not None]
    if not tables and not alike and not differing:
        return None
    others = _others_tables(view, differing)
    return Quality(
        title=TITLE,
        lead=_lead(view),
        tables=tuple(tables),
        notes=(*_notes(view, bool(others)), *_alike_notes(alike)),
        others=others,
        is_folded=sum(len(table.rows) for table in others) > FEW_ARMS,
    )


def _lead(view: View) -> str:
    designs = {item.design for item in view.analysis.versus_baseline}
    if designs and not any("unpaired" in design for design in designs):
        paired = "Each case is judged in both arms, so how hard a case is cancels out. "
    else:
        paired = ""
    return f"{paired}An interval that crosses zero means this run cannot say which of the two is better."


def _notes(view: View, exploratory: bool) -> tuple[str, ...]:
    notes = []
    if view.margin:
        notes.append(f"Shaded: within {numbers.in_points(view.margin)}, the size the suite calls too small to matter.")
    if view.analysis.n_comparisons > 1:
        chance = numbers.significant(view.analysis.n_comparisons * 0.05, 2)
        joint = any(item.simultaneous for item in view.analysis.versus_baseline)
        notes.append(
            ("The intervals of one table hold for all its rows together. " if joint else "")
            + f"This report makes {view.analysis.n_comparisons} comparisons in all; read one by one at 95%, about "
            f"{chance} of them would look different by chance alone."
        )
    notes += _trend_notes(view)
    notes += dict.fromkeys(caution for item in view.analysis.versus_baseline for caution in item.cautions)
    if exploratory:
        notes.append("Graders other than the first are exploratory: they raise questions, they settle none.")
    return tuple(notes)


def _trend_notes(view: View) -> list[str]:
    """What a step of effort is worth over the whole ladder, and which steps went the other way."""
    found = view.analysis.trend
    if found is None:
        return []
    first, last = (named(view.arm(arm_id).label) for arm_id in (found.arms[0], found.arms[-1]))
    sentences = []
    if _is_even(found, view.analysis.steps):
        size = numbers.points(found.estimate)
        sentences.append(
            f"Over the {found.n_steps} steps from {first} to {last}, one step changes the score by"
            f" {size} {points_word(size.lstrip(numbers.MINUS + '+'))} on average"
            f" (95% CI {numbers.points_interval(found.estimate)}):"
            f" {reading_text(found.reading, view.margin)}."
        )
    if found.fell:
        # Each with its reading: a large sweep's table of steps does not have all of them.
        readings = {(step.lower_arm, step.upper_arm): step.quality.reading for step in view.analysis.steps}
        steps = "; ".join(
            f"{named(view.arm(lower).label)} to {named(view.arm(upper).label)}"
            f" ({reading_text(readings[lower, upper], view.margin)})"
            for lower, upper in found.fell
        )
        sentences.append(f"The score fell from {steps}.")
    if levelled := rising_sentence(view.analysis):
        sentences.append(levelled)
    return [" ".join(sentences), *found.cautions] if sentences else []


def _is_even(trend: Trend, steps: Sequence[Step]) -> bool:
    """Whether no step of the ladder is shown to be another than the average: else that describes none of them."""
    of_ladder = [step.quality.shown for step in steps if {step.lower_arm, step.upper_arm} <= set(trend.arms)]
    average = trend.estimate.point
    return all(
        (shown.lower is None or shown.lower <= average) and (shown.upper is None or average <= shown.upper)
        for shown in of_ladder
    )


def _versus_table(view: View) -> Table | None:
    shown = [(arm, view.versus(arm.arm_id)) for arm in view.shown]
    pairs = [(arm, comparison) for arm, comparison in shown if comparison is not None]
    if not pairs or view.baseline is None:
        return None
    margin = None if view.margin is None else view.margin * 100
    intervals = [percent_interval(comparison.shown) for _, comparison in pairs]
    scale = forest_scale(intervals, margin)
    decimals = numbers.column_decimals(comparison.shown for _, comparison in pairs)
    rows = [
        arm_row(
            arm,
            [
                *_difference_cells(comparison, decimals),
                Cell(main=numbers.count(comparison.gained)),
                Cell(main=numbers.count(comparison.lost)),
                Cell(main=reading_text(comparison.reading, view.margin)),
            ],
            forest_strip(interval, scale, arm.mark, margin),
        )
        for (arm, comparison), interval in zip(pairs, intervals, strict=True)
    ]
    return Table(
        caption=f"Each arm against {view.baseline.spoken}",
        head="Arm",
        columns=("Points", _ci_title(pairs[0][1].shown), "Cases won", "Cases lost", "Reading"),
        rows=tuple(rows),
        axis=forest_axis(scale, margin),
    )


def _steps_table(view: View) -> Table | None:
    steps = _shown_steps(view)
    if not steps or len(view.arms) < 3:
        return None
    margin = None if view.margin is None else view.margin * 100
    intervals = [percent_interval(step.quality.shown) for step in steps]
    scale = forest_scale(intervals, margin)
    decimals = numbers.column_decimals(step.quality.shown for step in steps)
    rows = []
    for step, interval in zip(steps, intervals, strict=True):
        reading = Cell(main=reading_text(step.quality.reading, view.margin))
        cells = [*_difference_cells(step.quality, decimals), extra_usd_cell(step.extra_cost_usd), reading]
        strip = forest_strip(interval, scale, view.arm(step.upper_arm).mark, margin)
        rows.append(step_row(view, step, cells, strip))
    return Table(
        caption="Each step against the one below it",
        head="Step",
        columns=("Points", _ci_title(steps[0].quality.shown), "Extra cost per 1,000", "Reading"),
        rows=tuple(rows),
        axis=forest_axis(scale, margin),
    )


def _shown_steps(view: View) -> Sequence[Step]:
    shown = {arm.arm_id for arm in view.shown}
    return [step for step in view.analysis.steps if step.lower_arm in shown and step.upper_arm in shown]


def _difference_cells(comparison: Comparison, decimals: int) -> tuple[Cell, Cell]:
    cell = points_cell(comparison, decimals)
    return Cell(main=cell.main, tone=cell.tone), Cell(main=cell.below)


def _ci_title(estimate: Estimate) -> str:
    return f"{estimate.level:.0%} CI"


def _other_graders(view: View) -> tuple[list[str], list[str]]:
    """Graders but the first: those that gave every case of every arm all there is to give, and the others."""
    others = [grader for grader in view.analysis.grader_ids if grader != view.analysis.primary]
    alike = [grader for grader in others if _is_full(view, grader)]
    return alike, [grader for grader in others if grader not in alike]


def _is_full(view: View, grader: str) -> bool:
    found = [arm.found.quality.get(grader) for arm in view.arms]
    return all(estimate is not None and estimate.point == 1.0 for estimate in found)


def _alike_notes(graders: Sequence[str]) -> list[str]:
    if not graders:
        return []
    named_graders = listed(f"“{grader}”" for grader in graders)
    return [f"By {named_graders} every scored answer of every arm gets 100%: nothing to compare."]


def _n_cases(view: View, grader: str) -> int:
    return max((found.n for arm in view.arms if (found := arm.found.quality.get(grader))), default=0)


def _others_tables(view: View, graders: Sequence[str]) -> tuple[Table, ...]:
    """Each grader's arms under its name; those that judge few cases share a table with one row each."""
    small = [grader for grader in graders if _n_cases(view, grader) < FEW_CASES]
    small = small if len(small) > 1 else []
    large = [grader for grader in graders if grader not in small]
    return (*_large_graders(view, large), *([_small_graders(view, small)] if small else []))


def _large_graders(view: View, graders: Sequence[str]) -> list[Table]:
    if not graders:
        return []
    compared = any(view.analysis.secondary.get(grader) for grader in graders)
    rows = [
        replace(row, group=", ".join(part for part in (grader, row.group) if part)) if len(graders) > 1 else row
        for grader in graders
        for row in _grader_rows(view, grader, compared)
    ]
    caption = "Other graders (exploratory)" if len(graders) > 1 else f"Grader “{graders[0]}” (exploratory)"
    columns = ("Mean score", "Difference, points", "Reading") if compared else ("Mean score",)
    return [Table(caption=caption, head="Arm", columns=columns, rows=tuple(rows))]


def _grader_rows(view: View, grader: str, compared: bool) -> list[Row]:
    """The grader's mean in every arm, and the difference from the baseline."""
    versus = {item.candidate: item for item in view.analysis.secondary.get(grader, ())}
    shares = [found for arm in view.shown if (found := arm.found.quality.get(grader))]
    decimals = numbers.column_decimals(shares)
    steps = numbers.column_decimals(item.shown for item in versus.values())
    return [
        arm_row(
            arm,
            [
                share_cell(arm.found.quality.get(grader), decimals),
                *(_secondary_cells(arm, versus, steps) if compared else ()),
            ],
        )
        for arm in view.shown
    ]


def _small_graders(view: View, graders: Sequence[str]) -> Table:
    """A row for each grader and a column for each arm: so few cases bear no table of their own."""
    rows = []
    for grader in graders:
        found = [arm.found.quality.get(grader) for arm in view.shown]
        decimals = numbers.column_decimals(estimate for estimate in found if estimate)
        cells = [Cell(main=numbers.count(_n_cases(view, grader)))]
        rows.append(Row(head=grader, cells=(*cells, *(share_cell(estimate, decimals) for estimate in found))))
    return Table(
        caption=f"Graders of under {FEW_CASES} cases (exploratory)",
        head="Grader",
        columns=("Cases", *(arm.label for arm in view.shown)),
        rows=tuple(rows),
        note="Mean scores.",
    )


def _secondary_cells(arm: ArmView, versus: dict[str, Comparison], decimals: int) -> tuple[Cell, ...]:
    if arm.is_baseline:
        return Cell(main="baseline"), NOTHING
    comparison = versus.get(arm.arm_id)
    reading = Cell(main=reading_text(comparison.reading, None)) if comparison else NOTHING
    return points_cell(comparison, decimals), reading


def _single_table(view: View) -> Table | None:
    arm = view.arms[0]
    rows = [
        Row(
            head=grader,
            cells=(share_cell(arm.found.quality.get(grader)),),
            notes=("primary",) if grader == view.analysis.primary else (),
        )
        for grader in view.analysis.grader_ids
    ]
    if len(rows) < 2:
        return None
    return Table(caption="Mean score by grader", head="Grader", columns=("Mean score",), rows=tuple(rows))
