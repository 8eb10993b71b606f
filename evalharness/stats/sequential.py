"""May the run stop? Verdicts of gates that stay valid however often one looks.

A case enters when it is complete in all arms and repeats; cases come in random order. The interval after stopping is
the sequence of all bets so far (``stats.betting``), never the interval of a number of cases fixed beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalharness.core.findings import Estimate, Reason, Verdict
from evalharness.stats.betting import Betting, Discordant, betting
from evalharness.stats.bootstrap import SMALLEST_P
from evalharness.stats.evidence import ALPHA, LEVEL, Claim
from evalharness.stats.gates import GateFinding, Requirement, kept_among, missing_clause
from evalharness.stats.multiple import holm

METHOD = "betting confidence sequence"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """One gate as the cases come in, on values of which none is missing. ``verdict`` stays once it is given."""

    requirement: Requirement
    bets: Betting
    flips: Discordant | None
    verdict: Verdict = Verdict.INCONCLUSIVE

    def after(self, total: float, cases: int = 1) -> Course:
        flips = None if self.flips is None else self.flips.after(total)
        then = replace(self, bets=self.bets.after(total, cases), flips=flips)
        return then if then.verdict is not Verdict.INCONCLUSIVE else replace(then, verdict=then._verdict())

    def p_value(self, claim: Claim) -> float:
        """1 / the most that the bets on it ever made: valid whenever one stops."""
        of_flips = self.flips is not None and claim.limit == 0
        log_e = self.flips.log_e(claim) if of_flips and self.flips is not None else self.bets.log_e(claim)
        return max(SMALLEST_P, min(1.0, math.exp(-max(0.0, log_e))))

    @property
    def p_fail(self) -> float:
        """Of a region with two limits twice the smaller p."""
        claims = self.requirement.fails_if
        return min(1.0, len(claims) * min(self.p_value(claim) for claim in claims))

    def _verdict(self) -> Verdict:
        if all(self.p_value(claim) <= ALPHA for claim in self.requirement.passes_if):
            return Verdict.PASS
        return Verdict.FAIL if self.p_fail <= ALPHA else Verdict.INCONCLUSIVE

    def estimate(self, unit: str) -> Estimate | None:
        """The interval of the sequence, level 0.90; None before the first case.

        Where bets on flips decide about 0, its limit is at 0 at least (or at most), and not beyond it before they do.
        Cases that came in no random order can leave nothing of it: then it has no limits. A mean that has since left
        it is drawn at its end.
        """
        bets = self.bets
        if bets.cases == 0:
            return None
        lower, upper = bets.limits
        if self.flips is not None:
            shown = [self.p_value(Claim(limit=0.0, above=above)) <= ALPHA for above in (True, False)]
            lower = max(lower, 0.0) if shown[0] else min(lower, 0.0)
            upper = min(upper, 0.0) if shown[1] else max(upper, 0.0)
        mean = bets.low + (bets.high - bets.low) * bets.total * bets.largest / bets.cases
        empty = lower >= upper
        return Estimate(
            point=mean if empty else min(max(mean, lower), upper),
            lower=None if empty else lower,
            upper=None if empty else upper,
            method=f"{METHOD}: nothing is left of it, the cases came in no random order" if empty else METHOD,
            n=bets.cases,
            unit=unit,
            level=LEVEL,
            n_clusters=bets.n,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watch:
    """One gate of a run in progress. ``worst`` and ``best``: with all missing trials against the candidate, and for it;
    the same course until a trial is missing."""

    worst: Course
    best: Course
    n_missing: int = 0

    def after(self, total: float, cases: int = 1) -> Watch:
        """With one more unit (a case; with clusters, all cases of one) that is complete: the sum of its values."""
        worst = self.worst.after(total, cases)
        return replace(self, worst=worst, best=worst if self.best is self.worst else self.best.after(total, cases))

    def after_missing(self, worst: float, best: float, *, n_missing: int, cases: int = 1) -> Watch:
        """With one more unit of which trials are missing: its sum with these against the candidate, and for it."""
        return Watch(
            worst=self.worst.after(worst, cases),
            best=self.best.after(best, cases),
            n_missing=self.n_missing + n_missing,
        )

    @property
    def p_fail(self) -> float:
        return max(self.worst.p_fail, self.best.p_fail)


def watch(requirement: Requirement, *, low: float, high: float, largest: int = 1, single_pairs: bool = False) -> Watch:
    """A gate before the first case. ``low`` and ``high``: what a case's value can lie between: -1 and 1 for differences
    of scores, 0 and 1 for a score and for whether a time is inside a limit (the quantile's share is then the limit).

    ``largest``: cases of the largest cluster. ``single_pairs``: every value is the difference of two single 0/1 trials,
    or a ``sign_of_ratio``, of a case of its own; a limit of 0 is then judged by the discordant pairs.
    """
    course = Course(
        requirement=requirement,
        bets=betting([claim.limit for claim in requirement.passes_if], low=low, high=high, largest=largest),
        flips=Discordant() if single_pairs else None,
    )
    return Watch(worst=course, best=course)


def sign_of_ratio(candidate_ms: float, baseline_ms: float, limit: float) -> float:
    """1.0 where a case's ratio of times is below ``limit``, -1.0 above, 0.0 at it and where both failed (+inf).

    A gate *improved* on these asks whether the median ratio is below the limit.
    """
    if math.isinf(candidate_ms) and math.isinf(baseline_ms):
        return 0.0
    bar = baseline_ms * limit
    return float((candidate_ms < bar) - (candidate_ms > bar))


def judge_watches(watches: Sequence[Watch], *, unit: str = "share") -> tuple[GateFinding, ...]:
    """As ``judge_gates``, at any moment: a run may stop as soon as no verdict is inconclusive, and these are then its
    verdicts."""
    adjusted = holm([each.p_fail for each in watches]) if watches else ()
    return tuple(_finding(each, p, len(watches), unit) for each, p in zip(watches, adjusted, strict=True))


def _finding(each: Watch, p_adjusted: float, n_gates: int, unit: str) -> GateFinding:
    whole = each.n_missing == 0
    finding = GateFinding(
        verdict=each.worst.verdict,
        estimate=each.worst.estimate(unit) if whole else None,
        worst=None if whole else each.worst.estimate(unit),
        best=None if whole else each.best.estimate(unit),
        p_fail=each.p_fail,
        p_fail_adjusted=p_adjusted,
        n_missing=each.n_missing,
    )
    if each.worst.verdict is not each.best.verdict:
        return replace(
            finding, verdict=Verdict.INCONCLUSIVE, reason=Reason.MISSING, clause=missing_clause(each.n_missing)
        )
    if finding.verdict is Verdict.INCONCLUSIVE:
        return replace(finding, reason=Reason.NOT_ENOUGH, clause=Reason.NOT_ENOUGH.value)
    return kept_among(finding, n_gates)
