"""What each step of effort buys: quality against cost and against time."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Estimate
from evalharness.report import numbers
from evalharness.report.charts.scatter import Dot, Panel, scatter
from evalharness.report.view import ArmView, View, percent_interval, scaled

NAV = "Trade-off"
TITLE = "What does each step buy?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """``panels`` are titles with their pictures."""

    panels: tuple[tuple[str, Markup], ...]
    joined: bool
    arms: tuple[ArmView, ...]


def build(view: View) -> Tradeoff | None:
    if len(view.arms) < 2:
        return None
    panels = [panel for panel in (_cost_panel(view), _time_panel(view)) if panel is not None]
    if not panels:
        return None
    drawn = tuple((panel.title, scatter(panel)) for panel in panels)
    return Tradeoff(panels=drawn, joined=_has_effort_axis(view), arms=view.shown)


def _has_effort_axis(view: View) -> bool:
    return len({arm.planned.effort for arm in view.arms}) > 1


def _cost_panel(view: View) -> Panel | None:
    points = [(arm, arm.found.cost_usd) for arm in view.shown]
    return _panel(view, "Quality against cost", "Cost per 1,000 calls, US$", points, factor=1000, money=True)


def _time_panel(view: View) -> Panel | None:
    """p95 where every arm's has both limits, else the median: which one is written on the axis."""
    p95 = [(arm, _quantile(arm, "0.95")) for arm in view.shown]
    if all(estimate is not None and estimate.upper is not None for _, estimate in p95):
        return _panel(view, "Quality against p95 total time", "p95 total time", p95)
    median = [(arm, _quantile(arm, "0.5")) for arm in view.shown]
    return _panel(view, "Quality against median total time", "Median total time", median)


def _quantile(arm: ArmView, q: str) -> Estimate | None:
    times = arm.found.times.get("total_ms")
    return times.quantiles.get(q) if times else None


def _panel(
    view: View,
    title: str,
    x_title: str,
    points: list[tuple[ArmView, Estimate | None]],
    *,
    factor: float = 1.0,
    money: bool = False,
) -> Panel | None:
    """None where fewer than two arms have both numbers."""
    dots = [
        Dot(
            label=arm.label,
            mark=arm.mark,
            x=scaled(x, factor),
            y=percent_interval(y),
            series=f"{arm.group}/{arm.planned.prompt}" if _has_effort_axis(view) else arm.arm_id,
            named=arm.is_baseline or arm.is_chosen,
        )
        for arm, x in points
        if x is not None and (y := view.quality(arm)) is not None
    ]
    if len(dots) < 2:
        return None
    write = _usd_tick if money else numbers.duration_tick
    return Panel(title=title, x_title=x_title, y_title=f"{view.quality_name}, %", write_x=write, dots=dots)


def _usd_tick(value: float) -> str:
    return "$" + f"{value:,.6f}".rstrip("0").rstrip(".")
