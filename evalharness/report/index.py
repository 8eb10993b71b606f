"""``reports/index.html``: every run at a glance, from the small ``report.json`` files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote

from markupsafe import Markup

from evalharness.core.model import Json
from evalharness.core.run_summary import RunSummary, summary_of
from evalharness.report.charts.history import Point, history_strip
from evalharness.report.document import policy, stylesheet
from evalharness.report.run_lines import QUALITY, Figure, Pages, RunLine, folder_of, main_figure, main_value, run_line
from evalharness.report.templates import render as render_template
from evalharness.report.templates import resource
from evalharness.report.view import scaled
from evalharness.report.words import SIMULATED
from evalharness.verdict.history import differing

_MAX_POINTS = 30
#: Of few runs nobody searches.
_FILTERED_FROM = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteLine:
    """A suite's newest run with the history of what the suite is about, oldest to the left.

    ``over_time``, ``side_by_side``, ``against``: addresses of its pages, empty where there is none. ``compare``: the
    command that compares the newest run with the one before it, empty for one run, and where ``against`` is that page.
    """

    newest: RunLine
    n_runs: int
    figure: str
    value: str
    interval: str
    history: Markup | None
    over_time: str
    side_by_side: str
    against: str
    compare: str


def render(reports: Sequence[Mapping[str, Json]], *, unreadable: int = 0, pages: Pages | None = None) -> str:
    """The page. ``unreadable`` counts files that were no report; they are mentioned, not hidden.

    Reports are in any order; an incomplete one is shown as far as it goes.
    """
    newest_first = sorted(map(_summary, reports), key=lambda run: (run.created_utc, run.run_id), reverse=True)
    suites: dict[str, list[RunSummary]] = {}
    for run in newest_first:
        suites.setdefault(run.suite, []).append(run)
    style, script = stylesheet() + resource("lists.css"), resource("common.js") + resource("index.js")
    runs = [run_line(run) for run in newest_first]
    return render_template(
        "index.html.j2",
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        simulated=SIMULATED,
        suites=[_suite_line(runs, pages or Pages()) for _, runs in sorted(suites.items())],
        runs=runs,
        has_verdicts=any(run.verdict for run in runs),
        has_filter=len(runs) >= _FILTERED_FROM,
        unreadable=unreadable,
    )


def _summary(report: Mapping[str, Json]) -> RunSummary:
    """Without the figures of single arms and gates: of a large sweep they are most of the file, and no line shows
    them."""
    return summary_of({**report, "arms": None, "gates": None})


def _suite_line(newest_first: Sequence[RunSummary], pages: Pages) -> SuiteLine:
    newest = newest_first[0]
    figure, line, folder = main_figure(newest), run_line(newest), quote(newest.suite, safe="")
    value, interval = main_value(newest, figure)
    is_of_one_arm = figure is QUALITY and newest.n_arms > 1 and bool(newest.arm and interval)
    before = newest_first[1].run_id if len(newest_first) > 1 else ""
    has_page = before in pages.against.get(folder_of(newest), ())
    return SuiteLine(
        newest=line,
        n_runs=len(newest_first),
        figure=f"{figure.title} of {newest.arm}" if is_of_one_arm else figure.title,
        value=value,
        interval=interval,
        history=_strip(list(reversed(newest_first[:_MAX_POINTS])), figure),
        over_time=f"{folder}/trend.html" if folder in pages.history else "",
        side_by_side=f"{folder}/together.html" if folder in pages.together else "",
        against=f"{folder_of(newest)}/vs-{quote(before, safe='')}.html" if has_page else "",
        compare=f"evalharness compare {before} {newest.run_id} --format html" if before and not has_page else "",
    )


def _strip(oldest_first: Sequence[RunSummary], figure: Figure) -> Markup | None:
    """None for less than two runs with the figure."""
    found = [(run, estimate) for run in oldest_first if (estimate := figure.of(run)) is not None]
    if len(found) < 2:
        return None
    broken = [False, *(_is_other(before, after) for (before, _), (after, _) in pairwise(found))]
    return history_strip(
        [
            Point(value=scaled(estimate, figure.factor), broken=breaks, whole=run.is_complete)
            for (run, estimate), breaks in zip(found, broken, strict=True)
        ]
    )


def _is_other(before: RunSummary, after: RunSummary) -> bool:
    """Whether two runs measured different things, or name different arms."""
    return bool(differing(before, after)) or before.arm != after.arm
