"""How well a run was measured, by its own account: the client's stated error as a table, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.core.findings import Mark, ObserverFindings, Spread
from evalharness.report import numbers
from evalharness.report.cells import Cell, Row, Table, sight_notes
from evalharness.report.sight import COARSE_NOTE
from evalharness.report.view import View
from evalharness.report.words import listed, metric_title

NOT_RECORDED = "Not recorded: this run holds nothing about its own measurement error."
#: Times that stand in the table beside the verdict.
_FIRST_PAGE = ("ttfo_ms", "total_ms")
_SOURCES = {"kernel": "the kernel, when the bytes came in", "user": "this program, when it read them"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """``table`` None: nothing was recorded; the sentences then say so. ``coarse``: the metrics whose stated error is
    too large a part of them; None where there are none."""

    table: Table | None
    coarse: Table | None
    sentences: tuple[str, ...]


def about_times(view: View, tables: Sequence[Table]) -> str:
    """What the words beside the times of the first page's tables mean, with the least exact of these; empty without
    such words. All metrics are in ``observed``."""
    return " ".join(
        f"{note.rstrip('.')}{_worst(view)}." if note == COARSE_NOTE else note for note in sight_notes(tables)
    )


def _worst(view: View) -> str:
    """``; most in total time of low, by 14%``: of the times that the first page shows."""
    observer = view.analysis.observer
    marks = [mark for mark in observer.marked if not mark.late_start] if observer else []
    shown = [mark for mark in marks if mark.metric in _FIRST_PAGE and mark.share <= 1]
    if not shown:
        return ""
    worst = max(shown, key=lambda mark: mark.share)
    of_arm = f" of {view.arm(worst.arm_id).spoken}" if len(view.arms) > 1 else ""
    return f"; most in {metric_title(worst.metric).lower()}{of_arm}, by {_size(worst.share)}"


def _size(share: float) -> str:
    """``60%``: beyond the whole of a figure no digit means anything."""
    return numbers.percent(share, 1 if share < 0.1 else 0) if share <= 1 else "more than itself"


def observed(view: View) -> Observed:
    observer = view.analysis.observer
    if observer is None:
        return Observed(table=None, coarse=None, sentences=(NOT_RECORDED,))
    rows = [_row(name, spread) for name, spread in _spreads(observer) if spread is not None]
    caption = "What this client adds, or may be off by"
    table = (
        Table(caption=caption, head="Of each call", columns=("p50", "p99", "Largest"), rows=tuple(rows))
        if rows
        else None
    )
    return Observed(table=table, coarse=_coarse(view, observer), sentences=tuple(_sentences(observer)))


def _coarse(view: View, observer: ObserverFindings) -> Table | None:
    """One row for each metric: of several arms the one whose times are least exact."""
    worst: dict[str, Mark] = {}
    marks = [mark for mark in observer.marked if not mark.late_start]
    for mark in sorted(marks, key=lambda mark: mark.share, reverse=True):
        worst.setdefault(mark.metric, mark)
    if not worst:
        return None
    rows = [
        Row(
            head=metric_title(metric),
            cells=(
                Cell(main=short(mark.error_p99_ms)),
                Cell(main=short(mark.median_ms)),
                Cell(main=_size(mark.share)),
            ),
            notes=() if len(view.arms) == 1 else (f"worst: {view.arm(mark.arm_id).label}",),
        )
        for metric, mark in worst.items()
    ]
    return Table(
        caption="Coarse: median or p95 may be off by more than 1% of itself",
        head="Time",
        columns=("Stated error of calls, p99", "Median", "Median or p95 off by up to"),
        rows=tuple(rows),
    )


def _spreads(observer: ObserverFindings) -> list[tuple[str, Spread | None]]:
    """The errors first: they are what the times may be off by; then where they come from."""
    stated = [(f"Stated error of {metric_title(name).lower()}", spread) for name, spread in observer.errors.items()]
    return [
        *stated,
        ("Handing over the request", observer.send),
        ("Arrived bytes waiting to be read", observer.read_lag),
        ("Event loop away from its sockets", observer.loop_lag),
        ("Dispatch lag: meant to start, to sent", observer.dispatch_lag),
    ]


def _row(name: str, spread: Spread) -> Row:
    return Row(head=name, cells=tuple(Cell(main=short(ms)) for ms in (spread.p50_ms, spread.p99_ms, spread.max_ms)))


def short(ms: float) -> str:
    """A time that may be far below a millisecond: ``0.04 ms``, ``under 0.01 ms``."""
    return "under 0.01 ms" if ms < 0.005 else numbers.duration(ms)


def _sentences(observer: ObserverFindings) -> list[str]:
    said = [*([observer.coarse] if observer.coarse else []), *_stamps(observer), *_coalesced(observer)]
    said += [f"{endpoint}: {listed(map(_route, ways))}." for endpoint, ways in observer.routes.items() if ways]
    said += [mark.late_start for mark in observer.marked if mark.late_start]
    if not observer.marked and observer.errors:
        said.append("No median or p95 of the whole run is off by more than 1% of itself through this client.")
    return [*said, *observer.notes]


def _stamps(observer: ObserverFindings) -> list[str]:
    """Who dated the arrivals."""
    sources = sorted(observer.sources.items(), key=lambda item: -item[1])
    if len(sources) == 1:
        return [f"Arrivals were dated by {_SOURCES[sources[0][0]]}."]
    parts = [f"{numbers.percent(share)} by {_SOURCES[name]}" for name, share in sources]
    return [f"Arrivals were dated {listed(parts)}."] if parts else []


def _route(words: str) -> str:
    """How an endpoint was reached: ``measuring``, or ``httpx: WHY``, as the record has it, for a reader."""
    kind, _, why = words.partition(": ")
    if kind == "measuring":
        return "reached by the measuring transport"
    return f"reached by httpx's own transport, whose times are coarser, because {why}" if why else f"reached by {kind}"


def _coalesced(observer: ObserverFindings) -> list[str]:
    share = observer.coalesced_share
    if share is None:
        return []
    if share == 0:
        return ["No gap between deltas was closed by late reading."]
    size = numbers.percent(share, 2 if share < 0.01 else 1)
    return [f"{size} of the gaps between deltas may have been closed by late reading (coalesced)."]


def observer_facts(observer: ObserverFindings | None) -> list[tuple[str, str]]:
    """Every figure, for the methods: name and value."""
    if observer is None:
        return [("Measurement", "not recorded")]
    facts = [("Attempts", numbers.count(observer.n_attempts))]
    facts += [
        (
            name,
            _spread_text(spread),
        )
        for name, spread in _spreads(observer)
        if spread is not None
    ]
    facts += [(f"Stamps by {name}", numbers.percent(share)) for name, share in sorted(observer.sources.items())]
    if observer.loops:
        facts.append(("Event loop", ", ".join(observer.loops)))
    if observer.n_workers:
        facts.append(("Workers", numbers.count(observer.n_workers)))
    if observer.clock_steps_ms:
        facts.append(
            (
                "Wall clock jumped by",
                ", ".join(numbers.duration(abs(ms)) for ms in observer.clock_steps_ms),
            )
        )
    if observer.suspended_s:
        facts.append(("Machine suspended", f"{observer.suspended_s:.0f} s"))
    return facts


def _spread_text(spread: Spread) -> str:
    figures = f"p50 {short(spread.p50_ms)}, p99 {short(spread.p99_ms)}, largest {short(spread.max_ms)}"
    return f"{figures}, of {numbers.count(spread.n)}"
