"""Up to which level of load does the service level hold?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from evalharness.core.findings import Knee, Met, StretchFindings
from evalharness.core.model import LevelUnit
from evalharness.verdict.narrowing import Between, narrowing
from evalharness.verdict.view import RunView


def knees(view: RunView, stretches: Sequence[StretchFindings]) -> tuple[Knee, ...]:
    """For all arms together, then for each of several; empty without steps or without a service level."""
    unit = view.suite.load.level_unit
    if view.suite.load.shape != "steps" or unit is None or view.suite.slo is None:
        return ()
    arm_ids = dict.fromkeys(stretch.arm_id for stretch in stretches)
    each_s = view.suite.load.each_s
    return tuple(
        knee([stretch for stretch in stretches if stretch.arm_id == arm_id], unit, each_s) for arm_id in arm_ids
    )


def knee(stretches: Sequence[StretchFindings], unit: LevelUnit, each_s: float | None = None) -> Knee:
    """``stretches``: one arm's, each with its level and verdict, of ``each_s`` seconds (None: ended by their trials).

    Two families of one-sided tests at 5%, each in an order fixed before the run, which stops at the first that is not
    shown: *holds* from the lowest level upward, *fails* from the highest downward. A false claim needs the first false
    hypothesis in that order to be rejected, which happens with 5%, however many levels there are: no correction.
    A service that is slow at 10/s and quick at 20/s thereby holds up to nothing. Source: Maurer, Hothorn and Lehmacher
    1995; Wiens 2003, Pharmaceutical Statistics 2:211.
    """
    rising = sorted(stretches, key=lambda stretch: stretch.level or 0.0)
    levels, met = tuple(stretch.level or 0.0 for stretch in rising), tuple(_met(stretch) for stretch in rising)
    n_held = len(list(takewhile(lambda one: one is Met.MET, met)))
    n_failed = len(list(takewhile(lambda one: one is Met.NOT_MET, reversed(met))))
    held, failed = levels[:n_held], levels[len(levels) - n_failed :]
    open_levels = rising[n_held : len(levels) - n_failed]
    between = Between(held=held, open=open_levels, failed=failed, unit=unit, each_s=each_s)
    return Knee(
        arm_id=rising[0].arm_id,
        level_unit=unit,
        levels=levels,
        met=met,
        holds_up_to=levels[n_held - 1] if n_held else None,
        fails_from=levels[-n_failed] if n_failed else None,
        sentence=_sentence(between),
        narrowing=narrowing(between),
    )


def _met(stretch: StretchFindings) -> Met:
    return Met.OPEN if stretch.service is None else stretch.service.met


def _sentence(between: Between) -> str:
    """``Holds up to 10/s; undecided at 20/s; shown to fail from 40/s (95% confidence each).``"""
    held, failed = between.held, between.failed
    sure = "" if held and failed else " (95% confidence)"
    clauses = []
    if held:
        highest = "" if between.open or failed else ", the highest level tried"
        clauses.append(f"holds up to {between.words(held[-1:])}{highest}{sure}")
    if between.open:
        levels = [stretch.level or 0.0 for stretch in between.open]
        start = f"from {between.words(levels[:1])} to" if len(levels) > 1 else "at"
        all_tried = "" if held or failed else ", all that was tried"
        clauses.append(f"undecided {start} {between.words(levels[-1:])}{all_tried}{_alone(between)}")
    if failed:
        lowest = "" if held or between.open else ", the lowest level tried"
        clauses.append(f"shown to fail {'from' if len(failed) > 1 else 'at'} {between.words(failed[:1])}{lowest}{sure}")
    said = "; ".join(clauses)
    return f"{said[0].upper()}{said[1:]}{' (95% confidence each)' if held and failed else ''}."


def _alone(between: Between) -> str:
    """Undecided is up to where it holds. Levels there that are met or missed by themselves are named: the table of
    levels says so of them, and would seem to contradict."""
    told = []
    for outcome in (Met.MET, Met.NOT_MET):
        levels = [stretch.level or 0.0 for stretch in between.open if _met(stretch) is outcome]
        if levels:
            told.append(f"{outcome} at {between.words(levels)}")
    return f" (taken alone: {', '.join(told)})" if told else ""
