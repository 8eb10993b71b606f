"""The runs of a suite put in order: one series for each figure of each arm, and where its level changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter

import numpy as np

from evalharness.core.estimate import Estimate
from evalharness.core.history import History, LevelChange, Series
from evalharness.core.run_summary import ArmSummary, GateSummary, Quantity, RunSummary
from evalharness.stats.change_points import FEWEST_RUNS, change_points
from evalharness.stats.proportions import normal_quantile

#: More runs than these are not drawn; the newest are.
MOST_RUNS = 100
ALARM = 0.05
#: Parts of what was measured. One that differs between two runs breaks every line.
_MEASURED = ("cases", "graders", "prompts", "request", "model", "endpoint")
#: Parts that only some figures depend on, by figure.
_ALSO = {"total_ms_p95": ("load",), "good_share": ("load",), "cost_usd": ("prices",), "gate": ("load", "prices")}
#: What differs without being measured: said beside a change, breaks nothing.
_ALONGSIDE = ("client", "version", "reported model")
_BY_RATIO = (Quantity.TIME, Quantity.MONEY, Quantity.RATIO)


def differing(before: RunSummary, after: RunSummary, *, parts: Sequence[str] = _MEASURED) -> tuple[str, ...]:
    """What two runs did not measure alike, in words; empty where their figures can stand on one line."""
    found = [part for part in parts if before.hashes.get(part) != after.hashes.get(part)]
    return (*found, *(["metric"] if before.metric != after.metric else []))


def history(runs: Sequence[RunSummary], *, alarm: float = ALARM) -> History:
    """Of one suite, in any order. ``alarm`` is shared out over all stretches that are searched."""
    ordered = sorted(runs, key=lambda run: (run.created_utc, run.run_id))
    kept = tuple(ordered[-MOST_RUNS:])
    series = [_broken(each, kept) for each in _distinct([*_figures(kept), *_gates(kept)])]
    stretches = {place: _stretches(each, kept) for place, each in enumerate(series)}
    n_stretches = sum(map(len, stretches.values()))
    share = alarm / max(1, n_stretches)
    return History(
        suite=kept[-1].suite if kept else "",
        runs=kept,
        series=tuple(_searched(each, stretches[place], kept, share) for place, each in enumerate(series)),
        changed=tuple(_changed(kept)),
        alarm=alarm,
        n_stretches=n_stretches,
        n_older=len(ordered) - len(kept),
    )


def _changed(runs: Sequence[RunSummary]) -> Iterator[tuple[str, ...]]:
    """Nothing of the first run, and nothing where there is none."""
    yield from [()] * min(1, len(runs))
    for before, after in pairwise(runs):
        yield differing(before, after, parts=(*_MEASURED, "load", "prices", *_ALONGSIDE))


# ---------------------------------------------------------------- series


def _figures(runs: Sequence[RunSummary]) -> Iterator[Series]:
    """Of latency runs the figures of the run as a whole, at the level that it names; of others those of each arm."""
    if runs and runs[-1].is_latency:
        wanted: tuple[tuple[str, Quantity, bool], ...] = (
            ("good_share", Quantity.SHARE, True),
            ("total_ms_p95", Quantity.TIME, False),
            ("cost_usd", Quantity.MONEY, False),
            ("quality", Quantity.SHARE, True),
        )
        for metric, quantity, better in wanted:
            yield _series(runs, metric, quantity, better, "", attrgetter(metric))
        return
    labels = list(dict.fromkeys(arm.label for run in reversed(runs) for arm in run.arms))
    for metric, quantity, better in (
        ("quality", Quantity.SHARE, True),
        ("total_ms_p95", Quantity.TIME, False),
        ("cost_usd", Quantity.MONEY, False),
    ):
        for label in labels:
            name = label if len(labels) > 1 else ""
            yield _series(runs, metric, quantity, better, name, _of_arm(label, metric))


def _of_arm(label: str, metric: str) -> Callable[[RunSummary], Estimate | None]:
    def found(run: RunSummary) -> Estimate | None:
        arm: ArmSummary | None = next((arm for arm in run.arms if arm.label == label), None)
        return None if arm is None else getattr(arm, metric)

    return found


def _series(
    runs: Sequence[RunSummary],
    metric: str,
    quantity: Quantity,
    higher_is_better: bool,
    arm: str,
    found: Callable[[RunSummary], Estimate | None],
) -> Series:
    return Series(
        metric=metric,
        name=runs[-1].metric if metric == "quality" else "",
        arm=arm,
        quantity=quantity,
        points=tuple(map(found, runs)),
        higher_is_better=higher_is_better,
    )


def _gates(runs: Sequence[RunSummary]) -> Iterator[Series]:
    """Of each gate that the newest run with gates has."""
    newest = next((run.gates for run in reversed(runs) if run.gates), ())
    for gate in newest:
        if gate.quantity is None:
            continue
        yield Series(
            metric="gate",
            name=gate.subject,
            arm="",
            quantity=gate.quantity,
            points=tuple(_found(run, gate) for run in runs),
            higher_is_better=_direction(gate),
            allowed=gate.allowed,
        )


def _found(run: RunSummary, gate: GateSummary) -> Estimate | None:
    same = (each for each in run.gates if (each.subject, each.quantity) == (gate.subject, gate.quantity))
    return next((each.found for each in same), None)


def _direction(gate: GateSummary) -> bool | None:
    lower, upper = gate.allowed
    return None if (lower is None) == (upper is None) else lower is not None


def _distinct(series: Sequence[Series]) -> list[Series]:
    """Those with points; a gate on a figure that is shown already gives it its limit instead of a series."""
    kept: list[Series] = []
    for each in series:
        if all(point is None for point in each.points):
            continue
        twin = next((place for place, other in enumerate(kept) if _same_points(each, other)), None)
        if each.metric != "gate" or twin is None:
            kept.append(each)
        else:
            kept[twin] = replace(kept[twin], allowed=each.allowed)
    return kept


def _same_points(gate: Series, other: Series) -> bool:
    """Wherever the gate was judged; limits differ, since a gate's are those of its 90% interval."""
    pairs = [(own, theirs) for own, theirs in zip(gate.points, other.points, strict=True) if own is not None]
    return gate.quantity is other.quantity and all(
        theirs is not None and math.isclose(own.point, theirs.point, rel_tol=1e-5, abs_tol=1e-9)
        for own, theirs in pairs
    )


def _broken(series: Series, runs: Sequence[RunSummary]) -> Series:
    """Where a run with a point did not measure what the run with the point before it did."""
    parts = (*_MEASURED, *_ALSO.get(series.metric, ()))
    places = [place for place, point in enumerate(series.points) if point is not None]
    breaks = []
    for before, after in pairwise(places):
        old, new = runs[before], runs[after]
        other_baseline = series.metric == "gate" and old.baseline_run != new.baseline_run
        other_level = new.is_latency and old.arm != new.arm
        if differing(old, new, parts=parts) or other_baseline or other_level or old.kind != new.kind:
            breaks.append(after)
    return replace(series, broken=tuple(breaks))


# ---------------------------------------------------------------- changes of level


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Runs (by index) between two breaks, with values on the scale of their differences and standard errors."""

    places: tuple[int, ...]
    values: tuple[float, ...]
    errors: tuple[float, ...]


def _stretches(series: Series, runs: Sequence[RunSummary]) -> list[_Stretch]:
    """Those long enough to be searched. A run that is not complete, and one without an interval, is left out."""
    groups: list[list[tuple[int, float, float]]] = [[]]
    for place, point in enumerate(series.points):
        if place in series.broken:
            groups.append([])
        measured = None if point is None or not runs[place].is_complete else _measured(point, series.quantity)
        if measured is not None:
            groups[-1].append((place, *measured))
    long = (group for group in groups if len(group) >= FEWEST_RUNS)
    return [_Stretch(places=p, values=v, errors=e) for p, v, e in (zip(*group, strict=True) for group in long)]


def _measured(found: Estimate, quantity: Quantity) -> tuple[float, float] | None:
    """Value and standard error, of times, money and ratios in logarithms; with one limit only, its distance."""
    points = [found.point, found.lower, found.upper]
    if quantity in _BY_RATIO:
        points = [None if value is None or value <= 0 else math.log(value) for value in points]
    point, lower, upper = points
    if point is None or (lower is None and upper is None):
        return None
    sides = [abs(limit - point) for limit in (lower, upper) if limit is not None]
    error = sum(sides) / len(sides) / normal_quantile(found.level)
    return (point, error) if error > 0 else None


def _searched(series: Series, stretches: Sequence[_Stretch], runs: Sequence[RunSummary], alarm: float) -> Series:
    changes = [change for stretch in stretches for change in _changes(series, stretch, runs, alarm)]
    return replace(series, changes=tuple(changes), n_tested=sum(len(stretch.places) for stretch in stretches))


def _changes(series: Series, stretch: _Stretch, runs: Sequence[RunSummary], alarm: float) -> Iterator[LevelChange]:
    values, as_shown = np.array(stretch.values), math.exp if series.quantity in _BY_RATIO else float
    found = change_points(values, np.array(stretch.errors), alarm=alarm)
    edges = [0, *(change.at for change in found), len(values)]
    for change, start, end in zip(found, edges[:-2], edges[2:], strict=True):
        old, new = (runs[stretch.places[change.at - back]] for back in (1, 0))
        yield LevelChange(
            at=stretch.places[change.at],
            shift=_shown(change.estimate, as_shown),
            p_value=change.p_value,
            before=stretch.places[start : change.at],
            after=stretch.places[change.at : end],
            level_before=as_shown(float(values[start : change.at].mean())),
            level_after=as_shown(float(values[change.at : end].mean())),
            alongside=tuple(part for part in _ALONGSIDE if old.hashes.get(part) != new.hashes.get(part)),
        )


def _shown(shift: Estimate, as_shown: Callable[[float], float]) -> Estimate:
    """In the unit of the figures; the limits are there."""
    lower, upper = (None if limit is None else as_shown(limit) for limit in (shift.lower, shift.upper))
    return replace(shift, point=as_shown(shift.point), lower=lower, upper=upper)
