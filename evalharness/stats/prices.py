"""What does a gain in score take? The extra cost or time of an arm over its gain, with limits or not at all."""

from __future__ import annotations

from dataclasses import replace

from evalharness.core.findings import Estimate, NoPrice, Price
from evalharness.stats.sample import Settings, with_level

METHOD = "limits of both differences combined (Bonferroni)"


def half_alpha(settings: Settings) -> Settings:
    """At which both differences of a price must be estimated: two limits err together no more than alpha."""
    return with_level(settings, 1 - settings.alpha / 2)


def price_of_gain(extra: Estimate, gain: Estimate, level: float) -> Price:
    """``extra`` / ``gain`` of an arm that is shown to gain, both at ``half_alpha`` of ``level``: in the unit of
    ``extra`` for a whole unit of gain.

    A ratio of differences has no limits unless both leave out 0 (Fieller 1954): no price unless the arm is shown to
    take more, and no upper limit where the gain, at the stricter level, may be nothing. The limits are the extremes of
    the two intervals: a little wider than Fieller's, but they rest on the score interval that is right for few flips
    and on any interval of the extra, medians of times that never ended included.
    """
    if extra.upper is not None and extra.upper <= 0:
        return Price(estimate=None, why_not=NoPrice.SAVES)
    if gain.point <= 0 or gain.upper is None or extra.lower is None or extra.lower <= 0:
        return Price(estimate=None, why_not=NoPrice.CANNOT_TELL)
    upper = None
    if extra.upper is not None and gain.lower is not None and gain.lower > 0:
        upper = extra.upper / gain.lower
    return Price(
        estimate=replace(
            extra,
            point=extra.point / gain.point,
            lower=extra.lower / gain.upper,
            upper=upper,
            method=METHOD,
            n=gain.n,
            level=level,
            n_effective=None,
        )
    )
