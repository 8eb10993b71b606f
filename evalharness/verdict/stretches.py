"""A latency run by stretch of load and arm: what was asked, what was sent, what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.findings import Met, ServiceLevel, Spread, StretchFindings
from evalharness.core.model import LevelUnit, Load, Status
from evalharness.metrics.table import Bools, Floats
from evalharness.verdict.division import time_division
from evalharness.verdict.late_starts import LateStarts, late_starts
from evalharness.verdict.service import Asked, service_level
from evalharness.verdict.spread import spread
from evalharness.verdict.steadiness import steadiness
from evalharness.verdict.view import RunView
from evalharness.verdict.waits import times_of

TIMES = ("ttfo_ms", "latency_ms", "total_ms")
#: Starts may fall behind the intended rate by this share.
RATE_SLACK = 0.01
#: Why a level says nothing of the service.
NOT_KEPT = "the rate was not kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a stretch asks of each endpoint."""

    value: float | None
    unit: LevelUnit | None

    def words(self) -> str:
        """``20/s``, ``8 in flight``; empty where there is no single level."""
        if self.value is None:
            return ""
        return f"{self.value:g}/s" if self.unit is LevelUnit.RATE_PER_S else f"{self.value:g} in flight"


def level(load: Load, step: int) -> Level:
    """For bursts the mean rate; none for ramps and traces, which have many."""
    if load.shape == "steps":
        return Level(value=load.levels[step], unit=load.level_unit)
    if load.shape == "closed":
        return Level(value=float(load.concurrency), unit=LevelUnit.CONCURRENCY)
    if load.shape == "burst" and load.size is not None and load.every_s:
        return Level(value=load.size / load.every_s, unit=LevelUnit.RATE_PER_S)
    return Level(value=load.rate_per_s, unit=LevelUnit.RATE_PER_S if load.rate_per_s else None)


def stretches(view: RunView, sought: Asked | None) -> tuple[StretchFindings, ...]:
    """By step: all arms together first, then each of several. Empty for runs that are no measurement of latency."""
    if not view.is_latency:
        return ()
    steps = np.unique(view.table.step).tolist()
    arms: Sequence[int | None] = [None, *(range(len(view.arms)) if len(view.arms) > 1 else ())]
    places = [(step, arm) for step in steps for arm in arms]
    rows = [_rows(view, step, arm) for step, arm in places]
    single = [len(arms) == 1 or arm is not None for _, arm in places]
    found = [_stretch(view, sought, step, arm, here) for (step, arm), here in zip(places, rows, strict=True)]
    trends = iter(steadiness(view, [here for here, alone in zip(rows, single, strict=True) if alone]))
    return tuple(
        replace(stretch, steadiness=next(trends)) if alone else stretch
        for stretch, alone in zip(found, single, strict=True)
    )


def _rows(view: RunView, step: int, arm: int | None) -> Bools:
    rows = np.asarray(view.table.step == step)
    return rows if arm is None else rows & view.rows(arm)


def _stretch(view: RunView, sought: Asked | None, step: int, arm: int | None, rows: Bools) -> StretchFindings:
    asked_of, moments = level(view.suite.load, step), view.moments
    wall_s = moments.wall_s(rows)
    n_ended = int(moments.ended(rows).sum())
    pace = _pace(view, rows, asked_of)
    return StretchFindings(
        step=step,
        arm_id=None if arm is None else view.arms[arm].arm_id,
        level=asked_of.value,
        level_unit=asked_of.unit,
        n_sent=int(moments.sent(rows).sum()),
        n_ended=n_ended,
        n_failed=int((rows & view.table.has_status(Status.ERROR)).sum()),
        wall_s=wall_s,
        intended_per_s=pace.intended_per_s,
        starts_per_s=pace.starts_per_s,
        ends_per_s=None if wall_s is None else n_ended / wall_s,
        in_flight=moments.in_flight(rows),
        output_tokens_per_s=_tokens_per_s(view, rows, "output_tokens", wall_s),
        visible_tokens_per_s=_tokens_per_s(view, rows, "visible_tokens", wall_s),
        times=times_of(view, TIMES, rows),
        service=_service(view, sought, rows, pace),
        dispatch_lag=pace.lag,
        rate_kept=pace.kept,
        rate_sentence=pace.sentence,
        divided=time_division(view, rows),
    )


def _service(view: RunView, sought: Asked | None, rows: Bools, pace: Pace) -> ServiceLevel | None:
    """A level whose rate was not kept was not tried: it is neither met nor missed, and total times hold the client's
    own delay. Without levels the run is judged as it was, and says that the rate was not kept."""
    if sought is None:
        return None
    found = service_level(view, sought, rows)
    if view.suite.load.shape != "steps" or pace.kept is not False:
        return found
    limits = tuple(replace(limit, met=Met.UNTRIED, reason=NOT_KEPT) for limit in found.limits)
    return replace(found, met=Met.UNTRIED, reason=NOT_KEPT, limits=limits)


# ---------------------------------------------------------------- the asked rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """As the fields of ``StretchFindings``; ``lag``, ``kept`` and ``sentence`` are of open loops."""

    intended_per_s: float | None = None
    starts_per_s: float | None = None
    lag: Spread | None = None
    kept: bool | None = None
    sentence: str | None = None


def _pace(view: RunView, rows: Bools, asked_of: Level) -> Pace:
    """Compared with the intended starts and not with the level: Poisson starts have their own number a minute."""
    began = rows & ~np.isnan(view.moments.lag_ms)
    starts_per_s = _per_s(view.moments.begun_s(rows))
    if not view.suite.load.is_open:
        return Pace(starts_per_s=starts_per_s)
    intended_per_s = _per_s(view.moments.intended_s[began])
    lag = spread(view.moments.lag_ms[began])
    latency = view.table.metrics["latency_ms"][rows]
    median_ms = float(np.nanmedian(latency)) if (~np.isnan(latency)).any() else None
    late = late_starts(view.moments.lag_ms[began], median_ms)
    delays = _delays(intended_per_s, starts_per_s, late)
    return Pace(
        intended_per_s=intended_per_s,
        starts_per_s=starts_per_s,
        lag=lag,
        kept=None if lag is None else not delays,
        sentence=_pace_sentence(asked_of, delays) if delays else None,
    )


def _per_s(moments_s: Floats) -> float | None:
    """From the first to the last of them; None where that is no time."""
    span_s = float(np.ptp(moments_s)) if len(moments_s) else 0.0
    return (len(moments_s) - 1) / span_s if span_s > 0 else None


def _delays(intended_per_s: float | None, starts_per_s: float | None, late: LateStarts | None) -> list[str]:
    """In which ways the client was too slow, as clauses; empty where it kept the rate."""
    clauses = []
    if intended_per_s and starts_per_s and starts_per_s < (1 - RATE_SLACK) * intended_per_s:
        behind = 1 - starts_per_s / intended_per_s
        clauses.append(f"trials started at a rate {behind:.0%} lower than intended")
    if late is not None:
        clauses.append(late.words())
    return clauses


def _pace_sentence(asked_of: Level, delays: Sequence[str]) -> str:
    of_level = f" of {asked_of.words()}" if asked_of.value is not None else ""
    return (
        f"The client did not keep the rate{of_level}: {' and '.join(delays)}. "
        "Total times include this delay of the client."
    )


# ---------------------------------------------------------------- what came back


def _tokens_per_s(view: RunView, rows: Bools, metric: str, wall_s: float | None) -> float | None:
    answered = view.moments.ended(rows) & ~view.table.has_status(Status.ERROR)
    counts = view.table.metrics[metric][answered]
    if wall_s is None or not len(counts) or np.isnan(counts).any():
        return None
    return float(counts.sum()) / wall_s
