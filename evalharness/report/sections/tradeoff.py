"""What each step of effort buys: quality against cost and time, steps and their prices, arms not worth having, and
what choosing the effort case by case could gain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Estimate
from evalharness.report import numbers, sight
from evalharness.report.cells import Table
from evalharness.report.charts.bars import KeyEntry
from evalharness.report.charts.scatter import Dot, Panel, scatter
from evalharness.report.insight_tables import (
    efficient_summary,
    efficient_table,
    is_dominated,
    solved_table,
    steps_table,
)
from evalharness.report.insight_words import ordered_sentences, router_sentences
from evalharness.report.keys import arm_key
from evalharness.report.palette import effort_place
from evalharness.report.view import ArmView, View, percent_interval, scaled

NAV = "Trade-off"
TITLE = "What does each step buy?"


@dataclass(frozen=True, slots=True, kw_only=True)
class _GroupedPanel:
    """One measure for all arms: each dot with the name of its model's group."""

    title: str
    x_title: str
    y_title: str
    write_x: Callable[[float], str]
    dots: Sequence[tuple[str, Dot]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """``groups``: for each model its name (empty where there is one) and its panels, titles with their pictures."""

    groups: tuple[tuple[str, tuple[tuple[str, Markup], ...]], ...]
    joined: str
    hollow: bool
    key: tuple[KeyEntry, ...]
    steps: Table | None
    efficient: Table | None
    efficient_summary: str
    notes: tuple[str, ...]
    solved: Table | None
    routing: tuple[str, ...]


def build(view: View) -> Tradeoff | None:
    if len(view.arms) < 2 or not view.says_something:
        return None
    panels = [panel for panel in (_cost_panel(view), _time_panel(view)) if panel is not None]
    if not panels:
        return None
    names = list(dict.fromkeys(arm.group for arm in view.shown))
    groups = [(name, tuple(_drawn(panel, name) for panel in panels if _of_group(panel, name))) for name in names]
    return Tradeoff(
        groups=tuple(groups),
        joined=_joined(view),
        hollow=any(dot.hollow for panel in panels for _, dot in panel.dots),
        key=arm_key(view.shown),
        steps=steps_table(view),
        efficient=efficient_table(view),
        efficient_summary=efficient_summary(view),
        notes=tuple(ordered_sentences(view.analysis)),
        solved=solved_table(view),
        routing=tuple(router_sentences(view.analysis)),
    )


def _drawn(panel: _GroupedPanel, group: str) -> tuple[str, Markup]:
    """One model's dots on the axes of all."""
    dots, others = _of_group(panel, group), [dot for name, dot in panel.dots if name != group]
    picture = Panel(
        title=f"{panel.title}, {group}" if group else panel.title,
        x_title=panel.x_title,
        y_title=panel.y_title,
        write_x=panel.write_x,
        dots=dots,
        beside=others,
    )
    return panel.title, scatter(picture)


def _of_group(panel: _GroupedPanel, group: str) -> list[Dot]:
    return [dot for name, dot in panel.dots if name == group]


def _joined(view: View) -> str:
    """What the lines between markers say; empty where there are none."""
    if not _has_effort_axis(view):
        return ""
    if len({arm.variant for arm in view.shown}) < 2:
        return "The dotted line joins efforts in order."
    return "Each line joins the efforts of one variant in order."


def _has_effort_axis(view: View) -> bool:
    return len({arm.planned.effort for arm in view.arms}) > 1


def _cost_panel(view: View) -> _GroupedPanel | None:
    points = [(arm, arm.found.cost_usd) for arm in view.shown]
    return _panel(view, "Quality against cost", "Cost per 1,000 calls, US$", points, factor=1000, money=True)


def _time_panel(view: View) -> _GroupedPanel | None:
    """p95 where every arm's has both limits, else the median: which one is written on the axis."""
    p95 = [(arm, _quantile(arm, "0.95")) for arm in view.shown]
    if all(estimate is not None and estimate.upper is not None for _, estimate in p95):
        return _panel(view, "Quality against p95 total time", "p95 total time", p95)
    median = [(arm, _quantile(arm, "0.5")) for arm in view.shown]
    return _panel(view, "Quality against median total time", "Median total time", median)


def _quantile(arm: ArmView, q: str) -> Estimate | None:
    return sight.quantile(arm.found.times.get("total_ms"), q)


def _panel(
    view: View,
    title: str,
    x_title: str,
    points: list[tuple[ArmView, Estimate | None]],
    *,
    factor: float = 1.0,
    money: bool = False,
) -> _GroupedPanel | None:
    """None where fewer than two arms have both numbers."""
    joined = _has_effort_axis(view)
    found = [(arm, x, y) for arm, x in points if x is not None and (y := view.quality(arm)) is not None]
    if joined:
        found.sort(key=lambda entry: effort_place(entry[0].planned.effort or "") or 0)
    dots = [
        (
            arm.group,
            Dot(
                label=arm.label_in_group,
                mark=arm.mark,
                x=scaled(x, factor),
                y=percent_interval(y),
                series=arm.variant if joined else arm.arm_id,
                named=arm.is_baseline or arm.arm_id in view.named,
                hollow=is_dominated(view, arm),
            ),
        )
        for arm, x, y in found
    ]
    if len(dots) < 2:
        return None
    write = numbers.usd_tick if money else numbers.duration_tick
    y_title = f"{view.quality_name}, %"
    return _GroupedPanel(title=title, x_title=x_title, y_title=y_title, write_x=write, dots=dots)
