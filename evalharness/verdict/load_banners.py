"""Whole sentences on what may have distorted times: the client's pace, a drift, its clock, its own error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.core.findings import Course, StretchFindings
from evalharness.verdict.remarks import Found
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
    if found.observer is not None:
        yield from [found.observer.coarse] if found.observer.coarse else []
        yield from found.observer.notes


def _first(sentences: Sequence[str], of_rest: str, places: Sequence[str]) -> Iterator[str]:
    """Each its own up to ``MOST_SENTENCES``; the last of them names the ``places`` of the others."""
    rest = [place for place in places[MOST_SENTENCES:] if place]
    for count, sentence in enumerate(sentences[:MOST_SENTENCES], start=1):
        yield f"{sentence} {of_rest} {', '.join(rest)}." if rest and count == MOST_SENTENCES else sentence
