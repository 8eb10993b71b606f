"""Static pages with the full text of every trial, for runs whose texts do not fit the report itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report.document import policy, stylesheet
from evalharness.report.settings import ReportSettings
from evalharness.report.templates import render
from evalharness.report.trial_rows import TRIALS_PER_PAGE, TrialRow, TrialTable, full_text
from evalharness.report.view import View, make_view
from evalharness.report.words import origin

_TITLES = {
    "failure": "Failure",
    "output": "Answer",
    "expected": "Expected",
    "reasons": "Graders say",
    "summary": "Reasoning summary",
    "tools": "Tool calls",
    "input": "Input",
    "anomalies": "Remarks",
    "attempts": "Attempts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialText:
    """``anchor`` is the trial's id, which is a hash: safe in an attribute and in an address."""

    anchor: str
    title: str
    status: str
    parts: tuple[tuple[str, str], ...]


def render_side_pages(run: RunRecord, analysis: Analysis, settings: ReportSettings) -> Iterator[tuple[str, str]]:
    """File names and texts of the pages, 500 trials each, in the order of the report's table. No script in them."""
    view = make_view(run, analysis, settings)
    rows = TrialTable(view=view).rows
    style = stylesheet()
    for page, start in enumerate(range(0, len(rows), TRIALS_PER_PAGE), start=1):
        part = rows[start : start + TRIALS_PER_PAGE]
        text = render(
            "side.html.j2",
            policy=policy(style),
            style=Markup(style),
            title=f"{run.manifest.suite_name}: trials {start + 1} to {start + len(part)} of {len(rows)}",
            origin=origin(run),
            trials=[_trial_text(row, view) for row in part],
        )
        yield f"p{page:04d}.html", text


def _trial_text(row: TrialRow, view: View) -> TrialText:
    texts, result = full_text(row), row.result
    scores = ", ".join(
        f"{grader} {score.value:g}" if score.value is not None else f"{grader} not graded"
        for grader, score in sorted(result.scores.items())
    )
    return TrialText(
        anchor=row.trial.trial_id,
        title=f"{row.case.case_id} / {view.arms[row.arm_index].label} / {row.trial.repeat_index}",
        status=f"{result.status.value}{'; ' if scores else ''}{scores}",
        parts=tuple((title, texts[name]) for name, title in _TITLES.items() if name in texts),
    )
