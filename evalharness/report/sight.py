"""How well this client saw a time: one rule for every table, chart and sentence, from what it states to be off by.

A figure is *coarse* where it may be off by more than 1% of itself (``TimeFindings.errors_ms``). One that may be off by
more than the whole of itself is withheld, and with the median all figures of a time: they would be about the client.
"""

from __future__ import annotations

from evalharness.core.findings import Analysis, Comparison, Estimate, TimeFindings
from evalharness.report import numbers
from evalharness.verdict.spread import COARSE_SHARE

#: The mark of a figure that this client did not see well enough.
COARSE = "coarse"
COARSE_NOTE = "Coarse: this client may be off by more than 1% of the figure."
NOT_SHOWN = "not shown"
NOT_SHOWN_NOTE = "Not shown: this client may be off by more than the median itself."
NARROW_NOTE = "“Less than … wide”: the ends of the interval lie closer together than this client can tell apart."


def is_drowned(times: TimeFindings | None) -> bool:
    """Whether the median may be off by more than itself; False where that is not known."""
    return times is not None and _is_lost(times, "0.5")


def _is_lost(times: TimeFindings, q: str) -> bool:
    estimate, error_ms = times.quantiles.get(q), times.error_ms(q)
    return estimate is not None and error_ms is not None and error_ms > estimate.point


def hidden_ms(times: TimeFindings, q: str) -> float | None:
    """How far off a quantile may be that is not shown for it; None where nothing hides it."""
    lost = next((each for each in ("0.5", q) if _is_lost(times, each)), None)
    return None if lost is None else times.error_ms(lost)


def coarse_ms(figure_ms: float, error_ms: float | None) -> float | None:
    """How far off a figure may be where that makes it coarse, else None."""
    return error_ms if error_ms is not None and error_ms > COARSE_SHARE * figure_ms else None


def quantile(times: TimeFindings | None, q: str) -> Estimate | None:
    """What of a quantile may be shown; None where it was not reached, not measured, or may be off by all of it."""
    return None if times is None or hidden_ms(times, q) is not None else times.quantiles.get(q)


def time_text(estimate: Estimate, error_ms: float | None) -> tuple[str, str]:
    """A time and its interval, with no digit that the client's error makes up; the interval says so where its ends
    cannot be told apart for it."""
    return numbers.duration_of(estimate, error_ms=error_ms), numbers.duration_interval(estimate, error_ms=error_ms)


def ratio(analysis: Analysis, metric: str, arm_id: str) -> Comparison | None:
    """An arm's cost, time or tokens against the baseline's; None where either side's time is drowned."""
    sides = [arm.times.get(metric) for arm in analysis.arms if arm.arm_id in (arm_id, analysis.baseline)]
    return None if any(map(is_drowned, sides)) else analysis.ratios.get(metric, {}).get(arm_id)
