"""``reports/index.html``: every run at a glance, from the small ``report.json`` files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from evalharness.core.findings import Estimate, Outcome
from evalharness.core.model import Json
from evalharness.report import numbers
from evalharness.report.charts.course import Point, history
from evalharness.report.document import policy, stylesheet
from evalharness.report.templates import render as render_template
from evalharness.report.view import percent_interval
from evalharness.report.words import SIMULATED

_MAX_POINTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """``verdict``: that of the gates, empty without any."""

    date: str
    href: str
    suite: str
    kind: str
    commit: str
    verdict: str
    decision: str
    state: str
    simulated: bool
    arm: str
    quality: str
    quality_interval: str
    cost: str
    p95: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteLine:
    """A suite's newest run with its history of quality, oldest to the left."""

    newest: RunLine
    n_runs: int
    history: Markup | None


def render(reports: Sequence[Mapping[str, Json]], *, unreadable: int = 0, together: Sequence[str] = ()) -> str:
    """The page. ``unreadable`` counts files that were no report; they are mentioned, not hidden. ``together``: folders
    of suites that have a page of runs side by side.

    Reports are in any order; an incomplete one is shown as far as it goes.
    """
    newest_first = sorted(
        reports, key=lambda report: (_text(report, "created_utc"), _text(report, "run_id")), reverse=True
    )
    suites: dict[str, list[Mapping[str, Json]]] = {}
    for report in newest_first:
        suites.setdefault(_text(report, "suite"), []).append(report)
    style = stylesheet()
    runs = [_run_line(report) for report in newest_first]
    return render_template(
        "index.html.j2",
        policy=policy(style),
        style=Markup(style),
        simulated=SIMULATED,
        suites=[_suite_line(runs) for _, runs in sorted(suites.items())],
        runs=runs,
        has_verdicts=any(run.verdict for run in runs),
        unreadable=unreadable,
        together=[(folder, f"{quote(folder, safe='')}/together.html") for folder in together],
    )


def _suite_line(newest_first: Sequence[Mapping[str, Json]]) -> SuiteLine:
    recent = list(reversed(newest_first[:_MAX_POINTS]))
    points = []
    before: Mapping[str, Json] | None = None
    for report in recent:
        estimate = _estimate(report, "quality")
        if estimate is None:
            continue
        points.append(Point(quality=percent_interval(estimate), broken=before is not None and _differs(before, report)))
        before = report
    return SuiteLine(
        newest=_run_line(newest_first[0]),
        n_runs=len(newest_first),
        history=history(points) if len(points) > 1 else None,
    )


def _differs(before: Mapping[str, Json], after: Mapping[str, Json]) -> bool:
    """Whether two runs measured different things: cases, graders, metric or arm changed."""
    return any(before.get(name) != after.get(name) for name in ("cases_hash", "graders_hash", "metric", "arm"))


def _run_line(report: Mapping[str, Json]) -> RunLine:
    quality, cost, p95 = (_estimate(report, name) for name in ("quality", "cost_usd", "total_ms_p95"))
    over_arms = _over_arms(report)
    if over_arms:
        cost = p95 = None
    suite, run_id = _text(report, "suite"), _text(report, "run_id")
    return RunLine(
        date=_text(report, "created_utc")[:16].replace("T", " "),
        href=f"{quote(suite, safe='')}/{quote(run_id, safe='')}/report.html",
        suite=suite,
        kind={"effort": "comparison", "single": "single run", "latency": "latency"}.get(_text(report, "kind"), ""),
        commit=_text(report, "commit")[:10],
        verdict=_text(report, "verdict").capitalize(),
        decision=_text(report, "heading"),
        state="" if report.get("state") == "complete" else _text(report, "state"),
        simulated=report.get("simulated") is True,
        arm=f"{report['n_arms']} arms" if over_arms else _text(report, "arm"),
        quality=over_arms or (numbers.share(quality) if quality else numbers.MISSING),
        quality_interval="" if over_arms or quality is None else numbers.share_interval(quality),
        cost=numbers.usd(cost.point * 1000) if cost else numbers.MISSING,
        p95=numbers.duration(p95.point) if p95 else numbers.MISSING,
    )


def _over_arms(report: Mapping[str, Json]) -> str:
    """``45% to 60%`` for a run of several arms that names none: no arm's own figures could stand for it."""
    ends, n_arms = report.get("quality_range"), report.get("n_arms")
    if report.get("outcome") != Outcome.NO_RULE or not isinstance(n_arms, int) or n_arms < 2:
        return ""
    if not isinstance(ends, list) or len(ends) != 2 or not all(isinstance(end, (int, float)) for end in ends):
        return ""
    return " to ".join(numbers.percent(end, 0) for end in ends)


def _text(report: Mapping[str, Json], name: str) -> str:
    value = report.get(name)
    return value if isinstance(value, str) else ""


def _estimate(report: Mapping[str, Json], name: str) -> Estimate | None:
    """``[point, lower, upper]`` back; None for anything else."""
    value = report.get(name)
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], (int, float)):
        return None
    lower, upper = (limit if isinstance(limit, (int, float)) else None for limit in value[1:])
    return Estimate(point=value[0], lower=lower, upper=upper, method="", n=0, unit="")
