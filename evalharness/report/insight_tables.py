"""Tables on what lies beyond one comparison: steps and their prices, efficient arms, which cases are solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Estimate, Price, Step
from evalharness.report import numbers
from evalharness.report.cells import (
    NO_UPPER_LIMIT,
    NOTHING,
    Cell,
    Row,
    Table,
    arm_row,
    extra_usd_cell,
    points_cell,
    share_cell,
)
from evalharness.report.insight_words import (
    PER_POINT,
    UNLIKELY,
    USD_PER_POINT,
    axes_text,
    front_text,
    price_reason,
    rivals_text,
    step_name,
)
from evalharness.report.view import ArmView, View
from evalharness.report.words import listed, metric_title

_MOST_NAMED = 2

# ---------------------------------------------------------------- steps


def steps_table(view: View) -> Table | None:
    """What each step gains, what it takes more, and that for each point; None without a step or without prices."""
    shown = {arm.arm_id for arm in view.shown}
    steps = [step for step in view.analysis.steps if {step.lower_arm, step.upper_arm} <= shown]
    priced = any(step.usd_per_score is not None for step in steps)
    timed = any(step.ms_per_score is not None for step in steps)
    if not priced and not timed:
        return None
    decimals = numbers.column_decimals(step.quality.shown for step in steps)
    unit = _unit(steps)
    rows = [
        step_row(
            view,
            step,
            (
                points_cell(step.quality, decimals),
                *(_cost_cells(step) if priced else ()),
                *(_time_cells(step, unit) if timed else ()),
            ),
        )
        for step in steps
    ]
    columns = ["Points gained"]
    columns += ["Extra cost per 1,000 calls", "Cost per point"] if priced else []
    columns += [f"Extra time, {unit.name}", f"Time per point, {unit.name}"] if timed else []
    note = (
        "Per point: what 1,000 calls cost more, and how much longer a call takes, for one point of score; only where "
        "the step is shown to gain and to take more. Extra time: of the typical case, failed calls infinitely late."
        f"{_open_ends(steps)}"
    )
    return Table(
        caption="What a step takes for what it gains", head="Step", columns=tuple(columns), rows=tuple(rows), note=note
    )


def step_row(view: View, step: Step, cells: Sequence[Cell], strip: Markup | None = None) -> Row:
    """One step's row: of efforts in a run of several models or variants under theirs, as ``low to medium``."""
    lower, upper = view.arm(step.lower_arm), view.arm(step.upper_arm)
    is_effort = lower.planned.effort != upper.planned.effort
    family = ", ".join(part for part in (upper.group, upper.variant) if part and is_effort)
    return Row(
        head=step_name(view.analysis, step),
        cells=tuple(cells),
        swatch=upper.swatch,
        strip=strip,
        group=family,
        within=f"{lower.planned.effort} to {upper.planned.effort}" if family else "",
    )


def _open_ends(steps: Sequence[Step]) -> str:
    """What an interval without an upper limit means, where there is one."""
    prices = [price.estimate for step in steps for price in (step.usd_per_score, step.ms_per_score) if price]
    said = ""
    if any(step.extra_ms is not None and step.extra_ms.upper is None for step in steps):
        said += f" {NO_UPPER_LIMIT}"
    if any(price is not None and price.upper is None for price in prices):
        said += " ≥ per point: the gain may be next to nothing."
    return said


def _cost_cells(step: Step) -> tuple[Cell, Cell]:
    return extra_usd_cell(step.extra_cost_usd), _price_cell(
        step.usd_per_score,
        lambda price: (numbers.usd(price.point * USD_PER_POINT), numbers.usd_interval(price, USD_PER_POINT)),
    )


@dataclass(frozen=True, slots=True)
class _Unit:
    """The unit of time that both columns are in. ``scale``: from milliseconds to it."""

    name: str
    scale: float


def _unit(steps: Sequence[Step]) -> _Unit:
    extra = [abs(step.extra_ms.point) for step in steps if step.extra_ms is not None]
    prices = [step.ms_per_score.estimate for step in steps if step.ms_per_score is not None]
    largest = max([*extra, *(price.point * PER_POINT for price in prices if price is not None)], default=0.0)
    return _Unit("ms", 1.0) if largest < 1000 else _Unit("s", 0.001)


def _time_cells(step: Step, unit: _Unit) -> tuple[Cell, Cell]:
    extra, first = step.extra_ms, NOTHING
    if extra is not None:
        first = Cell(
            main=numbers.bare(extra, unit.scale, signed=True),
            below=numbers.bare_interval(extra, unit.scale, signed=True),
        )
    per_point = unit.scale * PER_POINT
    return first, _price_cell(
        step.ms_per_score,
        lambda price: (numbers.bare(price, per_point), numbers.bare_interval(price, per_point)),
    )


def _price_cell(price: Price | None, written: Callable[[Estimate], tuple[str, str]]) -> Cell:
    if price is None:
        return NOTHING
    if price.estimate is None:
        return Cell(main=price_reason(price))
    main, below = written(price.estimate)
    return Cell(main=main, below=below)


# ---------------------------------------------------------------- efficient arms


def is_dominated(view: View, arm: ArmView) -> bool:
    place = view.analysis.front.places.get(arm.arm_id) if view.analysis.front else None
    return place is not None and place.front_share < UNLIKELY


def efficient_table(view: View) -> Table | None:
    """Whether each arm is worth having; None where that is not known, or where all are shown to be."""
    front = view.analysis.front
    if front is None:
        return None
    placed = [(arm, place) for arm in view.shown if (place := front.places.get(arm.arm_id)) is not None]
    if all(front_text(place) == "yes" for _, place in placed):
        return None
    rows = [
        arm_row(arm, [Cell(main=front_text(place)), Cell(main=rivals_text(view.analysis, place))])
        for arm, place in placed
    ]
    measured = {"quality": "score", "cost": "mean cost", "time": _time_axis(front.time_quantile)}
    axes = ", ".join(measured[axis] for axis in front.axes)
    note = (
        f"Efficient: no other arm is at least {axes_text(front.axes)}, and better in one of these ({axes}). Read from "
        f"draws of whole cases: yes in over {1 - UNLIKELY:.0%} of them, no in under {UNLIKELY:.0%}."
    )
    return Table(
        caption="Which arms are efficient?",
        head="Arm",
        columns=("Efficient", "Dominated by"),
        rows=tuple(rows),
        note=note,
    )


def efficient_summary(view: View) -> str:
    """``yes: medium and high; no: low; cannot tell: 9 arms``: all shown arms by their answer."""
    places = view.analysis.front.places if view.analysis.front else {}
    answers: dict[str, list[str]] = {"yes": [], "no": [], "cannot tell": []}
    for arm in view.shown:
        if arm.arm_id in places:
            answers[front_text(places[arm.arm_id])].append(arm.spoken)
    return "; ".join(
        f"{answer}: {listed(names) if len(names) <= _MOST_NAMED else numbers.plural(len(names), 'arm')}"
        for answer, names in answers.items()
        if names
    )


def _time_axis(q: float | None) -> str:
    title = metric_title("total_ms").lower()
    return title if q is None else f"median {title}" if q == 0.5 else f"p{100 * q:g} {title}"


# ---------------------------------------------------------------- solved cases


def solved_table(view: View) -> Table | None:
    """Which cases no arm solves, all do, and some; None without a ladder of arms, or for scores that are no shares."""
    found = view.analysis.router
    if found is None:
        return None
    shares = (found.solved.by_none, found.solved.flipping, found.solved.by_all)
    decimals = numbers.column_decimals(shares)
    tries = numbers.plural(len(found.arms), "arm")
    if len(found.arms) < len(view.arms):
        tries += f" from {view.arm(found.arms[0]).spoken} to {view.arm(found.arms[-1]).spoken}"
    if view.analysis.repeats > 1:
        tries += f" {numbers.TIMES} {numbers.plural(view.analysis.repeats, 'repeat')}"
    note = "Only cases that some tries solve and others do not can gain from choosing the arm."
    if found.n_left_out:
        note += f" Left out: {numbers.plural(found.n_left_out, 'case')} without a score in some arm."
    return Table(
        caption=f"Which cases are solved? {numbers.plural(found.n_cases, 'case')}, {tries}",
        head="Share of the cases",
        columns=("By no try of any arm", "By some tries", "By every try of every arm"),
        rows=(Row(head="Solved", cells=tuple(share_cell(share, decimals) for share in shares)),),
        note=note,
    )
