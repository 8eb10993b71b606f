"""The cases whose score changed between the baseline and another arm, losses first."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from evalharness.core.findings import CaseFlip
from evalharness.report import numbers
from evalharness.report.view import ArmView, View

NAV = "Changed cases"
TITLE = "Which cases changed?"
_CAP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipLine:
    """``link`` is the case's place in the table of all trials, percent-encoded."""

    case_id: str
    link: str
    change: str
    lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipList:
    """``lines`` are cut at a cap; ``more`` says how many are left out."""

    arm: ArmView
    summary: str
    lines: tuple[FlipLine, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    baseline: str
    lists: tuple[FlipList, ...]


def build(view: View) -> Flips | None:
    """The recommended arm's list; without one, every shown arm's."""
    if view.baseline is None:
        return None
    arms = [arm for arm in view.shown if arm.is_chosen and not arm.is_baseline]
    arms = arms or [arm for arm in view.shown if not arm.is_baseline]
    lists = [_list(arm, view.analysis.flips[arm.arm_id]) for arm in arms if view.analysis.flips.get(arm.arm_id)]
    if not lists and not view.analysis.flips:
        return None
    return Flips(baseline=view.baseline.spoken, lists=tuple(lists))


def _list(arm: ArmView, flips: tuple[CaseFlip, ...]) -> FlipList:
    lost = sum(flip.candidate_score < flip.baseline_score for flip in flips)
    won = len(flips) - lost
    return FlipList(
        arm=arm,
        summary=f"{arm.label}: {numbers.plural(lost, 'case')} lost, {numbers.count(won)} won",
        lines=tuple(_line(flip) for flip in flips[:_CAP]),
        more=max(0, len(flips) - _CAP),
    )


def _line(flip: CaseFlip) -> FlipLine:
    decimals = numbers.telling(flip.baseline_score * 100, flip.candidate_score * 100, 0)
    before, after = (numbers.percent(score, decimals) for score in (flip.baseline_score, flip.candidate_score))
    return FlipLine(
        case_id=flip.case_id,
        link="#case-" + quote(flip.case_id, safe=""),
        change=f"{before} to {after}",
        lost=flip.candidate_score < flip.baseline_score,
    )
