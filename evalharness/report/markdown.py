"""The report as Markdown for a job summary or a comment: the verdict, one table, the lost cases."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import gate_words
from evalharness.report.build import page_title, subtitle
from evalharness.report.cells import sight_notes
from evalharness.report.comparison_markdown import beside
from evalharness.report.gate_words import GatesText
from evalharness.report.insight_words import steps_line
from evalharness.report.markdown_text import (
    SUMMARY_BYTES,
    escaped,
    first_that_fits,
    folded,
    marker,
    report_place,
    table_text,
)
from evalharness.report.numbers import plural
from evalharness.report.sections.gates import plain_table
from evalharness.report.sections.result import excerpt
from evalharness.report.settings import ReportSettings
from evalharness.report.view import View, make_view
from evalharness.report.visible import shortened

_MAX_ROWS = 8
_MAX_GATES = 50
_MAX_LOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """How much is told: rows of arms and gates, the cases that were lost, all that is not verdict or table, and the
    longest sentence, in characters."""

    rows: int = _MAX_ROWS
    gates: int = _MAX_GATES
    lost: bool = False
    more: bool = True
    longest: int = 10_000


_SIZES = (
    _Size(lost=True),
    _Size(),
    _Size(gates=_MAX_ROWS),
    _Size(rows=2, gates=_MAX_ROWS),
    _Size(rows=2, gates=_MAX_ROWS, more=False),
    _Size(rows=0, gates=0, more=False, longest=300),
)


def render(
    run: RunRecord,
    analysis: Analysis,
    settings: ReportSettings | None = None,
    *,
    max_bytes: int = SUMMARY_BYTES,
    link: str = "",
) -> str:
    """``summary.md``, at most 60 kB. Over the cap details go first, then rows, and the text says so.

    ``max_bytes`` is ``COMMENT_BYTES`` for a comment. ``link``: the address of the whole report.

    Raises ``UsageError`` for a link that is none.
    """
    view = make_view(run, analysis, settings or ReportSettings())
    return first_that_fits((_text(view, size, link) for size in _SIZES), max_bytes)


def _text(view: View, size: _Size, link: str) -> str:
    verdict = view.verdict
    origin = [f"**{escaped(verdict.origin)}**"] if verdict.origin else []
    heading = f"**{escaped(shortened(verdict.heading, size.longest))}**"
    parts = [*_gates(view.gates, size, origin), heading] if view.gates else [heading, *origin]
    parts.append(escaped(shortened(verdict.lead, size.longest)))
    parts += _besides(view) if size.more else []
    if size.rows:
        table, left_out = excerpt(view, size.rows)
        parts.append(table_text(table))
        parts += [f"{left_out}; all are in the report."] if left_out else []
        parts += [escaped(note) for note in sight_notes([table])]
    parts += beside(view.run, view.analysis, size.rows) if size.more else []
    parts += _lost(view) if size.lost else ["Details were left out to keep this summary short; they are in the report."]
    title = shortened(f"{page_title(view.run, view.analysis)}. {subtitle(view)}", size.longest)
    parts.append(f"{escaped(title)} Run {escaped(view.run.manifest.run_id)}: {report_place(link)}.")
    return "\n\n".join([*parts, marker(view.run.manifest.suite_name)]) + "\n"


def _besides(view: View) -> list[str]:
    """What goes with the verdict: the next arms, the rule, what a step of effort brings, what to know first."""
    verdict = view.verdict
    parts = ["\n".join(f"- {escaped(bullet)}" for bullet in verdict.bullets)] if verdict.bullets else []
    parts += [escaped(verdict.rule)] if verdict.rule else []
    parts += [escaped(line)] if (line := steps_line(view.analysis)) else []
    if verdict.cautions:
        parts.append("Know this first:\n\n" + "\n".join(f"- {escaped(caution)}" for caution in verdict.cautions))
    return parts


def _gates(gates: GatesText, size: _Size, origin: list[str]) -> list[str]:
    """Verdict and lead, and as many gates as there is room for."""
    parts = [f"**{escaped(gates.heading)}**", *origin, escaped(shortened(gates.lead, size.longest))]
    if gates.lines and size.gates:
        told, left_out = gate_words.excerpt(gates.lines, size.gates)
        table = plain_table(told)
        parts += [table_text(table), *([escaped(table.note)] if table.note else [])]
        parts += [f"{left_out}; all are in the report."] if left_out else []
    return [*parts, *([escaped(gates.rule)] if gates.rule else [])]


def _lost(view: View) -> list[str]:
    """Up to ten cases that the recommended arm lost against the baseline, in a fence their names cannot close."""
    chosen = next((arm for arm in view.arms if arm.is_chosen and not arm.is_baseline), None)
    flips = view.analysis.flips.get(chosen.arm_id, ()) if chosen else ()
    lost = [flip for flip in flips if flip.candidate_score < flip.baseline_score]
    if chosen is None or view.baseline is None or not lost:
        return []
    title = f"{plural(len(lost), 'case')} scored lower under {escaped(chosen.spoken)} than under "
    title += escaped(view.baseline.spoken)
    return [folded(title, [flip.case_id for flip in lost], most=_MAX_LOST)]
