"""The cases whose score changed, to be read: what was asked, both answers with the words that differ, what the graders
said. Losses first, the worst first. A run with nothing to compare has the cases that failed in this place.

A single case is said to have regressed or improved only where its own repeats show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, islice

from markupsafe import Markup

from evalharness.core.findings import CaseFlip, CaseReading
from evalharness.core.record import RunRecord
from evalharness.report import numbers
from evalharness.report.case_reading import Answered, CaseReader, in_address
from evalharness.report.comparison_flips import flip_lines, lost_and_won, may_be_said, shown_among
from evalharness.report.text_diff import diff, opening
from evalharness.report.view import ArmView, View
from evalharness.verdict.baseline_changes import paired_arms

NAV = "Changed cases"
TITLE = "Which cases changed?"
#: Cases to be read in one list, and ids named after them.
_MOST_READ = 200
#: Of a longer list so many stand there; the others are folded, unless they are hardly more lines than the fold.
_UNFOLDED, _LEAST_FOLDED = 12, 4
_MOST_NAMED = 50
#: Characters shown of an answer, and of what was asked, expected or said about it.
_ANSWER = 1_200
_ASKED = 500
#: Bytes of the page for all of it: a small run has more, since its table of trials needs less. Each list takes its
#: share of what those before it left.
_ROOM, _MOST_ROOM, _ROOM_OF_A_TRIAL, _SHARE = 60_000, 120_000, 6, 2 / 3
#: About what the markup of one case takes besides its texts.
_MARKUP = 900
_TONES = {CaseReading.REGRESSED: "worse", CaseReading.IMPROVED: "better"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One answer. ``link``: its place in the table of all trials, empty for one of another run."""

    title: str
    link: str
    text: Markup
    reasons: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCase:
    """``anchor``: its id on the page. ``reading``: what its own repeats show of it, empty for nothing. ``note``: why no
    words are marked, where two answers have no marks."""

    case_id: str
    anchor: str
    reading: str
    tone: str
    change: str
    asked: Markup
    expected: Markup
    sides: tuple[Side, ...]
    note: str

    @property
    def size(self) -> int:
        """Bytes on the page, about."""
        texts = [self.asked, self.expected, *(text for side in self.sides for text in (side.text, side.reasons))]
        return _MARKUP + sum(len(text.encode("utf-8")) for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseList:
    """``arm`` None: nothing is compared. ``first``: its first case in words. ``named``: the ids that come next,
    ``more``: a sentence on all cases that are not shown; both empty where all are."""

    arm: ArmView | None
    summary: str
    first: str
    cases: tuple[ReadCase, ...]
    named: tuple[str, ...]
    more: str

    @property
    def n_unfolded(self) -> int:
        """Cases at the top of the list that are seen without unfolding the others."""
        n = len(self.cases)
        return n if n < _UNFOLDED + _LEAST_FOLDED else _UNFOLDED

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Each of ``named`` with its place in the table of all trials."""
        return tuple((case_id, "#case-" + in_address(case_id)) for case_id in self.named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lists of one kind. ``heading`` may be empty. ``nothing`` is said where there are none."""

    heading: str
    note: str
    nothing: str
    lists: tuple[CaseList, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """``worst``: the first case of all in words, and ``anchor`` its place, for the verdict to link to; empty where
    there is none."""

    nav: str
    title: str
    groups: tuple[Group, ...]
    worst: str
    anchor: str


def build(view: View) -> Flips | None:
    """Against the baseline run, then between the run's own arms; of a run without either, the cases that failed."""
    writer = _Writer(view)
    groups = [group for group in (_against_run(view, writer), _between_arms(view, writer)) if group is not None]
    nav, title = NAV, TITLE
    if not groups:
        failed = _failed(writer) if len(view.arms) == 1 and not view.analysis.run_flips else None
        if failed is None:
            return None
        groups, nav, title = [failed], "Failed cases", "Which cases failed?"
    if len(groups) > 1:
        groups[1] = replace(groups[1], heading="Between the arms of this run")
    first = next((each for group in groups for each in group.lists), None)
    return Flips(
        nav=nav,
        title=title,
        groups=tuple(groups),
        worst=first.first if first else "",
        anchor=first.cases[0].anchor if first else "",
    )


def _against_run(view: View, writer: _Writer) -> Group | None:
    moved, source = view.analysis.run_flips, view.analysis.baseline_run
    if not moved or source is None:
        return None
    lists = [writer.changed(arm, None, moved[arm.arm_id]) for arm in view.shown if moved.get(arm.arm_id)]
    said = [f"Mean score of a case in run {source.run_id} and in this one, of the same arm; losses first."]
    if lists:
        said += flip_lines(view.analysis)[1:]
        said += [_which_answers(view, source.run_id)]
    return Group(
        heading="Against the baseline run", note=" ".join(said), nothing="No case changed.", lists=tuple(lists)
    )


def _which_answers(view: View, baseline_id: str) -> str:
    if view.beside is not None:
        return " ".join(["The answer of the baseline stands first.", *_which_repeat(view)])
    return (
        "Shown is what this run answered; the answers of the baseline are kept in its own run alone, "
        f"where evalharness show {baseline_id} CASE prints them."
    )


def _between_arms(view: View, writer: _Writer) -> Group | None:
    """The arm that the verdict names comes first and has the most room."""
    base, flips = view.baseline, view.analysis.flips
    if base is None or not any(view.versus(arm_id) for arm_id in flips):
        return None
    named = view.analysis.decision.arm_id
    arms = sorted((arm for arm in view.shown if flips.get(arm.arm_id)), key=lambda arm: arm.arm_id != named)
    said = [f"Mean score of a case under {base.spoken} and under the other arm; losses first."]
    said += [may_be_said(chain.from_iterable(flips.values())), *_which_repeat(view)] if arms else []
    return Group(
        heading="",
        note=" ".join(said),
        nothing="No case changed.",
        lists=tuple(writer.changed(arm, base, flips[arm.arm_id]) for arm in arms),
    )


def _failed(writer: _Writer) -> Group | None:
    """None where nothing was scored."""
    n_scored = writer.reader.n_scored
    if not n_scored:
        return None
    found = writer.failed()
    repeats = "; of a case's repeats, the worst is shown" if writer.view.analysis.repeats > 1 else ""
    return Group(
        heading="",
        note=f"Lowest score first{repeats}." if found else "",
        nothing=f"No case failed: {numbers.plural(n_scored, 'case')} with a score.",
        lists=(found,) if found else (),
    )


def _which_repeat(view: View) -> list[str]:
    if view.analysis.repeats < 2:
        return []
    return ["Of a case's repeats, the higher side shows the one that scored most, the other the one that scored least."]


class _Writer:
    """Writes cases out as long as the page has room, and gives each a place of its own."""

    def __init__(self, view: View) -> None:
        self.view, self.reader = view, CaseReader(run=view.run, primary=view.analysis.primary)
        self._beside = None if view.beside is None else _Beside(view.beside, view)
        self._room = max(_ROOM, _MOST_ROOM - _ROOM_OF_A_TRIAL * len(view.run.plan.trials))
        self._taken: set[str] = set()

    def changed(self, arm: ArmView, base: ArmView | None, flips: Sequence[CaseFlip]) -> CaseList:
        """``base`` None: against the same arm of the baseline run."""
        lost, won = lost_and_won(flips)
        return self._list(
            arm,
            f"{arm.label}: {numbers.plural(lost, 'case')} lost, {numbers.count(won)} won{shown_among(flips)}",
            f"{'Worst loss' if lost else 'Largest gain'}{f' under {arm.spoken}' if arm.planned.key else ''}",
            [flip.case_id for flip in flips],
            (self._flip(flip, arm, base) for flip in flips),
        )

    def failed(self) -> CaseList | None:
        """Of the only arm; None where no case failed."""
        arm, found = self.view.arms[0], list(self.reader.failed())
        if not found:
            return None
        not_right = "not right in every repeat" if self.view.analysis.repeats > 1 else "not right"
        return self._list(
            None,
            f"{numbers.count(len(found))} of {numbers.plural(self.reader.n_scored, 'case')} {not_right}",
            "Worst failed case",
            [case_id for case_id, _ in found],
            (self._failed_case(case_id, score, arm) for case_id, score in found),
        )

    def _list(
        self, arm: ArmView | None, summary: str, first: str, ids: Sequence[str], written: Iterable[ReadCase]
    ) -> CaseList:
        room, cases = self._room * _SHARE, list[ReadCase]()
        for case in islice(written, _MOST_READ):
            if cases and case.size > room:
                break
            cases.append(replace(case, anchor=self._anchor(case.case_id)))
            room -= case.size
            self._room -= case.size
        left = ids[len(cases) :]
        return CaseList(
            arm=arm,
            summary=summary,
            first=f"{first}: {cases[0].case_id}, {cases[0].change}",
            cases=tuple(cases),
            named=tuple(left[:_MOST_NAMED]),
            more=self._more(len(left)) if left else "",
        )

    def _more(self, left: int) -> str:
        named = "" if left <= _MOST_NAMED else f", the next {_MOST_NAMED}"
        return (
            f"Not written out here: {numbers.plural(left, 'more case')}. Every trial is in the table of all trials, "
            f"and evalharness show {self.view.run.manifest.run_id} CASE prints a case. In the same order{named}:"
        )

    def _anchor(self, case_id: str) -> str:
        """One of its own for each: a case can be in the lists of several arms."""
        name = "case-" + in_address(case_id)
        free = next(each for each in chain([name], (f"{name}--{n}" for n in count(2))) if each not in self._taken)
        self._taken.add(free)
        return free

    def _flip(self, flip: CaseFlip, arm: ArmView, base: ArmView | None) -> ReadCase:
        is_lost = flip.candidate_score < flip.baseline_score
        after = self.reader.answered(flip.case_id, arm.planned, best=not is_lost)
        if base is not None:
            before = self.reader.answered(flip.case_id, base.planned, best=is_lost)
            titles = f"{base.label}, baseline", arm.label
        else:
            before = self._beside.answered(flip.case_id, arm, best=is_lost) if self._beside else None
            titles = "Baseline run", "This run"
        sides, note = [], ""
        if before and after:
            marked = diff(before.text, after.text, longest=_ANSWER)
            sides = [_side(titles[0], before, marked.before), _side(titles[1], after, marked.after)]
            note = marked.note
        elif after:
            sides = [_side(titles[1], after, opening(after.text, _ANSWER))]
        decimals = numbers.telling(flip.baseline_score * 100, flip.candidate_score * 100, 0)
        old, new = (numbers.percent(score, decimals) for score in (flip.baseline_score, flip.candidate_score))
        return self._case(
            flip.case_id,
            reading="" if flip.reading is CaseReading.CHANGED else flip.reading.value,
            tone=_TONES.get(flip.reading, ""),
            change=f"{old} to {new}",
            sides=tuple(sides),
            note=note,
        )

    def _failed_case(self, case_id: str, score: float, arm: ArmView) -> ReadCase:
        answer = self.reader.answered(case_id, arm.planned, best=False)
        sides = () if answer is None else (_side("Answer", answer, opening(answer.text, _ANSWER)),)
        return self._case(case_id, change=numbers.percent(score, 0), sides=sides)

    def _case(
        self, case_id: str, *, change: str, sides: tuple[Side, ...], reading: str = "", tone: str = "", note: str = ""
    ) -> ReadCase:
        return ReadCase(
            case_id=case_id,
            anchor="",  # given when the case is sure to be on the page
            reading=reading,
            tone=tone,
            change=change,
            asked=opening(self.reader.asked(case_id), _ASKED),
            expected=opening(self.reader.expected(case_id), _ASKED),
            sides=sides,
            note=note,
        )


class _Beside:
    """Answers of the run compared with; its trials have no place in the table of this page."""

    def __init__(self, run: RunRecord, view: View) -> None:
        self._reader = CaseReader(run=run, primary=view.analysis.primary)
        own, theirs = view.run.plan.arms, run.plan.arms
        pairs = paired_arms([arm.key for arm in own], [arm.key for arm in theirs])
        self._arms = {own[place].arm_id: theirs[other] for place, other in pairs.items()}

    def answered(self, case_id: str, arm: ArmView, *, best: bool) -> Answered | None:
        other = self._arms.get(arm.arm_id)
        found = None if other is None else self._reader.answered(case_id, other, best=best)
        return None if found is None else replace(found, link="")


def _side(name: str, answer: Answered, text: Markup) -> Side:
    return Side(
        title=f"{name}: {answer.judged}",
        link=answer.link,
        text=text or Markup("<small>no text</small>"),
        reasons=Markup("<br>").join(opening(answer.reasons, _ASKED).splitlines()),
    )
