"""The runs of a suite over time in words: what changed, by how much, and what was searched. For every format alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.history import History, LevelChange, Series
from evalharness.core.model import Json
from evalharness.core.run_summary import ArmSummary, Quantity, RunSummary
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Row, Table
from evalharness.report.markdown_text import escaped, listed, table_text
from evalharness.report.run_lines import CALLS, main_figure, main_value, run_line, when
from evalharness.report.summary import estimate_json
from evalharness.report.terminal_table import Columns, Writer, laid_out
from evalharness.report.words import SIMULATED, name_first, points_word
from evalharness.report.words import listed as in_words
from evalharness.stats.change_points import FEWEST_RUNS

MAX_LINES = 25
_MOST_TOLD = 3
_MOST_ROWS = 30
#: Of the table of arms: what changed before what was measured.
_ARM_COLUMNS = Columns(wanted=(0, 3, 1, 2), with_interval=(0,))
_NAMES = {
    "good_share": "share of calls within the service level",
    "total_ms_p95": "p95 of total time",
    "cost_usd": f"cost of {numbers.count(CALLS)} calls",
}
NOT_SHOWN = (
    "That is not to say that nothing changed: small changes take more runs to be seen, and comparing two runs sees "
    "more, because it pairs their cases."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryText:
    """``changes``: one sentence for each, the newest first; ``lead`` is the first of them or says why there is none.
    ``notes``: how it was searched, and what was left out."""

    title: str
    subtitle: str
    origin: str
    heading: str
    lead: str
    changes: tuple[str, ...]
    notes: tuple[str, ...]


def history_text(history: History) -> HistoryText:
    """Of a history with at least one run."""
    runs = history.runs
    found = sorted(
        ((change, series) for series in history.series for change in series.changes),
        key=lambda each: each[0].at,
        reverse=True,
    )
    changes = tuple(change_sentence(change, series, runs) for change, series in found)
    simulated = [run for run in runs if run.simulated]
    whose = "All" if len(simulated) == len(runs) else f"{len(simulated)} of these"
    return HistoryText(
        title=f"Runs over time: {history.suite}",
        subtitle=_subtitle(history),
        origin=f"{SIMULATED}: {whose} runs were answered by the built-in simulator." if simulated else "",
        heading=_heading(history, len(changes)),
        lead=changes[0] if changes else _nothing_found(history),
        changes=changes,
        notes=tuple(_notes(history)),
    )


def _subtitle(history: History) -> str:
    runs = history.runs
    span = when(runs[0]) if len(runs) == 1 else f"{when(runs[0])} to {when(runs[-1])}"
    older = f" The {numbers.plural(history.n_older, 'run')} before are not drawn." if history.n_older else ""
    return f"{numbers.plural(len(runs), 'run')}, {span} UTC.{older}"


def _heading(history: History, n_changes: int) -> str:
    if n_changes:
        return f"{numbers.plural(n_changes, 'change')} found"
    return "No change found" if history.n_stretches else "Too few runs to look for a change"


def _nothing_found(history: History) -> str:
    if history.n_stretches:
        return f"No figure moved further than its runs scatter and their intervals allow. {NOT_SHOWN}"
    return (
        f"A change is looked for in {FEWEST_RUNS} or more finished runs in a row that measured the same. "
        "Two can be compared."
    )


def _notes(history: History) -> list[str]:
    if not history.n_stretches:
        return []
    searched = numbers.plural(history.n_stretches, "stretch", "stretches")
    notes = [
        "A change is marked where the runs before and after lie further apart than runs scatter by themselves, and "
        f"than their own intervals allow. {name_first(searched)} of comparable runs {_were(history.n_stretches)} "
        f"searched, with {numbers.percent(history.alarm, 0)} for all of them together: of histories in which nothing "
        "changed at most 1 in 20 has a mark anywhere.",
        "The size of a change at a place that was looked for tends to be too large, and one run gone astray at the end "
        "looks like a change until the next one. What caused a change, no figure says.",
    ]
    unfinished = sum(not run.is_complete for run in history.runs)
    if unfinished:
        were = "was" if unfinished == 1 else "were"
        notes.append(f"{numbers.plural(unfinished, 'run')} that {were} not finished {were} left out of the search.")
    return notes


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


# ---------------------------------------------------------------- figures


def series_name(series: Series) -> str:
    """``answer of “low”``, ``p95 of total time``"""
    name = _figure_name(series)
    return f"{name} of “{series.arm}”" if series.arm else name


def _figure_name(series: Series) -> str:
    return _NAMES.get(series.metric) or series.name or "score"


def series_title(series: Series) -> str:
    """At the start of a sentence; a grader's name that is no plain word stays as it is."""
    name = series_name(series)
    return name[:1].upper() + name[1:] if series.metric in _NAMES and name[1:2].islower() else name_first(name)


def factor(series: Series) -> float:
    """From the figure to what is printed: percent and points, money by the thousand calls."""
    if series.quantity in (Quantity.SHARE, Quantity.POINTS):
        return 100.0
    return CALLS if series.metric == "cost_usd" else 1.0


def written(series: Series, value: float, decimals: int = 1) -> str:
    """A figure alone; ``decimals`` are those of percents and points."""
    match series.quantity:
        case Quantity.SHARE:
            return numbers.percent(value, decimals)
        case Quantity.POINTS:
            return numbers.fixed(value * 100, decimals, signed=True)
        case Quantity.TIME:
            return numbers.duration(value)
        case Quantity.MONEY:
            return numbers.usd(value * factor(series))
        case Quantity.RATIO:
            return numbers.ratio(value)
    return numbers.significant(value)


def is_better(change: LevelChange, series: Series) -> bool | None:
    """None where neither direction is."""
    if series.higher_is_better is None:
        return None
    return _rose(change, series) is series.higher_is_better


def _rose(change: LevelChange, series: Series) -> bool:
    return change.shift.point > (1.0 if _is_ratio(series) else 0.0)


def _is_ratio(series: Series) -> bool:
    return series.quantity in (Quantity.TIME, Quantity.MONEY, Quantity.RATIO)


def size_text(change: LevelChange, series: Series) -> str:
    """``−8.2 points``, ``1.42×``: for a label."""
    if _is_ratio(series):
        return numbers.ratio_of(change.shift)
    if series.quantity is Quantity.NUMBER:
        return numbers.bare(change.shift, signed=True)
    return f"{numbers.points(change.shift)} {points_word(numbers.points(change.shift, signed=False))}"


def change_sentence(change: LevelChange, series: Series, runs: tuple[RunSummary, ...]) -> str:
    """``Answer fell by 8.2 points (95% interval 4.0 to 12.4), from 72.1% to 63.9%, between the runs of … and …: …``"""
    rose, shift = "rose" if _rose(change, series) else "fell", change.shift
    if _is_ratio(series):
        size, interval = f"to {numbers.ratio_of(shift)} of what it was", numbers.ratio_interval(shift)
    elif series.quantity is Quantity.NUMBER:
        size, interval = f"by {numbers.bare(shift).lstrip(numbers.MINUS)}", numbers.bare_interval(shift)
    else:
        points = numbers.points(shift, signed=False)
        size, interval = f"by {points} {points_word(points)}", numbers.points_interval(shift, signed=False)
    decimals = numbers.percent_decimals(shift)
    before, after = (written(series, level, decimals) for level in (change.level_before, change.level_after))
    last, first = runs[change.before[-1]], runs[change.at]
    also = f" The {in_words(change.alongside)} changed there too." if change.alongside else ""
    return (
        f"{series_title(series)} {rose} {size} ({shift.level:.0%} interval {interval}), from {before} to "
        f"{after}, between the runs of {when(last)} and {when(first)}: {numbers.plural(len(change.before), 'run')} "
        f"before, {len(change.after)} after.{also}"
    )


# ---------------------------------------------------------------- formats


def history_table(history: History, *, most: int) -> Table:
    """Runs newest first: what the suite is about, what else was measured, and what changed since the run before."""
    figure = main_figure(history.runs[-1])
    has_verdicts, has_arms = any(run.verdict for run in history.runs), names_arms(history)
    rows = []
    for run, changed in list(zip(history.runs, history.changed, strict=True))[::-1][:most]:
        line, (value, interval) = run_line(run), main_value(run, figure)
        arm = [Cell(main=line.arm)] if has_arms else []
        outcome = [Cell(main=line.verdict or numbers.MISSING)] if has_verdicts else []
        cells = (Cell(main=value, below=interval), *arm, Cell(main=line.p95), Cell(main=line.cost), *outcome)
        head = line.date + (f", {line.state}" if line.state else "")
        rows.append(Row(head=head, cells=(*cells, Cell(main=in_words(changed)))))
    arms, verdict = ("Arm",) if has_arms else (), ("Verdict",) if has_verdicts else ()
    columns = (figure.title, *arms, "p95 total", "Cost per 1,000", *verdict, "Changed since the run before")
    return Table(caption="Runs, newest first", head="Run, UTC", columns=columns, rows=tuple(rows))


def names_arms(history: History) -> bool:
    """Whether the figures of a run are those of one arm or level among several, or of several arms."""
    return any(run.n_arms > 1 or (run.arms and run.arm != run.arms[0].label) for run in history.runs)


def arms_table(history: History, *, most: int = _MOST_ROWS) -> Table | None:
    """Each arm in the newest run, and in which of its figures a change was found; None for a run of one arm, and for a
    latency run, whose figures are those of all arms together."""
    newest = history.runs[-1]
    if newest.is_latency or len(newest.arms) < 2:
        return None
    rows = [Row(head=arm.label, cells=_arm_cells(arm, history)) for arm in newest.arms[:most]]
    left_out = newest.n_arms - len(rows)
    return Table(
        caption="Each arm in the newest run",
        head="Arm, newest run",
        columns=("Quality", "p95 total", "Cost per 1,000", "Changes found in"),
        rows=tuple(rows),
        note=f"And {numbers.plural(left_out, 'more arm')}." if left_out > 0 else "",
    )


def _arm_cells(arm: ArmSummary, history: History) -> tuple[Cell, ...]:
    quality, p95, cost = arm.quality, arm.total_ms_p95, arm.cost_usd
    own = [series for series in history.series if series.arm == arm.label]
    changed = in_words([_figure_name(series) for series in own if series.changes])
    searched = any(series.n_tested for series in own)
    return (
        Cell(main=numbers.share(quality), below=numbers.share_interval(quality)) if quality else NOTHING,
        Cell(main=numbers.duration_of(p95), below=numbers.duration_interval(p95)) if p95 else NOTHING,
        Cell(main=numbers.usd(cost.point * CALLS)) if cost else NOTHING,
        Cell(main=changed or ("none" if searched else "not searched")),
    )


def markdown(history: History) -> str:
    text = history_text(history)
    parts = [f"**{escaped(text.heading)}**", *([f"**{escaped(text.origin)}**"] if text.origin else [])]
    parts += [escaped(text.lead), f"{escaped(text.title)}. {escaped(text.subtitle)}"]
    parts += listed("Before that:", text.changes[1:], 10)
    parts.append(table_text(history_table(history, most=_MOST_ROWS)))
    if arms := arms_table(history):
        parts += [f"{arms.caption}:", table_text(arms), *([arms.note] if arms.note else [])]
    parts += [escaped(note) for note in text.notes]
    return "\n\n".join(parts) + "\n"


def terminal(history: History, writer: Writer) -> str:
    """At most 25 lines: what was found, then as many runs as there is room for, and arms in half of that room."""
    text = history_text(history)
    lines = [*writer.wrapped(text.title), *writer.wrapped(text.origin), *writer.wrapped(text.subtitle), ""]
    lines += [writer.styled(line, "bold") for line in writer.wrapped(text.heading)]
    told = text.changes[:_MOST_TOLD] or (text.lead,)
    lines += [line for sentence in told for line in writer.wrapped(sentence)]
    more = len(text.changes) - len(told)
    lines += [f"and {more} more; --format html draws them all"] if more > 0 else []
    arms = arms_table(history, most=max(1, (MAX_LINES - len(lines)) // 2 - 4))
    told_of_arms = ["", *laid_out(arms, [], _ARM_COLUMNS, writer), *([arms.note] if arms.note else [])] if arms else []
    table = history_table(history, most=max(1, MAX_LINES - len(lines) - len(told_of_arms) - 3))
    order = range(len(table.columns))
    wanted = (0, order[-1], *order[1:-1])
    lines += ["", *laid_out(table, [], Columns(wanted=wanted, with_interval=(0,)), writer), *told_of_arms]
    return "\n".join(lines[:MAX_LINES]) + "\n"


def histories_json(histories: Sequence[History]) -> str:
    """An estimate is ``[point, lower, upper]``; runs are given by their ids."""
    found = {"suites": [_history_json(history) for history in histories]}
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def _history_json(history: History) -> Mapping[str, Json]:
    text, ids = history_text(history), [run.run_id for run in history.runs]
    return {
        "suite": history.suite,
        "heading": text.heading,
        "lead": text.lead,
        "alarm_rate": history.alarm,
        "n_stretches": history.n_stretches,
        "runs": [
            {
                "run_id": run.run_id,
                "created_utc": run.created_utc,
                "state": run.state,
                "commit": run.commit,
                "changed": list(changed),
            }
            for run, changed in zip(history.runs, history.changed, strict=True)
        ],
        "series": [_series_json(series, history, ids) for series in history.series],
    }


def _series_json(series: Series, history: History, ids: list[str]) -> Mapping[str, Json]:
    return {
        "metric": series.metric,
        "name": series_name(series),
        "arm": series.arm,
        "quantity": series.quantity.value,
        "points": [estimate_json(point) for point in series.points],
        "broken_at": [ids[place] for place in series.broken],
        "n_tested": series.n_tested,
        "changes": [
            {
                "before": ids[change.before[-1]],
                "after": ids[change.at],
                "shift": estimate_json(change.shift),
                "kind": "ratio" if _is_ratio(series) else "difference",
                "level_before": change.level_before,
                "level_after": change.level_after,
                "n_before": len(change.before),
                "n_after": len(change.after),
                "p_value": change.p_value,
                "alongside": list(change.alongside),
                "sentence": change_sentence(change, series, history.runs),
            }
            for change in series.changes
        ],
    }
