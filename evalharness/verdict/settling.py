"""What would settle an arm that is neither shown to keep the rule nor shown to break it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalharness.core.model import Status
from evalharness.stats.planning import Question, cases_to_settle, normal_critical
from evalharness.verdict.field import Field
from evalharness.verdict.reading import FEWEST_CLUSTERS
from evalharness.verdict.view import RunView

#: Beyond this many times the present cases, the distance to the margin is about half of its own standard error or less:
#: a number of cases made from it would be noise.
MOST_TIMES = 30
POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """``rival``: the arm that decides. ``cases`` None: no number of cases can be named, or would do."""

    rival: int
    cases: int | None


def settling(view: RunView, field: Field, arm: int) -> Settling | None:
    """An undecided arm is settled as soon as one rival excludes it, or it is admissible against all.

    The present estimates point to one of the two. Beyond the margin behind some rival: the exclusion that needs the
    fewest cases. Else: admissibility, which needs all open rivals at once. None without a rival.
    """
    critical = normal_critical(field.critical, view.table.n_clusters - 1)
    behind = {
        rival: question
        for rival in field.rivals(arm)
        if rival in field.eligible and (question := _question(field, rival, arm, field.margin)) is not None
    }
    if behind:
        rival = min(behind, key=lambda other: behind[other].cases(critical, POWER))
        return Settling(rival=rival, cases=_cases(view, [behind[rival]], critical))
    still_open = [rival for rival in field.rivals(arm) if not field.within(arm, rival)]
    ahead = {rival: _question(field, arm, rival, -field.margin) for rival in still_open}
    questions = {rival: question for rival, question in ahead.items() if question is not None}
    if not still_open or len(questions) < len(ahead):
        stuck = [rival for rival in still_open if rival not in questions] or field.rivals(arm)
        nearest = min(stuck, key=lambda rival: _lower(field, arm, rival), default=None)
        return None if nearest is None else Settling(rival=nearest, cases=None)
    hardest = max(questions, key=lambda rival: questions[rival].cases(critical, POWER))
    needed = _cases(view, list(questions.values()), critical) if arm in field.eligible else None
    return Settling(rival=hardest, cases=needed)


def _question(field: Field, first: int, second: int, limit: float) -> Question | None:
    """Is ``first - second`` above ``limit``, with all missing scores against it? None where it does not look so.

    A pair that only missing trials keep open has no question: they would be missing among more cases too.
    """
    gap, variance = field.worst.get((first, second)), field.variances.get((first, second))
    if gap is None or variance is None or gap.point <= limit:
        return None
    # At a true difference of the limit at least that share of the cases flips.
    at_limit = max(variance, abs(limit) * (1 - abs(limit)))
    return Question(distance=gap.point - limit, variance=variance, variance_at_limit=at_limit)


def _cases(view: RunView, questions: list[Question], critical: float) -> int | None:
    """None while trials are pending, for so few cases that their spread is unknown, and where only these count."""
    n_cases = view.table.n_cases
    unfinished = bool(view.table.has_status(Status.PENDING).any())
    if unfinished or view.table.n_clusters < FEWEST_CLUSTERS or view.settings.scope != "population":
        return None
    needed = cases_to_settle(questions, critical=critical, power=POWER)
    return None if needed is None or needed > MOST_TIMES * n_cases else max(needed, n_cases + 1)


def _lower(field: Field, arm: int, rival: int) -> float:
    lower = field.lower(arm, rival)
    return -math.inf if lower is None else lower
