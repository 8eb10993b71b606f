"""The report as Markdown for a job summary or a comment: the verdict, one table, the lost cases."""

from __future__ import annotations

import re

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import gate_words
from evalharness.report.build import page_title, subtitle
from evalharness.report.comparison_markdown import beside
from evalharness.report.gate_words import GatesText
from evalharness.report.insight_words import steps_line
from evalharness.report.markdown_text import escaped, folded, table_text
from evalharness.report.numbers import plural
from evalharness.report.sections.gates import plain_table
from evalharness.report.sections.result import excerpt
from evalharness.report.settings import ReportSettings
from evalharness.report.view import View, make_view
from evalharness.report.words import COARSE_NOTE

MAX_BYTES = 60_000
_MAX_ROWS = 8
_MAX_GATES = 50
_MAX_LOST = 10


def render(run: RunRecord, analysis: Analysis, settings: ReportSettings | None = None) -> str:
    """``summary.md``, at most 60 kB. Over the cap details go first, then rows, and the text says so."""
    view = make_view(run, analysis, settings or ReportSettings())
    for n_rows, n_gates, details in ((_MAX_ROWS, _MAX_GATES, True), (_MAX_ROWS, _MAX_GATES, False), (2, 8, False)):
        text = _text(view, n_rows, n_gates, details)
        if len(text.encode("utf-8")) <= MAX_BYTES:
            break
    return text


def _text(view: View, n_rows: int, n_gates: int, details: bool) -> str:
    verdict = view.verdict
    origin = [f"**{escaped(verdict.origin)}**"] if verdict.origin else []
    parts = [*_gates(view.gates, n_gates, origin), f"**{escaped(verdict.heading)}**"] if view.gates else []
    parts = parts or [f"**{escaped(verdict.heading)}**", *origin]
    parts.append(escaped(verdict.lead))
    if verdict.bullets:
        parts.append("\n".join(f"- {escaped(bullet)}" for bullet in verdict.bullets))
    parts += [escaped(verdict.rule)] if verdict.rule else []
    parts += [escaped(line)] if (line := steps_line(view.analysis)) else []
    if verdict.cautions:
        parts.append("Know this first:\n\n" + "\n".join(f"- {escaped(caution)}" for caution in verdict.cautions))
    table, left_out = excerpt(view, n_rows)
    parts.append(table_text(table))
    parts += [f"{left_out}; all are in the report."] if left_out else []
    parts += [escaped(COARSE_NOTE)] if table.has_coarse else []
    parts += beside(view.run, view.analysis, n_rows)
    parts += _lost(view) if details else ["Details were left out to keep this summary short; they are in the report."]
    title = f"{escaped(page_title(view.run, view.analysis))}. {escaped(subtitle(view))}"
    run_id = escaped(view.run.manifest.run_id)
    parts.append(f"{title} Run {run_id}: the whole report is report.html in its folder.")
    parts.append(f"<!-- evalharness:{re.sub('[^a-z0-9-]', '-', view.run.manifest.suite_name)} -->")
    return "\n\n".join(parts) + "\n"


def _gates(gates: GatesText, most: int, origin: list[str]) -> list[str]:
    """Verdict and lead, and at most so many gates."""
    parts = [f"**{escaped(gates.heading)}**", *origin, escaped(gates.lead)]
    if gates.lines:
        told, left_out = gate_words.excerpt(gates.lines, most)
        parts.append(table_text(plain_table(told)))
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
