"""Whole sentences on what may have distorted times: the client's pace, a drift, its clock, its own error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.core.findings import Course, Mark, StretchFindings
from evalharness.metrics.catalog import CATALOG
from evalharness.verdict.remarks import Found
from evalharness.verdict.spread import milliseconds, of_the_median
from evalharness.verdict.stretches import Level

#: Sentences of one kind that are printed; a sweep of many levels would bury the rest.
MOST_SENTENCES = 3


def load_banners(found: Found) -> Iterator[str]:
    yield from _rates_not_kept(found)
    yield from _drifts(found)
    yield from _clock(found)
    yield from _errors(found)


def drifting(stretch: StretchFindings) -> bool:
    return stretch.steadiness is not None and stretch.steadiness.course in (Course.ROSE, Course.FELL)


def _rates_not_kept(found: Found) -> Iterator[str]:
    behind = [each for each in found.stretches if each.arm_id is None and each.rate_kept is False]
    told = [each.rate_sentence or "" for each in behind]
    yield from _first(told, "Nor did it keep", [_level(each) for each in behind])


def _drifts(found: Found) -> Iterator[str]:
    told, places = [], []
    for stretch in found.stretches:
        if stretch.steadiness is not None and drifting(stretch):
            said = stretch.steadiness.sentence
            told.append(f"Total time{_where(found, stretch)} was not steady; it {said[0].lower()}{said[1:]}")
            places.append(_where(found, stretch).removeprefix(" of ").removeprefix(" at "))
    yield from _first(told, "Not steady either:", places)


def _where(found: Found, stretch: StretchFindings) -> str:
    arm = [arm for arm in found.arms if arm.arm_id == stretch.arm_id]
    of_arm = f" of {found.named(arm)}" if arm else ""
    level = _level(stretch)
    several = len({each.step for each in found.stretches}) > 1
    return f"{of_arm} at {level}" if several and level else of_arm


def _level(stretch: StretchFindings) -> str:
    return Level(value=stretch.level, unit=stretch.level_unit).words()


def _clock(found: Found) -> Iterator[str]:
    if found.observer is None:
        return
    steps = found.observer.clock_steps_ms
    if steps:
        largest_ms = max(steps, key=abs)
        times = "once" if len(steps) == 1 else f"{len(steps)} times"
        yield (
            f"The clock of this machine was set {times} during the run, by up to {abs(largest_ms):,.0f} ms: arrivals "
            "dated by the kernel around that moment may be off by as much."
        )
    if found.observer.suspended_s > 0:
        yield (
            f"This machine slept for {found.observer.suspended_s:,.0f} s during the run: what was in flight then has "
            "times that are not the service's."
        )


def _errors(found: Found) -> Iterator[str]:
    """All metrics in one sentence, the least exact first; the report has each with its arm."""
    if found.observer is None:
        return
    marks = [mark for mark in found.observer.marked if not mark.late_start]  # late starts: rates not kept
    worst: dict[str, Mark] = {}
    for mark in sorted(marks, key=lambda mark: -mark.error_p99_ms / mark.median_ms):
        worst.setdefault(mark.metric, mark)
    if worst:
        listed = "; ".join(_mark_words(found, mark) for mark in worst.values())
        yield f"Some times are coarse. What this client may be off by in 99 of 100 calls, at most: {listed}."
    yield from found.observer.notes


def _mark_words(found: Found, mark: Mark) -> str:
    """``latency 5.5 ms (2.4% of the median)``; of several arms the one whose times are least exact."""
    title = CATALOG[mark.metric].title
    of_arm = (
        f" of {found.named([arm for arm in found.arms if arm.arm_id == mark.arm_id])}" if len(found.arms) > 1 else ""
    )
    return (
        f"{title[:1].lower()}{title[1:]} {milliseconds(mark.error_p99_ms)} "
        f"({of_the_median(mark.error_p99_ms, mark.median_ms)}{of_arm})"
    )


def _first(sentences: Sequence[str], of_rest: str, places: Sequence[str]) -> Iterator[str]:
    """Each its own up to ``MOST_SENTENCES``; the last of them names the ``places`` of the others."""
    rest = [place for place in places[MOST_SENTENCES:] if place]
    for count, sentence in enumerate(sentences[:MOST_SENTENCES], start=1):
        yield f"{sentence} {of_rest} {', '.join(rest)}." if rest and count == MOST_SENTENCES else sentence
