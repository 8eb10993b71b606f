"""Whole sentences on what may have distorted times: the client's pace, a trend, its clock, its own error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.core.findings import Course, StretchFindings
from evalharness.verdict.remarks import Found
from evalharness.verdict.stretches import Level

#: Sentences of one kind that are printed; a sweep of many levels would bury the rest.
MOST_SENTENCES = 3


def load_banners(found: Found) -> Iterator[str]:
    yield from _rates_not_kept(found)
    yield from _trends(found)
    yield from _clock(found)
    yield from _errors(found)


def trending(stretch: StretchFindings) -> bool:
    return stretch.steadiness is not None and stretch.steadiness.course in (Course.ROSE, Course.FELL)


def _rates_not_kept(found: Found) -> Iterator[str]:
    behind = [each for each in found.stretches if each.arm_id is None and each.rate_kept is False]
    yield from _first([each.rate_sentence or "" for each in behind])


def _trends(found: Found) -> Iterator[str]:
    sentences = []
    for stretch in found.stretches:
        if stretch.steadiness is not None and trending(stretch):
            said = stretch.steadiness.sentence
            sentences.append(f"Total time{_where(found, stretch)} was not steady; it {said[0].lower()}{said[1:]}")
    yield from _first(sentences)


def _where(found: Found, stretch: StretchFindings) -> str:
    arm = [arm for arm in found.arms if arm.arm_id == stretch.arm_id]
    of_arm = f" of {found.named(arm)}" if arm else ""
    level = Level(value=stretch.level, unit=stretch.level_unit).words()
    several = len({each.step for each in found.stretches}) > 1
    return f"{of_arm} at {level}" if several and level else of_arm


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
    if found.observer is None:
        return
    marks = [mark for mark in found.observer.marked if not mark.late_start]  # late starts: rates not kept
    yield from _first([mark.sentence for mark in sorted(marks, key=lambda mark: -mark.error_p99_ms / mark.median_ms)])
    yield from found.observer.notes


def _first(sentences: Sequence[str]) -> Iterator[str]:
    """The first of them, and how many there are more."""
    yield from sentences[:MOST_SENTENCES]
    if len(sentences) > MOST_SENTENCES:
        yield f"And {len(sentences) - MOST_SENTENCES} more of this kind."
