"""What a further run should try, to know more exactly up to which level of load the service level holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalharness.core.findings import Met, ServiceLevel, StretchFindings
from evalharness.core.model import LevelUnit
from evalharness.stats.planning import Question
from evalharness.stats.proportions import normal_quantile
from evalharness.verdict.service import ONE_SIDED
from evalharness.verdict.settling import MOST_TIMES, POWER
from evalharness.verdict.stretches import Level

#: It was not settled by as many calls: that fewer would do, or hardly more, is no advice.
LEAST_TIMES = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Levels by what is shown of them, each rising: ``held`` from the lowest, ``failed`` up to the highest, ``open``
    what lies between them. ``each_s``: seconds of a level, None where its trials end it."""

    held: Sequence[float]
    open: Sequence[StretchFindings]
    failed: Sequence[float]
    unit: LevelUnit
    each_s: float | None

    def words(self, levels: Sequence[float]) -> str:
        """``70/s and 80/s``."""
        *first, last = (Level(value=level, unit=self.unit).words() for level in levels)
        return f"{', '.join(first)} and {last}" if first else last


def narrowing(between: Between) -> tuple[str, ...]:
    """Whole sentences; empty where no level could be named that lies between those that were tried."""
    return (*_not_kept(between), *_contradiction(between), *_longer(between), *_further(between))


def _not_kept(between: Between) -> Iterator[str]:
    missed = [stretch.level or 0.0 for stretch in between.open if stretch.rate_kept is False]
    if missed:
        what = "that says" if len(missed) == 1 else "those say"
        yield (
            f"This client did not keep {between.words(missed)}, so {what} nothing of the service: give it more "
            "workers, or a machine with less to do."
        )


def _contradiction(between: Between) -> Iterator[str]:
    kept = [(stretch.level or 0.0, _met(stretch)) for stretch in between.open if stretch.rate_kept is not False]
    missed = [level for level, met in kept if met is Met.NOT_MET]
    met_above = [level for level, met in kept if met is Met.MET and missed and level > missed[0]]
    if met_above:
        yield (
            f"Not met at {between.words(missed[:1])} and yet met at {between.words(met_above[:1])}: perhaps a slow "
            "start. Run again, with a longer warm-up."
        )


def _longer(between: Between) -> Iterator[str]:
    """How long the open levels would have to be, were their present shares the truth."""
    unsettled = [stretch for stretch in between.open if stretch.rate_kept is not False and _met(stretch) is Met.OPEN]
    times = {stretch.level or 0.0: _times_as_long(stretch.service) for stretch in unsettled}
    near = [level for level, factor in times.items() if factor is None]
    factors = {level: factor for level, factor in times.items() if factor is not None}
    if factors:
        longest = max(factors.values())
        amount = f"about {_rounded_up(longest)} times as many calls at each level"
        if between.each_s is not None:
            amount = f"about {_rounded_up(longest * between.each_s)} s for each level (each_s, now {between.each_s:g})"
        yield f"To settle {between.words(list(factors))}: {amount}."
    if near:
        yield f"At {between.words(near)} no length can be named: the share of good calls is too near its target."


def _times_as_long(service: ServiceLevel | None) -> float | None:
    """Independent trials wanted over those at hand; None where that would be noise, or the share is not known."""
    share = service.share if service else None
    if service is None or share is None or not share.n_effective or share.point == service.share_at_least:
        return None
    asked = service.share_at_least
    question = Question(
        distance=abs(share.point - asked),
        variance=share.point * (1 - share.point),
        variance_at_limit=asked * (1 - asked),
    )
    factor = question.cases(normal_quantile(ONE_SIDED), POWER) / share.n_effective
    return max(LEAST_TIMES, factor) if factor <= MOST_TIMES else None


def _further(between: Between) -> Iterator[str]:
    levels = _levels(between)
    if levels and not between.failed and not between.open:
        yield f"To see where it fails: add {between.words(levels)}."
    elif levels:
        yield f"To narrow it: add {between.words(levels)}."


def _levels(between: Between) -> list[float]:
    """Between what is shown and what is not; below the lowest where nothing holds, above the highest where nothing
    fails."""
    tried = [stretch.level or 0.0 for stretch in between.open]
    lower, upper = (between.held or (None,))[-1], (between.failed or (None,))[0]
    wanted: list[float] = []
    if not tried and lower is not None and upper is not None:
        wanted = [lower + (upper - lower) * part / 4 for part in (1, 2, 3)]
    elif not tried:
        wanted = [upper / 4, upper / 2] if upper is not None else [1.5 * lower, 2 * lower] if lower is not None else []
    else:
        wanted = [tried[0] / 2 if lower is None else (lower + tried[0]) / 2]
        # Of a client that did not keep the highest, nothing more is to be asked.
        if between.open[-1].rate_kept is not False:
            wanted += [tried[-1] * 1.5 if upper is None else (tried[-1] + upper) / 2]
    known = {*between.held, *tried, *between.failed}
    rounded = [_rounded(level, between.unit) for level in wanted]
    return sorted({level for level in rounded if level > 0} - known)


def _rounded(level: float, unit: LevelUnit) -> float:
    """Two digits, or three below twenty-five: a rate between 10/s and 11/s is 10.5/s. Whole trials in flight."""
    if unit is LevelUnit.CONCURRENCY:
        return float(round(level))
    lead = level / 10 ** math.floor(math.log10(level))
    return float(f"{level:.{3 if lead < 2.5 else 2}g}")


def _rounded_up(value: float) -> str:
    """One digit and a half: 6.3 is 7, 23 is 25."""
    step = 1.0 if value < 10 else 5.0 if value < 100 else 50.0
    return f"{math.ceil(value / step) * step:g}"


def _met(stretch: StretchFindings) -> Met:
    return Met.OPEN if stretch.service is None else stretch.service.met
