"""One run as a line of a list, from what its ``report.json`` says: for the index and the page of a suite's runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from evalharness.core.estimate import Estimate
from evalharness.core.findings import Outcome
from evalharness.core.run_summary import RunSummary
from evalharness.report import numbers

_KINDS = {"effort": "comparison", "single": "single run", "latency": "latency"}
#: Runs are compared by the thousand calls.
CALLS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """``verdict``: that of the gates, empty without any. ``decision``: beside a baseline and without gates what
    came of that. ``href`` is relative to the folder of all suites. ``state`` is empty for a finished run."""

    run_id: str
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
class Pages:
    """Pages that lie beside the reports, by what they are of: names of suites' folders, and of runs the ids of the
    baselines that they have a page against. Folders are named as in an address."""

    together: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    against: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def run_line(run: RunSummary) -> RunLine:
    over_arms = _over_arms(run)
    quality = run.quality
    cost, p95 = (None, None) if over_arms else (run.cost_usd, run.total_ms_p95)
    return RunLine(
        run_id=run.run_id,
        date=when(run),
        href=f"{folder_of(run)}/report.html",
        suite=run.suite,
        kind="against a baseline" if run.baseline_run else _KINDS.get(run.kind, ""),
        commit=run.commit[:10],
        verdict=run.verdict.capitalize(),
        decision=(not run.verdict and run.comparison) or run.heading,
        state="" if run.is_complete else run.state,
        simulated=run.simulated,
        arm=f"{run.n_arms} arms" if over_arms else run.arm,
        quality=over_arms or (numbers.share(quality) if quality else numbers.MISSING),
        quality_interval="" if over_arms or quality is None else numbers.share_interval(quality),
        cost=numbers.usd(cost.point * CALLS) if cost else numbers.MISSING,
        p95=numbers.duration(p95.point) if p95 else numbers.MISSING,
    )


def when(run: RunSummary) -> str:
    """``2026-11-20 14:02``"""
    return run.created_utc[:16].replace("T", " ")


def folder_of(run: RunSummary) -> str:
    """Relative to the folder of all suites, as in an address; nothing in a name leads out of it."""
    return f"{quote(run.suite, safe='')}/{quote(run.run_id, safe='')}"


def _over_arms(run: RunSummary) -> str:
    """``45% to 60%`` for a run of several arms that names none: no arm's own figures could stand for it."""
    if run.outcome != Outcome.NO_RULE or run.n_arms < 2 or run.quality_range is None or run.is_latency:
        return ""
    return " to ".join(numbers.percent(end, 0) for end in run.quality_range)


# ---------------------------------------------------------------- what a suite is about


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """``factor`` takes it to the unit of an axis: percent of shares."""

    title: str
    of: Callable[[RunSummary], Estimate | None]
    point: Callable[[Estimate], str]
    interval: Callable[[Estimate], str]
    factor: float = 1.0


QUALITY = Figure(
    title="Quality",
    of=lambda run: run.quality,
    point=numbers.share,
    interval=numbers.share_interval,
    factor=100.0,
)
GOOD = Figure(
    title="Good calls",
    of=lambda run: run.good_share,
    point=numbers.share,
    interval=numbers.share_interval,
    factor=100.0,
)
P95 = Figure(
    title="p95 of total time",
    of=lambda run: run.total_ms_p95,
    point=numbers.duration_of,
    interval=numbers.duration_interval,
)


def main_value(run: RunSummary, figure: Figure) -> tuple[str, str]:
    """The figure of one run and its interval; of several arms of which none is named the range of their scores."""
    found, over_arms = figure.of(run), _over_arms(run)
    if over_arms and figure is QUALITY:
        return over_arms, ""
    return (numbers.MISSING, "") if found is None else (figure.point(found), figure.interval(found))


def main_figure(newest: RunSummary) -> Figure:
    """What a suite is about: of latency runs the share of calls within the service level, else the p95."""
    if not newest.is_latency:
        return QUALITY
    return GOOD if newest.good_share else P95
