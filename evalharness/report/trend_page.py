"""The page of a suite's runs over time: what changed, every figure drawn, every run with a link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from evalharness.core.history import History, Series
from evalharness.core.run_summary import Quantity
from evalharness.report import numbers
from evalharness.report.charts.history import ChangeMark, Level, Plot, Point, history_chart
from evalharness.report.document import policy, stylesheet
from evalharness.report.run_lines import RunLine, main_figure, main_value, run_line, when
from evalharness.report.templates import render as render_template
from evalharness.report.templates import resource
from evalharness.report.trend import (
    HistoryText,
    arms_table,
    change_sentence,
    factor,
    history_text,
    is_better,
    names_arms,
    series_title,
    size_text,
    written,
)
from evalharness.report.view import scaled
from evalharness.report.words import SIMULATED, listed

#: Charts of one question before the others are folded away.
_MOST_CHARTS = 6
_MOST_DESCRIBED = 12
_QUESTIONS = {
    "quality": "Did scores change?",
    "good_share": "Did the share of good calls change?",
    "total_ms_p95": "Did waiting change?",
    "cost_usd": "Did cost change?",
    "gate": "What did the gates measure?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Series of one metric: what was found in them, and their charts, of which ``folded`` come after the first."""

    title: str
    found: tuple[str, ...]
    charts: tuple[Markup, ...]
    folded: tuple[Markup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """``href`` is relative to the folder of the suite."""

    line: RunLine
    href: str
    value: str
    interval: str
    changed: str


def history_page(history: History) -> str:
    """One page. It needs no script; with it the theme can be turned and commands copied."""
    style, script = stylesheet() + resource("lists.css"), resource("common.js")
    text, questions = history_text(history), _questions(history)
    return render_template(
        "trend.html.j2",
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        simulated=SIMULATED,
        text=text,
        tone=_tone(history, text),
        questions=questions,
        rows=_rows(history),
        figure=main_figure(history.runs[-1]).title,
        arms=arms_table(history, most=len(history.runs[-1].arms)),
        has_arms=names_arms(history),
        compare=_compare(history),
        side_by_side=all(len(question.charts) == 1 for question in questions),
        has_verdicts=any(run.verdict for run in history.runs),
        has_breaks=any(series.broken for series in history.series),
    )


def _tone(history: History, text: HistoryText) -> str:
    """Of the newest change; empty without one."""
    newest = max(
        ((change.at, is_better(change, series)) for series in history.series for change in series.changes),
        default=None,
        key=lambda each: each[0],
    )
    if not text.changes or newest is None or newest[1] is None:
        return ""
    return "gate-pass" if newest[1] else "gate-fail"


def _rows(history: History) -> list[HistoryRow]:
    """Newest first."""
    rows, figure = [], main_figure(history.runs[-1])
    for place, (run, changed) in enumerate(zip(history.runs, history.changed, strict=True)):
        value, interval = main_value(run, figure)
        rows.append(
            HistoryRow(
                line=run_line(run),
                href=f"{quote(run.run_id, safe='')}/report.html",
                value=value,
                interval=interval,
                changed=listed(changed) or ("nothing" if place else numbers.MISSING),
            )
        )
    return rows[::-1]


def _compare(history: History) -> str:
    """The command that shows the cases behind the newest change, else behind the newest run; empty for one run."""
    changes = [change for series in history.series for change in series.changes]
    newest = max(changes, key=lambda change: change.at, default=None)
    places = (newest.before[-1], newest.at) if newest else (len(history.runs) - 2, len(history.runs) - 1)
    if places[0] < 0:
        return ""
    before, after = (history.runs[place].run_id for place in places)
    return f"evalharness compare {before} {after} --format html"


def _questions(history: History) -> list[Question]:
    questions = []
    for metric, title in _QUESTIONS.items():
        series = [each for each in history.series if each.metric == metric]
        if series:
            charts = [history_chart(_plot(each, history)) for each in series]
            questions.append(
                Question(
                    title=title,
                    found=tuple(_found(series, history)),
                    charts=tuple(charts[:_MOST_CHARTS]),
                    folded=tuple(charts[_MOST_CHARTS:]),
                )
            )
    return questions


def _found(series: Sequence[Series], history: History) -> list[str]:
    changes = sorted(
        ((change, each) for each in series for change in each.changes), key=lambda pair: pair[0].at, reverse=True
    )
    if changes:
        return [change_sentence(change, each, history.runs) for change, each in changes]
    tested = max(each.n_tested for each in series)
    if tested:
        return [f"No change found in {numbers.plural(tested, 'comparable run')}."]
    return ["Not searched: too few comparable runs in a row, or figures without an interval."]


# ---------------------------------------------------------------- a chart


def _plot(series: Series, history: History) -> Plot:
    scale = factor(series)
    points = [
        None
        if point is None
        else Point(value=scaled(point, scale), broken=place in series.broken, whole=run.is_complete)
        for place, (point, run) in enumerate(zip(series.points, history.runs, strict=True))
    ]
    write = _tick(series)
    roles = {True: "better", False: "worse", None: "text"}
    return Plot(
        title=series_title(series),
        desc=_description(series, history),
        points=points,
        ends=(when(history.runs[0])[:10], when(history.runs[-1])[:10] if len(history.runs) > 1 else ""),
        write=write,
        is_positive=series.quantity in (Quantity.TIME, Quantity.MONEY, Quantity.RATIO),
        changes=[
            ChangeMark(at=change.at, label=size_text(change, series), role=roles[is_better(change, series)])
            for change in series.changes
        ],
        levels=[
            Level(value=level * scale, first=places[0], last=places[-1])
            for change in series.changes
            for level, places in ((change.level_before, change.before), (change.level_after, change.after))
        ],
        limits=[(limit * scale, f"limit {write(limit * scale)}") for limit in series.allowed if limit is not None],
    )


def _tick(series: Series) -> Callable[[float], str]:
    match series.quantity:
        case Quantity.SHARE:
            return lambda value: f"{numbers.exact(value)}%"
        case Quantity.TIME:
            return numbers.duration_tick
        case Quantity.MONEY:
            return numbers.usd_tick
        case Quantity.RATIO:
            return lambda value: f"{numbers.exact(value)}{numbers.TIMES}"
    return numbers.exact


def _description(series: Series, history: History) -> str:
    """The newest runs with their figures, and every change."""
    known = [
        f"{when(run)} {written(series, point.point)}"
        for point, run in zip(series.points, history.runs, strict=True)
        if point is not None
    ]
    left_out = len(known) - _MOST_DESCRIBED
    also = f" The table below has the {numbers.plural(left_out, 'run')} before." if left_out > 0 else ""
    changes = " ".join(change_sentence(change, series, history.runs) for change in series.changes)
    return f"By run: {', '.join(known[-_MOST_DESCRIBED:])}.{also} {changes}".strip()
