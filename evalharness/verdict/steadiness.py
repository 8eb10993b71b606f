"""Did times hold still over a stretch of load? The words, and the correction for looking at many stretches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalharness.core.findings import Course, Estimate, Steadiness
from evalharness.metrics.table import Bools
from evalharness.stats.halves import FEWEST_PER_BLOCK, N_BLOCKS, HalfRatio, half_ratio
from evalharness.verdict.families import HOLM
from evalharness.verdict.reading import leaves_out
from evalharness.verdict.view import RunView

METRIC = "total_ms"
#: Trials in flight at the last start of an open stretch have piled up if they are so many times those half way, and
#: more by so many times what independent arrivals would differ by chance.
PILED_UP, BEYOND_CHANCE = 1.5, 3.0


def steadiness(view: RunView, stretches: Sequence[Bools]) -> tuple[Steadiness, ...]:
    """One finding for each stretch of each arm (its rows of the table), Holm-adjusted over all that can be told."""
    ratios = [_ratio(view, rows) for rows in stretches]
    adjusted = HOLM.adjusted([None if ratio is None else ratio.p_value for ratio in ratios])
    n_tested = sum(ratio is not None for ratio in ratios)
    found = [
        _unknown(view, rows) if ratio is None else _finding(ratio, p_adjusted, n_tested)
        for rows, ratio, p_adjusted in zip(stretches, ratios, adjusted, strict=True)
    ]
    return tuple(_with_pile(view, rows, finding) for rows, finding in zip(stretches, found, strict=True))


def _ratio(view: RunView, rows: Bools) -> HalfRatio | None:
    places = view.in_order(rows)
    in_flight = view.moments.in_flight(rows) or 0.0
    cases = view.table.case_index[places].astype(np.int64)
    return half_ratio(view.table.timed(METRIC)[places], cases, in_flight, view.settings)


def _unknown(view: RunView, rows: Bools) -> Steadiness:
    n_timed = int(np.isfinite(view.table.timed(METRIC)[rows]).sum())
    in_flight = view.moments.in_flight(rows) or 0.0
    if N_BLOCKS * FEWEST_PER_BLOCK <= n_timed < N_BLOCKS * in_flight:
        return Steadiness(
            course=Course.CROWDED,
            sentence=f"Too many calls were in flight at once ({in_flight:,.0f} of {n_timed:,}) to tell whether times "
            "were steady: neighbours saw the same moment.",
        )
    return Steadiness(course=Course.UNKNOWN, sentence="Too few trials to tell whether times were steady.")


def _finding(ratio: HalfRatio, p_adjusted: float | None, n_tested: int) -> Steadiness:
    course = _course(ratio, p_adjusted)
    return Steadiness(
        course=course,
        sentence=_sentence(course, ratio.estimate, n_tested),
        ratio=ratio.estimate,
        p_value=ratio.p_value,
        p_adjusted=p_adjusted,
        rho=ratio.rho,
    )


def _with_pile(view: RunView, rows: Bools, finding: Steadiness) -> Steadiness:
    """An overloaded service needs no test of times: what it has not answered piles up, and can be counted.

    In balance the number in flight at two moments differs by chance alone, with a variance of about their sum.
    """
    starts_s = view.moments.intended_s[view.moments.sent(rows)]
    if finding.course is Course.ROSE or not view.suite.load.is_open or not len(starts_s):
        return finding
    first_s, last_s = float(starts_s.min()), float(starts_s.max())
    half_way, at_last = (view.moments.in_flight_at(rows, at_s) for at_s in ((first_s + last_s) / 2, last_s))
    beyond_chance = at_last - half_way > BEYOND_CHANCE * math.sqrt(at_last + half_way)
    if not (beyond_chance and at_last >= PILED_UP * half_way):
        return finding
    sentence = (
        f"Rose: {half_way:,} trials were in flight half way and {at_last:,} at the last start; the service did not "
        "keep up with the starts, or the stretch is short against its times."
    )
    return replace(finding, course=Course.ROSE, sentence=sentence)


def _course(ratio: HalfRatio, p_adjusted: float | None) -> Course:
    if (ratio.p_value if p_adjusted is None else p_adjusted) >= HOLM.alpha:
        return Course.TOO_CLOSE if leaves_out(ratio.estimate, neutral=1.0) else Course.NO_DRIFT
    return Course.ROSE if ratio.estimate.point > 1 else Course.FELL


def _sentence(course: Course, ratio: Estimate, n_tested: int) -> str:
    assert ratio.lower is not None and ratio.upper is not None  # t limits
    if course is Course.NO_DRIFT:
        return f"No drift found: the second half took {_times_as_long(ratio)}."
    if course is Course.TOO_CLOSE:
        return (
            f"Too close to tell: the second half took {_times_as_long(ratio)}; of {n_tested} stretches that were "
            "looked at, one may show as much by chance."
        )
    near, far = sorted((abs(ratio.lower - 1), abs(ratio.upper - 1)))
    verb = "Rose" if course is Course.ROSE else "Fell"
    interval = f"95% CI {near * 100:.0f} to {far:.0%}"
    return f"{verb} by {abs(ratio.point - 1):.0%} from the first to the second half ({interval})."


def _times_as_long(ratio: Estimate) -> str:
    """With a digit more where the two limits would look alike."""
    digits = 2 if f"{ratio.lower:.2f}" != f"{ratio.upper:.2f}" else 3
    interval = f"{ratio.lower:.{digits}f} to {ratio.upper:.{digits}f}"
    return f"{ratio.point:.{digits}f}\N{MULTIPLICATION SIGN} as long as the first (95% CI {interval})"
