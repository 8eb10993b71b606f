"""Which single cases changed between two arms, and for which of them do the repeats show it?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from evalharness.core.findings import CaseReading as Change
from evalharness.stats.multiple import benjamini_hochberg
from evalharness.stats.paired import paired_differences
from evalharness.stats.sample import Ints, Sample

#: Repeats in each arm below which a case by itself can show nothing.
FEWEST_REPEATS = 3
#: Share of false ones that is accepted among the cases said to have regressed or improved.
FALSE_DISCOVERIES = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """``case``: index. ``p_value``: mid-p of Fisher's test, None below 3 repeats in an arm and for graded scores.
    ``p_adjusted``: over all cases that could show something; None where this one could not."""

    case: int
    baseline: float
    candidate: float
    change: Change
    p_value: float | None = None
    p_adjusted: float | None = None


def case_changes(
    candidate: Sample, baseline: Sample, *, false_discoveries: float = FALSE_DISCOVERIES
) -> tuple[CaseChange, ...]:
    """The cases whose mean score differs, the largest difference first, losses before gains of the same size.

    Fisher's exact test of right and wrong answers per case, mid-p, then Benjamini and Hochberg over the tested cases,
    changed or not. A case takes part if its number of right answers, however they fell to the arms, could give a p of
    ``false_discoveries``: where all answers are right nothing can be shown, and that is known without looking at the
    arms. Source: mid-p: Lancaster 1961; which cases take part: Tarone 1990, Gilbert 2005.
    """
    both = np.flatnonzero(candidate.scored & baseline.scored)
    tables = _tables(candidate, baseline, both)
    p_values = {case: fisher_mid_p(table) for case, table in tables.items()}
    possible = [case for case, table in tables.items() if _smallest_p(table) <= false_discoveries]
    adjusted = dict(zip(possible, benjamini_hochberg([p_values[case] for case in possible]), strict=True))
    d = paired_differences(candidate.means[both], baseline.means[both])
    moved = [(case, float(change)) for case, change in zip(both.tolist(), d, strict=True) if change]
    return tuple(
        CaseChange(
            case=case,
            baseline=float(baseline.means[case]),
            candidate=float(candidate.means[case]),
            change=_change(change, shown=adjusted.get(case, 1.0) <= false_discoveries),
            p_value=p_values.get(case),
            p_adjusted=adjusted.get(case),
        )
        for case, change in sorted(moved, key=lambda pair: (-abs(round(pair[1], 9)), pair[1], pair[0]))
    )


def _change(difference: float, *, shown: bool) -> Change:
    if not shown:
        return Change.CHANGED
    return Change.IMPROVED if difference > 0 else Change.REGRESSED


@dataclass(frozen=True, slots=True, kw_only=True)
class RightOfTrials:
    """Right answers out of the trials of one case in two arms."""

    candidate: int
    of_candidate: int
    baseline: int
    of_baseline: int


def _tables(candidate: Sample, baseline: Sample, cases: Ints) -> dict[int, RightOfTrials]:
    """By case, of those with repeats enough; none for graded scores, whose sums are no numbers of right answers.

    Cases with the same numbers share one: of thousands of cases few are different.
    """
    if not (candidate.is_binary and baseline.is_binary):
        return {}
    counts = [part for arm in (candidate, baseline) for part in (np.rint(arm.means * arm.trials), arm.trials)]
    tried = cases[np.minimum(candidate.trials, baseline.trials)[cases] >= FEWEST_REPEATS]
    different, which = np.unique(np.column_stack(counts)[tried].astype(np.int64), axis=0, return_inverse=True)
    tables = [
        RightOfTrials(candidate=right, of_candidate=trials, baseline=before, of_baseline=trials_before)
        for right, trials, before, trials_before in different.tolist()
    ]
    return {case: tables[index] for case, index in zip(tried.tolist(), which.tolist(), strict=True)}


@lru_cache(maxsize=4_096)
def fisher_mid_p(table: RightOfTrials) -> float:
    """Two-sided: twice the smaller tail of the hypergeometric distribution, what was seen counted by half; at most 1.

    In whole numbers until the last division. Source: Fisher 1935; mid-p: Lancaster 1961.
    """
    right = table.candidate + table.baseline
    below, at, above = 0, 0, 0
    for k in range(max(0, right - table.of_baseline), min(right, table.of_candidate) + 1):
        ways = math.comb(table.of_candidate, k) * math.comb(table.of_baseline, right - k)
        if k < table.candidate:
            below += ways
        elif k > table.candidate:
            above += ways
        else:
            at = ways
    return min(1.0, (2 * min(below, above) + at) / (below + at + above))


def _smallest_p(table: RightOfTrials) -> float:
    """The least p that so many right answers in both arms together could give."""
    right = table.candidate + table.baseline
    ends = max(0, right - table.of_baseline), min(right, table.of_candidate)
    return min(fisher_mid_p(replace(table, candidate=end, baseline=right - end)) for end in ends)
