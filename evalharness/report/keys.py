"""What shapes and dashes stand for, each once: arms that differ in several ways need no entry of their own."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.report.charts.bars import KeyEntry
from evalharness.report.charts.marks import Mark, dash_swatch, swatch
from evalharness.report.palette import effort_place
from evalharness.report.view import ArmView


def arm_key(arms: Sequence[ArmView]) -> tuple[KeyEntry, ...]:
    """An entry for each arm; where shapes are efforts and there are models or variants besides, one for each effort and
    each variant. Models need none: they head their rows and panels."""
    if not _by_effort(arms):
        return tuple(KeyEntry(label=arm.label, swatch=arm.swatch) for arm in arms)
    efforts = {arm.mark.place: arm.planned.effort or "" for arm in arms}
    variants = {arm.variant: arm.mark for arm in arms}
    entries = [KeyEntry(label=efforts[place], swatch=swatch(Mark(place))) for place in sorted(efforts)]
    if len(variants) > 1:
        entries += [KeyEntry(label=name, swatch=dash_swatch(mark)) for name, mark in variants.items()]
    return tuple(entries)


def _by_effort(arms: Sequence[ArmView]) -> bool:
    shapes = {arm.mark.place for arm in arms}
    return 1 < len(shapes) < len(arms) and all(effort_place(arm.planned.effort or "") == arm.mark.place for arm in arms)
