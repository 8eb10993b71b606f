"""What a chart of waiting times has a row or curve for: an arm, or one level of load of an arm."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import ServiceLevel, Steadiness, StretchFindings, TimeDivision, TimeFindings
from evalharness.report.cells import Cell, Row, arm_row
from evalharness.report.charts.marks import Mark, swatch
from evalharness.report.load_words import level_text
from evalharness.report.palette import PLACES_IN_ORDER, SHAPES
from evalharness.report.view import ArmView, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """``stretch`` None: the arm over the whole run. ``group``: what heads the lanes of one arm among several."""

    arm: ArmView
    label: str
    mark: Mark
    group: str
    stretch: StretchFindings | None = None

    @property
    def swatch(self) -> Markup:
        return swatch(self.mark)

    @property
    def label_in_group(self) -> str:
        return self.label if self.stretch or not self.group else self.arm.label_in_group

    @property
    def full_label(self) -> str:
        """For sentences, where no heading says of which arm a level is."""
        return f"{self.group}, {self.label}" if self.stretch and self.group else self.label

    @property
    def family(self) -> str:
        """What the arm shares with all efforts of its ladder: model and variant."""
        return ", ".join(part for part in (self.group, self.arm.variant) if part)

    @property
    def divided(self) -> TimeDivision | None:
        return self.stretch.divided if self.stretch else self.arm.found.divided

    @property
    def service(self) -> ServiceLevel | None:
        return self.stretch.service if self.stretch else self.arm.found.service

    @property
    def steadiness(self) -> Steadiness | None:
        return self.stretch.steadiness if self.stretch else None

    @property
    def is_baseline(self) -> bool:
        return self.stretch is None and self.arm.is_baseline

    def times(self, metric: str) -> TimeFindings | None:
        found = self.stretch.times if self.stretch else self.arm.found.times
        return found.get(metric)

    def row(self, cells: list[Cell], strip: Markup | None = None) -> Row:
        if self.stretch is None:
            return arm_row(self.arm, cells, strip)
        return Row(head=self.label, cells=tuple(cells), swatch=self.swatch, strip=strip, group=self.group)


def has_steps(view: View) -> bool:
    """Whether the load had several levels, so that figures over the whole run would mix them."""
    return len({stretch.step for stretch in view.analysis.stretches}) > 1


def arm_lanes(view: View) -> list[Lane]:
    return [Lane(arm=arm, label=arm.label, mark=arm.mark, group=arm.group) for arm in view.shown]


def lanes(view: View) -> list[Lane]:
    """One for each arm; with steps one for each level of each arm, its place on the scale that of the level."""
    if not has_steps(view):
        return arm_lanes(view)
    several = len(view.shown) > 1
    found = []
    for arm in view.shown:
        stretches = view.analysis.stretches_of(arm.arm_id)
        for place, stretch in enumerate(stretches):
            level = f"stretch {stretch.step + 1}"
            if stretch.level is not None:
                level = level_text(stretch.level, stretch.level_unit)
            mark = step_mark(place, len(stretches))
            found.append(Lane(arm=arm, label=level, mark=mark, group=arm.label if several else "", stretch=stretch))
    return found


def step_mark(place: int, n: int) -> Mark:
    """Darker on white with every level; beyond seven neighbours share a colour and differ by dash."""
    if n <= 5:
        return Mark(sorted(PLACES_IN_ORDER[:5])[place])
    if n <= len(SHAPES):
        return Mark(place)
    step = place * len(SHAPES) / n
    return Mark(int(step), round((step % 1) * n / len(SHAPES)))
