"""Static pages with the full text of every trial, for runs whose texts do not fit the report itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord, Score
from evalharness.report import numbers
from evalharness.report.charts.timeline import timeline_bars
from evalharness.report.document import STYLE_FILE, policy, style_element, stylesheet
from evalharness.report.phases import Phase
from evalharness.report.settings import ReportSettings
from evalharness.report.templates import render
from evalharness.report.trial_rows import TRIALS_PER_PAGE, TrialRow, TrialRows, level_names
from evalharness.report.trial_text import TrialText, trial_text
from evalharness.report.view import View, make_view
from evalharness.report.visible import direction
from evalharness.report.words import origin

#: The page over the pages.
INDEX = "index.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTrial:
    """``anchor``: its place on the page, by the row of the trial. ``parts``: heading, text and its direction;
    ``stretches``: title, bar and length."""

    anchor: str
    title: str
    status: str
    parts: tuple[tuple[str, str, str], ...]
    stretches: tuple[tuple[str, Markup, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePage:
    """One line of the page over the pages."""

    name: str
    n_trials: int
    first_case: str
    last_case: str


def side_page_name(page: int) -> str:
    """Of the page with that number, from 1."""
    return f"p{page:04d}.html"


def render_side_pages(run: RunRecord, analysis: Analysis, settings: ReportSettings) -> Iterator[tuple[str, str]]:
    """File names and texts of the pages, in the order of the report's table, and at last of the page over them. No
    script in them. One page at a time is held in memory."""
    view = make_view(run, analysis, settings)
    rows = TrialRows(view)
    style = None if settings.external_css else stylesheet()
    shared = {"policy": policy(style), "style": style_element(style, f"../{STYLE_FILE}"), "origin": origin(run)}
    suite, of = run.manifest.suite_name, numbers.plural(len(rows), "trial")
    starts = range(0, len(rows), TRIALS_PER_PAGE)
    pages = []
    for number, start in enumerate(starts, start=1):
        part = rows[start : start + TRIALS_PER_PAGE]
        last = numbers.count(start + len(part))
        pages.append(
            SidePage(
                name=side_page_name(number),
                n_trials=len(part),
                first_case=part[0].case.case_id,
                last_case=part[-1].case.case_id,
            )
        )
        yield (
            side_page_name(number),
            render(
                "side.html.j2",
                **shared,
                title=f"{suite}: trials {numbers.count(start + 1)} to {last} of {of}",
                before=side_page_name(number - 1) if number > 1 else "",
                after=side_page_name(number + 1) if number < len(starts) else "",
                trials=(_side_trial(row, start + place, view) for place, row in enumerate(part)),
            ),
        )
    yield INDEX, render("side_index.html.j2", **shared, title=f"{suite}: {of} in full", pages=pages)


def _side_trial(row: TrialRow, place: int, view: View) -> SideTrial:
    result = row.result
    texts = trial_text(row.case, result)
    reasons = dict(texts.reasons)
    scores = [_score(grader, score, reasons.get(grader, "")) for grader, score in sorted(result.scores.items())]
    names = level_names(view)
    level = [names[row.trial.step]] if names else []
    named = [row.case.case_id, view.arms[row.arm_index].label, *level, f"repeat {row.trial.repeat_index + 1}"]
    return SideTrial(
        anchor=f"t-{place}",
        title=" / ".join(named),
        status=result.status.value,
        parts=tuple((heading, text, direction(text)) for heading, text in _parts(texts, "\n".join(scores)) if text),
        stretches=_stretches(texts.phases),
    )


def _score(grader: str, score: Score, reason: str) -> str:
    given = "not graded" if score.value is None else f"{score.value:g}"
    return f"{grader} {given}{': ' if reason else ''}{reason}"


def _parts(texts: TrialText, scores: str) -> Iterator[tuple[str, str]]:
    yield "Failure", texts.failure
    yield "Expected", texts.expected
    for number, turn in enumerate(texts.turns, start=1):
        of_turn = f", turn {number}" if len(texts.turns) > 1 else ""
        yield f"Asked{of_turn}", turn.asked
        yield f"Reasoning summary{of_turn}", turn.summary
        yield f"Answer{of_turn}", turn.answer
        yield f"Tool calls{of_turn}", turn.tools
    yield "Scores", scores
    yield "Remarks", texts.remarks


def _stretches(phases: tuple[Phase, ...]) -> tuple[tuple[str, Markup, str], ...]:
    bars = timeline_bars([(phase.begin_ms, phase.end_ms, phase.stretch.role) for phase in phases])
    return tuple(
        (phase.title, bar, _length(phase.end_ms - phase.begin_ms)) for phase, bar in zip(phases, bars, strict=True)
    )


def _length(ms: float) -> str:
    """As the page's script writes times: one decimal below 10 ms, however short."""
    return f"{numbers.fixed(ms, 1)} ms" if ms < 9.95 else numbers.duration(ms)
