"""The cases whose score changed between a run and its baseline run, in words, and what may be said of one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from evalharness.core.findings import Analysis, CaseFlip, CaseReading
from evalharness.report import words
from evalharness.report.numbers import count, plural
from evalharness.report.words import listed

#: Repeats in each run below which a case by itself can show nothing.
FEWEST_REPEATS = 3


def flip_lines(analysis: Analysis) -> tuple[str, ...]:
    """A sentence for each arm, and what may be concluded from it; empty without a baseline run to pair with."""
    if not analysis.run_flips:
        return ()
    told = [_line(analysis, arm_id, moved) for arm_id, moved in analysis.run_flips.items()]
    every = [flip for moved in analysis.run_flips.values() for flip in moved]
    return (" ".join(told), may_be_said(every)) if every else (" ".join(told),)


def may_be_said(flips: Iterable[CaseFlip]) -> str:
    """Of one of these cases."""
    if any(flip.p_adjusted is not None for flip in flips):
        return (
            "Regressed, improved: shown by a case's own repeats (Fisher's test, on average at most one in ten of "
            "these words by chance). Changed: its score differs, which repeats that vary do by themselves."
        )
    return (
        "Changed is all that can be said of one case here: whether a case got worse or was unlucky takes "
        f"{FEWEST_REPEATS} repeats or more, answers that are right or wrong, and a test of its own."
    )


def _line(analysis: Analysis, arm_id: str, moved: Sequence[CaseFlip]) -> str:
    whose = f"{words.name_first(words.spoken(analysis.arm(arm_id)))}: " if len(analysis.arms) > 1 else ""
    if not moved:
        return f"{whose}{'no' if whose else 'No'} case changed against the baseline."
    lost, won = lost_and_won(moved)
    return (
        f"{whose}{plural(lost, 'case')} scored lower than in the baseline and {count(won)} higher{shown_among(moved)}."
    )


def lost_and_won(moved: Sequence[CaseFlip]) -> tuple[int, int]:
    lost = sum(flip.candidate_score < flip.baseline_score for flip in moved)
    return lost, len(moved) - lost


def shown_among(moved: Sequence[CaseFlip]) -> str:
    """``; 2 regressed and 5 improved by their own repeats``; empty where none is shown to."""
    counts = Counter(flip.reading for flip in moved)
    shown = [
        f"{count(counts[reading])} {reading.value}"
        for reading in (CaseReading.REGRESSED, CaseReading.IMPROVED)
        if counts[reading]
    ]
    return f"; {listed(shown)} by their own repeats" if shown else ""
