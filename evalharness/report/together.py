"""Several latency runs side by side: one row for each run and arm, in every format. Nothing is compared by test.

The runs were made at different times, perhaps on different machines: what sets them apart may be the hour. The page
says so, and prints intervals, no readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalharness.core.errors import UsageError
from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report.cells import NOTHING, Cell, Row, Table
from evalharness.report.document import policy, stylesheet
from evalharness.report.lanes import has_steps
from evalharness.report.load_rows import (
    ACHIEVED,
    FIRST_P50,
    FIRST_P95,
    GOOD,
    HOLDS,
    TOTAL_P50,
    TOTAL_P95,
    LoadLine,
    knee_of,
    load_columns,
    load_note,
)
from evalharness.report.load_words import level_text
from evalharness.report.markdown_text import escaped, table_text
from evalharness.report.observed import short
from evalharness.report.settings import ReportSettings
from evalharness.report.templates import render as render_template
from evalharness.report.terminal_table import Writer, laid_out
from evalharness.report.terminal_table import load_columns as chosen_columns
from evalharness.report.view import View, make_view
from evalharness.report.words import SIMULATED, SIMULATED_SENTENCE

TITLE = "Latency runs side by side"
UNPAIRED = (
    "These runs are not paired: they were made one after the other, so a difference between two of them may be the "
    "hour's as well as the service's. Two intervals that overlap, or do not, are no test. For a comparison, put both "
    "into one run as arms: they then meet the same load in the same minutes."
)
_CAPTION = "Each run and arm"
_ERROR = "Stated error, first output"
#: What tells runs from each other, the verdict first; the rest is in their own reports.
_SHOWN = (GOOD, HOLDS, ACHIEVED, FIRST_P50, FIRST_P95, TOTAL_P50, TOTAL_P95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """``links``: of each run its id and where its own report lies, relative to the page."""

    table: Table
    notes: tuple[str, ...]
    simulated: str
    links: tuple[tuple[str, str], ...]


def together(runs: Sequence[tuple[RunRecord, Analysis]], links: Sequence[str]) -> Together:
    """Raises ``UsageError`` for a run that is no latency run: its times answer another question."""
    others = [run.manifest.run_id for run, analysis in runs if analysis.kind != "latency"]
    if others:
        raise UsageError(
            f"no latency run: {', '.join(others)}",
            hint="side by side stand runs whose load is open, timed or has levels; give the others without --together",
        )
    views = [make_view(run, analysis, ReportSettings()) for run, analysis in runs]
    table = _table(views)
    notes = [UNPAIRED, load_note(views[0], table), *_level_note(views)]
    return Together(
        table=table,
        notes=tuple(notes),
        simulated=_simulated(views),
        links=tuple(zip((view.run.manifest.run_id for view in views), links, strict=True)),
    )


def _simulated(views: Sequence[View]) -> str:
    """Which of them measured nothing real; empty where all did."""
    simulated = [view.run.manifest.run_id for view in views if view.run.manifest.simulated]
    if len(simulated) == len(views):
        return f"{SIMULATED}: {SIMULATED_SENTENCE}"
    named = ", ".join(simulated)
    return f"{SIMULATED}: the answers of {named} came from the built-in simulator." if simulated else ""


def _level_note(views: Sequence[View]) -> list[str]:
    if not any(has_steps(view) for view in views):
        return []
    return ["Of a run with several levels of load: the figures at the highest that holds, else at the lowest."]


def _table(views: Sequence[View]) -> Table:
    lines = [_line(view, place) for view in views for place in range(len(view.shown))]
    by_title = {column.title: column for column in load_columns(lines)}
    columns = [by_title[title] for title in _SHOWN if title in by_title]
    rows = tuple(_row(line, [*(column.cell(line) for column in columns), _error(line)]) for line in lines)
    return Table(caption=_CAPTION, head="Arm", columns=(*(column.title for column in columns), _ERROR), rows=rows)


def _line(view: View, place: int) -> LoadLine:
    """The arm at the highest level that holds for it, else at the lowest."""
    arm = view.shown[place]
    knee, stretches = knee_of(view, arm), view.analysis.stretches_of(arm.arm_id)
    holds = knee.holds_up_to if knee else None
    stretch = next((each for each in stretches if holds is None or each.level == holds), None)
    return LoadLine(view=view, arm=arm, stretch=stretch, knee=knee)


def _row(line: LoadLine, cells: list[Cell]) -> Row:
    """Runs head their arms; a run with levels says of which one the figures are."""
    manifest = line.view.run.manifest
    level = line.stretch.level if line.stretch and has_steps(line.view) else None
    unit = line.stretch.level_unit if line.stretch else None
    return Row(
        head=line.arm.label,
        cells=tuple(cells),
        notes=() if level is None else (f"at {level_text(level, unit)}",),
        swatch=line.arm.swatch,
        group=f"{manifest.suite_name}, {manifest.created_utc[:16].replace('T', ' ')} UTC, {manifest.run_id}",
    )


def _error(line: LoadLine) -> Cell:
    """What this client may be off by, for 99 of 100 calls of the run."""
    observer = line.view.analysis.observer
    spread = observer.errors.get("ttfo_ms") if observer else None
    return replace(NOTHING, below="not recorded") if spread is None else Cell(main=short(spread.p99_ms), below="p99")


# ---------------------------------------------------------------- formats


def page(found: Together) -> str:
    """One page without script, with links to the reports of the runs."""
    style = stylesheet()
    return render_template("together.html.j2", found=found, title=TITLE, policy=policy(style), style=Markup(style))


def markdown(found: Together) -> str:
    parts = [f"**{TITLE}**", *([f"**{escaped(found.simulated)}**"] if found.simulated else [])]
    return "\n\n".join([*parts, table_text(found.table), *(escaped(note) for note in found.notes)]) + "\n"


def terminal(found: Together, *, width: int, unicode: bool) -> str:
    writer = Writer(width=width, color=False, unicode=unicode, strips=False)
    several = len({row.head for row in found.table.rows}) > 1
    short_heads = tuple(
        replace(row, head=f"{row.group.rpartition(', ')[2]}{f' {row.head}' if several else ''}")
        for row in found.table.rows
    )
    table = replace(found.table, rows=short_heads)
    lines = [*writer.wrapped(TITLE), *writer.wrapped(found.simulated), ""]
    lines += laid_out(table, [], chosen_columns(table), writer)
    return "\n".join([*lines, "", *writer.wrapped(UNPAIRED)]) + "\n"
