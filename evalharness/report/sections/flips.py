"""The cases whose score changed between the baseline and another arm, losses first. A single case is said to have
regressed or improved only where its own repeats show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from evalharness.core.findings import CaseFlip, CaseReading
from evalharness.report import numbers
from evalharness.report.comparison_flips import FEWEST_REPEATS, flip_lines, lost_and_won, shown_among
from evalharness.report.view import ArmView, View

NAV = "Changed cases"
TITLE = "Which cases changed?"
_CAP = 200
_TONES = {CaseReading.REGRESSED: "worse", CaseReading.IMPROVED: "better"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipLine:
    """``link`` is the case's place in the table of all trials, percent-encoded."""

    case_id: str
    link: str
    change: str
    reading: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipList:
    """``lines`` are cut at a cap; ``more`` says how many are left out."""

    arm: ArmView
    summary: str
    lines: tuple[FlipLine, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """``baseline``: the arm's name, empty where a run has no arms to compare. ``against_run``: this run's arms against
    the same arms of its baseline run ``run_id`` (empty: there is none), ``run_note`` what may be said of them."""

    baseline: str
    lists: tuple[FlipList, ...]
    note: str
    run_id: str = ""
    against_run: tuple[FlipList, ...] = ()
    run_note: str = ""


def build(view: View) -> Flips | None:
    """The recommended arm's list; without one, every shown arm's; and each shown arm's against the baseline run."""
    within = _within(view)
    moved, source = view.analysis.run_flips, view.analysis.baseline_run
    if not moved or source is None:
        return within
    return replace(
        within or Flips(baseline="", lists=(), note=""),
        run_id=source.run_id,
        against_run=tuple(_list(arm, moved[arm.arm_id]) for arm in view.shown if moved.get(arm.arm_id)),
        run_note=" ".join(flip_lines(view.analysis)[1:]),
    )


def _within(view: View) -> Flips | None:
    if view.baseline is None:
        return None
    arms = [arm for arm in view.shown if arm.is_chosen and not arm.is_baseline]
    arms = arms or [arm for arm in view.shown if not arm.is_baseline]
    lists = [_list(arm, view.analysis.flips[arm.arm_id]) for arm in arms if view.analysis.flips.get(arm.arm_id)]
    if not lists and not view.analysis.flips:
        return None
    return Flips(baseline=view.baseline.spoken, lists=tuple(lists), note=_note(view) if lists else "")


def _note(view: View) -> str:
    """What may be said of one case."""
    if view.analysis.repeats < FEWEST_REPEATS or not view.share_right:
        return (
            "Changed is all that can be said of one case here: whether a case got worse or was unlucky takes "
            f"{FEWEST_REPEATS} repeats or more, answers that are right or wrong, and a test of its own."
        )
    return (
        "Regressed, improved: shown by a case's own repeats (Fisher's test, on average at most one in ten of "
        "these words by chance). Changed: its score differs, which repeats that vary do by themselves."
    )


def _list(arm: ArmView, flips: tuple[CaseFlip, ...]) -> FlipList:
    lost, won = lost_and_won(flips)
    return FlipList(
        arm=arm,
        summary=f"{arm.label}: {numbers.plural(lost, 'case')} lost, {numbers.count(won)} won{shown_among(flips)}",
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
        reading=flip.reading.value,
        tone=_TONES.get(flip.reading, ""),
    )
