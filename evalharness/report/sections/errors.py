"""What went wrong: how every planned call ended, what failed, and whether the service did what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.findings import EffortEvidence
from evalharness.core.model import Status
from evalharness.metrics.table import failed_results
from evalharness.report import numbers
from evalharness.report.case_reading import in_address
from evalharness.report.cells import NOTHING, Cell, Row, Table, arm_row
from evalharness.report.view import FEW_ARMS, ArmView, View
from evalharness.report.visible import shortened
from evalharness.report.words import listed

NAV = "Errors"
TITLE = "What went wrong?"
_MOST_NAMED = 3
_REFUSED, _RETRIES, _BY_REASONING = "Refused", "Retries", "Cut short by reasoning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The first failed call of a kind. ``link`` is its place in the table of all trials, percent-encoded."""

    kind: str
    where: str
    link: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """``table`` None: nothing went wrong in any arm. ``sentences``: what needs no table."""

    headline: str
    table: Table | None
    sentences: tuple[str, ...]
    efforts: Table | None
    examples: tuple[Example, ...]


def build(view: View) -> Errors | None:
    lines = _lines(view)
    telling = [arm for arm in view.arms if any(line.happened(arm) for line in lines)]
    quiet = [arm for arm in view.arms if arm not in telling]
    efforts, effort_sentence = _efforts(view)
    sentences = [effort_sentence, *_notes(view, lines)]
    if telling and quiet:
        named_arms = (
            listed(arm.spoken for arm in quiet) if len(quiet) <= _MOST_NAMED else f"the other {len(quiet)} arms"
        )
        sentences.insert(0, f"Nothing of this in {named_arms}: every call was answered at the first try.")
    return Errors(
        headline=_headline(view),
        table=_table(telling, lines) if telling else None,
        sentences=tuple(sentence for sentence in sentences if sentence),
        efforts=efforts,
        examples=tuple(_examples(view)),
    )


def _headline(view: View) -> str:
    planned = sum(arm.found.n_planned for arm in view.arms)
    failed = sum(arm.found.counts.get(Status.ERROR, 0) for arm in view.arms)
    never_ended = sum(arm.found.counts.get(Status.PENDING, 0) for arm in view.arms)
    if never_ended == planned:
        return f"No call ended of {numbers.count(planned)} planned: nothing is known of failures."
    if not failed:
        rest = f"; {numbers.count(never_ended)} more were planned and never ended" if never_ended else ""
        return f"No call failed in {numbers.count(planned - never_ended)}{rest}."
    share = numbers.percent(failed / planned)
    return f"{numbers.count(failed)} of {numbers.count(planned)} planned calls failed ({share})."


# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Something that can happen. ``size``: of an arm, how much of it did; the line is there where it is not 0.

    ``always``: it is told beside the others and is nothing that happened by itself.
    """

    title: str
    size: Callable[[ArmView], float]
    cell: Callable[[ArmView], Cell]
    always: bool = False

    def happened(self, arm: ArmView) -> bool:
        return not self.always and self.size(arm) > 0


def _lines(view: View) -> list[_Line]:
    """Kinds in the order of how calls end; only those that happened in some arm."""
    lines = [_Line(title="Planned", size=lambda arm: arm.found.n_planned, cell=_planned, always=True)]
    lines += _with_kinds(view, Status.ERROR, "Failed", "failures")
    lines += _with_kinds(view, Status.INCOMPLETE, "Cut short", "incomplete_reasons")
    lines += [
        _Line(title=_BY_REASONING, size=lambda arm: arm.found.n_cut_by_reasoning or 0, cell=_by_reasoning),
        _status(Status.REFUSED, _REFUSED),
        _status(Status.PENDING, "Never ended"),
        _Line(title=_RETRIES, size=lambda arm: arm.found.n_retries, cell=_retries),
        _Line(title="Scores not given", size=lambda arm: arm.found.n_null_scores, cell=_null_scores),
        _Line(title="Paid for no answer", size=lambda arm: arm.found.wasted_cost_usd or 0, cell=_wasted),
    ]
    lines += [_counted(f"Odd: {name}", "anomalies", name) for name in _names(view, "anomalies")]
    lines += [_other_model(name) for name in sorted({name for arm in view.arms for name in _other_models(arm)})]
    kept = [line for line in lines if line.always or any(line.happened(arm) for arm in view.arms)]
    if _has_bounds(view):
        kept.append(_bounds_line(view))
    return kept


def _table(arms: Sequence[ArmView], lines: Sequence[_Line]) -> Table:
    """A row for each kind and a column for each arm; of many arms the other way round."""
    caption = "How calls ended, and what else happened"
    if len(arms) > FEW_ARMS:
        rows = [arm_row(arm, [line.cell(arm) for line in lines]) for arm in arms]
        titles = tuple(line.title[:1].upper() + line.title[1:] for line in lines)
        return Table(caption=caption, head="Arm", columns=titles, rows=tuple(rows))
    rows = [Row(head=line.title, cells=tuple(line.cell(arm) for arm in arms)) for line in lines]
    return Table(caption=caption, head="Calls", columns=tuple(arm.label for arm in arms), rows=tuple(rows))


def _planned(arm: ArmView) -> Cell:
    return Cell(main=numbers.count(arm.found.n_planned))


def _share(arm: ArmView, number: int) -> Cell:
    """A number of calls over its share of those planned."""
    return Cell(main=numbers.count(number), below=numbers.percent(number / arm.found.n_planned) if number else "")


def _status(status: Status, title: str) -> _Line:
    return _Line(
        title=title,
        size=lambda arm: arm.found.counts.get(status, 0),
        cell=lambda arm: _share(arm, arm.found.counts.get(status, 0)),
    )


def _with_kinds(view: View, status: Status, title: str, field: str) -> list[_Line]:
    """All of a status and each of its kinds; one kind by itself is named with it."""
    names = _names(view, field)
    if len(names) == 1:
        return [_status(status, f"{title} ({names[0].replace('_', ' ')})")]
    return [_status(status, title), *(_counted(f"{title}: {name}", field, name) for name in names)]


def _names(view: View, field: str) -> list[str]:
    return sorted({name for arm in view.arms for name in getattr(arm.found, field)})


def _counted(title: str, field: str, name: str) -> _Line:
    def number(arm: ArmView) -> int:
        counts: Mapping[str, int] = getattr(arm.found, field)
        return counts.get(name, 0)

    return _Line(title=title.replace("_", " "), size=number, cell=lambda arm: Cell(main=numbers.count(number(arm))))


def _other_model(name: str) -> _Line:
    return _Line(
        title=f"Odd: answered as {name}",
        size=lambda arm: _other_models(arm).get(name, 0),
        cell=lambda arm: Cell(main=numbers.count(_other_models(arm).get(name, 0))),
    )


def _other_models(arm: ArmView) -> Mapping[str, int]:
    """Models that answered although another was asked; a dated name of the same model is the same."""
    asked = arm.planned.model
    return {name: number for name, number in arm.found.models_reported.items() if not name.startswith(asked)}


def _by_reasoning(arm: ArmView) -> Cell:
    if arm.found.n_cut_by_reasoning is None:
        return Cell(main=numbers.MISSING, below="not reported")
    return Cell(main=numbers.count(arm.found.n_cut_by_reasoning))


def _retries(arm: ArmView) -> Cell:
    return Cell(main=numbers.count(arm.found.n_retries), below=f"p95: {arm.found.p95_retries}")


def _null_scores(arm: ArmView) -> Cell:
    return Cell(main=numbers.count(arm.found.n_null_scores))


def _wasted(arm: ArmView) -> Cell:
    wasted_usd = arm.found.wasted_cost_usd
    return NOTHING if wasted_usd is None else Cell(main=numbers.usd(wasted_usd))


def _has_bounds(view: View) -> bool:
    return view.says_something and any(view.analysis.primary in arm.found.quality_bounds for arm in view.arms)


def _bounds_line(view: View) -> _Line:
    def cell(arm: ArmView) -> Cell:
        bounds = arm.found.quality_bounds.get(view.analysis.primary)
        if bounds is None:
            return NOTHING
        low, high = (numbers.percent(end) for end in sorted(bounds))
        return Cell(main=low, below=f"to {high}" if low != high else "")

    return _Line(
        title=f"{view.quality_name}, whatever is missing",
        size=lambda arm: float(view.analysis.primary in arm.found.quality_bounds),
        cell=cell,
    )


def _notes(view: View, lines: Sequence[_Line]) -> list[str]:
    """What the words of the rows mean, where they are there."""
    notes, titles = [], {line.title for line in lines}
    if _REFUSED in titles or any(title.startswith("Cut short") for title in titles):
        notes.append("Refused and cut answers score 0 unless a grader judges them.")
    if _BY_REASONING in titles:
        notes.append(_by_reasoning_note(view))
    if _RETRIES in titles:
        notes.append("Retries come on top of the planned calls; p95: of 95% of calls there were no more.")
    if any(title.startswith("Odd") for title in titles):
        notes.append("Odd calls are in all figures: the remark says what to look at.")
    if _has_bounds(view):
        notes.append(
            "Whatever is missing: the score if every call lost to errors other than timeouts, and every score a grader "
            "could not give, were 0, and if they were all 1."
        )
    return [" ".join(notes)] if notes else []


def _by_reasoning_note(view: View) -> str:
    """A higher limit is advised only for answers that reached the one asked for."""
    cut = sum(arm.found.n_cut_by_reasoning or 0 for arm in view.arms)
    reached = sum(arm.found.n_cut_by_reasoning_at_limit for arm in view.arms)
    which = "" if reached == cut else f" the {numbers.count(reached)} that were as long as it allows"
    told = "By reasoning: more than half of the tokens of a cut answer went into thinking."
    if reached:
        told += f" Raise max_output_tokens to see what the arm could do{' in' if which else ''}{which}."
    if reached < cut:
        told += (
            f" {'The others' if reached else 'They'} were shorter than the request allows: another limit ended them, "
            "the service's own or the room of the model's context."
        )
    return told


# ---------------------------------------------------------------- the effort


def _efforts(view: View) -> tuple[Table | None, str]:
    """Whether the service did the effort that was asked of it: a sentence where all arms agree, else a table."""
    found = [(arm, arm.found.effort) for arm in view.arms]
    asked = [(arm, effort) for arm, effort in found if effort is not None and effort.requested]
    if not asked:
        return None, ""
    answers = {(effort.honoured, effort.reason) for _, effort in asked}
    if len(answers) == 1 and (said := _agreed(*answers.pop())):
        return None, said
    several = len({effort.reason for _, effort in asked}) > 1
    rows = [arm_row(arm, _effort_cells(effort)[: 4 if several else 3]) for arm, effort in found]
    columns = ("Asked for", "Reported back", "Honoured", *(("Why",) if several else ()))
    reason = asked[0][1].reason
    note = "" if several or not reason else f"{reason[:1].upper()}{reason[1:]}."
    return Table(caption="Was the effort honoured?", head="Arm", columns=columns, rows=tuple(rows), note=note), ""


def _agreed(honoured: bool | None, reason: str) -> str:
    """Empty for what a reader must see arm by arm."""
    why = f": {reason}" if reason else ""
    if honoured is None:
        return f"Whether the efforts asked for were honoured cannot be told{why}."
    return f"The efforts asked for were honoured{why}." if honoured else ""


def _effort_cells(effort: EffortEvidence | None) -> list[Cell]:
    if effort is None:
        return [NOTHING] * 4
    reported = [f"{name} ({numbers.count(number)})" for name, number in sorted(effort.reported.items())]
    honoured = {True: "yes", False: "no", None: "cannot tell"}[effort.honoured]
    return [
        Cell(main=effort.requested or numbers.MISSING),
        Cell(main=", ".join(reported) or numbers.MISSING),
        Cell(main=honoured, tone="worse" if effort.honoured is False else ""),
        Cell(main=effort.reason or numbers.MISSING),
    ]


# ---------------------------------------------------------------- examples


def _examples(view: View) -> list[Example]:
    """The first failed call of each kind, in the order they were sent."""
    if not any(arm.found.counts.get(Status.ERROR) for arm in view.arms):
        return []
    labels = {arm.arm_id: arm.label for arm in view.arms}
    found: dict[str, Example] = {}
    for trial, result in failed_results(view.run):
        if result.failure is None or trial.arm_id not in labels:
            continue
        kind = result.failure.kind.value
        if kind not in found:
            place = (trial.case_id, labels[trial.arm_id], str(trial.repeat_index))
            called = (*place[:2], f"repeat {trial.repeat_index + 1}")
            found[kind] = Example(
                kind=kind.replace("_", " "),
                where=" / ".join(called),
                link="#trial=" + "/".join(map(in_address, place)),
                message=shortened(result.failure.message, 300),
            )
    return list(found.values())
