"""How well this client saw a time: one rule for every table, chart and sentence, from what it states to be off by.

A figure is *coarse* where the stated error (p99) is more than 1% of it. All figures of a time are withheld where the
error is more than its median: they would be about the client.
"""

from __future__ import annotations

from evalharness.core.findings import Analysis, Comparison, Estimate, TimeFindings
from evalharness.report import numbers
from evalharness.verdict.observer import ERROR_SHARE

#: The mark of a figure that this client did not see well enough.
COARSE = "coarse"
COARSE_NOTE = "Coarse: this client may be off by more than 1% of the figure."
NOT_SHOWN = "not shown"
NOT_SHOWN_NOTE = "Not shown: this client may be off by more than the median itself."
NARROW_NOTE = "“Less than … wide”: the ends of the interval lie closer together than this client can tell apart."


def is_drowned(times: TimeFindings | None) -> bool:
    """Whether the stated error exceeds the median itself; False where either is not known."""
    median = times.quantiles.get("0.5") if times else None
    if times is None or median is None or times.error_p99_ms is None:
        return False
    return times.error_p99_ms > median.point


def coarse_ms(figure_ms: float, error_p99_ms: float | None) -> float | None:
    """The stated error where it makes the figure coarse, else None."""
    return error_p99_ms if error_p99_ms is not None and error_p99_ms > ERROR_SHARE * figure_ms else None


def quantile(times: TimeFindings | None, q: str) -> Estimate | None:
    """What of a quantile may be shown; None where it was not reached, not measured, or is drowned."""
    return None if times is None or is_drowned(times) else times.quantiles.get(q)


def time_text(estimate: Estimate, error_p99_ms: float | None) -> tuple[str, str]:
    """A time and its interval, with no digit that the client's error makes up; the interval says so where its ends
    cannot be told apart for it."""
    off_ms = coarse_ms(estimate.point, error_p99_ms)
    return numbers.duration_of(estimate, error_ms=off_ms), numbers.duration_interval(estimate, error_ms=off_ms)


def ratio(analysis: Analysis, metric: str, arm_id: str) -> Comparison | None:
    """An arm's cost, time or tokens against the baseline's; None where either side's time is drowned."""
    sides = [arm.times.get(metric) for arm in analysis.arms if arm.arm_id in (arm_id, analysis.baseline)]
    return None if any(map(is_drowned, sides)) else analysis.ratios.get(metric, {}).get(arm_id)
