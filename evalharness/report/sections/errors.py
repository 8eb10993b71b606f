"""What went wrong: how every planned call ended, what failed, and whether the service did what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from evalharness.core.findings import ArmFindings, EffortEvidence
from evalharness.core.model import Status
from evalharness.metrics.table import failed_results
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Table, arm_row, part_of, share_cell
from evalharness.report.view import ArmView, View
from evalharness.report.visible import shortened

NAV = "Errors"
TITLE = "What went wrong?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The first failed call of a kind. ``link`` is its place in the table of all trials, percent-encoded."""

    kind: str
    where: str
    link: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    headline: str
    tables: tuple[Table, ...]
    examples: tuple[Example, ...]


def build(view: View) -> Errors | None:
    tables = (
        _status_table(view),
        _kinds_table(view),
        _cuts_table(view),
        _bounds_table(view),
        _effort_table(view),
        _oddities_table(view),
    )
    return Errors(
        headline=_headline(view),
        tables=tuple(table for table in tables if table is not None),
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


def _status_table(view: View) -> Table:
    """Every planned call once: a row's numbers add up to its first."""
    present = [status for status in Status if any(arm.found.counts.get(status) for arm in view.arms)]
    retries = any(arm.found.n_retries for arm in view.arms)
    nulls = any(arm.found.n_null_scores for arm in view.arms)
    rows = []
    for arm in view.arms:
        found = arm.found
        cells = [Cell(main=numbers.count(found.n_planned))]
        cells += [Cell(main=numbers.count(found.counts.get(status, 0))) for status in present]
        cells += [Cell(main=numbers.count(found.n_retries))] if retries else []
        cells += [Cell(main=numbers.count(found.n_null_scores))] if nulls else []
        rows.append(arm_row(arm, cells))
    columns = ["Planned", *(_STATUS_WORDS[status] for status in present)]
    columns += ["Retries"] if retries else []
    columns += ["Not graded"] if nulls else []
    note = (
        "Refused and incomplete answers score 0 unless a grader judges them. Retries are on top of the planned calls."
    )
    return Table(caption="How calls ended", head="Arm", columns=tuple(columns), rows=tuple(rows), note=note)


_STATUS_WORDS = {
    Status.OK: "Answered",
    Status.INCOMPLETE: "Cut short",
    Status.REFUSED: "Refused",
    Status.ERROR: "Failed",
    Status.PENDING: "Never ended",
}


def _kinds_table(view: View) -> Table | None:
    """Kinds of failure, and reasons for answers cut short, by arm."""
    failed = _count_columns(view, "failed: ", lambda arm: arm.found.failures)
    short = _count_columns(view, "cut short: ", lambda arm: arm.found.incomplete_reasons)
    return _count_table(view, "Why", failed | short, "")


def _cuts_table(view: View) -> Table | None:
    """Answers cut at the limit, and those that reasoning alone cut: a class of its own, since the remedy differs."""
    if not any(arm.found.n_cut for arm in view.arms):
        return None
    rows = [
        arm_row(arm, [part_of(arm.found.n_cut, arm.found.n_planned), _by_reasoning(arm.found)]) for arm in view.arms
    ]
    return Table(
        caption="Answers cut at max_output_tokens",
        head="Arm",
        columns=("Cut", "Of these by reasoning"),
        rows=tuple(rows),
        note="By reasoning: more than half of the tokens went into thinking before the limit was reached. Raise "
        "max_output_tokens to see what the arm could do.",
    )


def _by_reasoning(found: ArmFindings) -> Cell:
    if found.n_cut_by_reasoning is None:
        return Cell(main=numbers.MISSING, below="not reported")
    return Cell(main=numbers.count(found.n_cut_by_reasoning))


def _oddities_table(view: View) -> Table | None:
    """What was answered but not as expected: anomalies, other models than asked for."""
    odd = _count_columns(view, "", lambda arm: arm.found.anomalies)
    models = _count_columns(view, "model reported: ", _other_models)
    note = "Calls of this kind are in all figures; the remark says what to look at."
    return _count_table(view, "Odd, but not failed", odd | models, note)


def _other_models(arm: ArmView) -> Mapping[str, int]:
    """Models that answered although another was asked; a dated name of the same model is the same."""
    asked = arm.planned.model
    return {name: number for name, number in arm.found.models_reported.items() if not name.startswith(asked)}


def _count_columns(view: View, prefix: str, counts: Callable[[ArmView], Mapping[str, int]]) -> dict[str, list[int]]:
    """One column for each name that any arm has: its counts in the order of arms."""
    names = sorted({name for arm in view.arms for name in counts(arm)})
    return {prefix + name.replace("_", " "): [counts(arm).get(name, 0) for arm in view.arms] for name in names}


def _count_table(view: View, caption: str, columns: Mapping[str, list[int]], note: str) -> Table | None:
    if not columns:
        return None
    rows = [
        arm_row(arm, [Cell(main=numbers.count(column[place])) for column in columns.values()])
        for place, arm in enumerate(view.arms)
    ]
    titles = tuple(f"{title[:1].upper()}{title[1:]}" for title in columns)
    return Table(caption=caption, head="Arm", columns=titles, rows=tuple(rows), note=note)


def _effort_table(view: View) -> Table | None:
    """Whether the service did the effort that was asked of it."""
    if not any(arm.found.effort and arm.found.effort.requested for arm in view.arms):
        return None
    reasons = {arm.found.effort.reason for arm in view.arms if arm.found.effort and arm.found.effort.reason}
    several = len(reasons) > 1
    rows = [arm_row(arm, _effort_cells(arm.found.effort)[: 4 if several else 3]) for arm in view.arms]
    columns = ("Asked for", "Reported back", "Honoured", *(("Why",) if several else ()))
    note = "" if several else "".join(f"{reason[:1].upper()}{reason[1:]}." for reason in reasons)
    return Table(caption="Was the effort honoured?", head="Arm", columns=columns, rows=tuple(rows), note=note)


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
            found[kind] = Example(
                kind=kind.replace("_", " "),
                where=" / ".join(place),
                link="#trial=" + "/".join(quote(part, safe="") for part in place),
                message=shortened(result.failure.message, 300),
            )
    return list(found.values())


def _bounds_table(view: View) -> Table | None:
    """What the score could be if every missing one were known."""
    arms = [arm for arm in view.arms if view.analysis.primary in arm.found.quality_bounds]
    if not arms:
        return None
    rows = []
    for arm in arms:
        low, high = sorted(arm.found.quality_bounds[view.analysis.primary])
        cells = [share_cell(view.quality(arm)), Cell(main=numbers.percent(low)), Cell(main=numbers.percent(high))]
        rows.append(arm_row(arm, cells))
    return Table(
        caption="What missing scores could change",
        head="Arm",
        columns=("Of what was scored", "If all missing were 0", "If all missing were 1"),
        rows=tuple(rows),
        note="Missing: calls lost to errors other than timeouts, and scores a grader could not give.",
    )
