"""Does a run keep what its gates demand? Pass, fail or inconclusive; never by a point estimate.

A gate is a region in which a quantity has to lie. It passes where the one-sided 95% bounds lie inside, fails where they
lie outside, and is inconclusive otherwise. ``gate_scores``, ``gate_times``, ``gate_means`` and ``gate_costs`` make the
evidence for each kind of quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalharness.core.findings import Estimate, Reason, Settling, Verdict
from evalharness.stats.evidence import ALPHA, FEWEST_CLUSTERS, Claim, Evidence, Gap, Showing
from evalharness.stats.multiple import holm
from evalharness.stats.sample import Sample
from evalharness.stats.settle import settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """The open region ``lower`` to ``upper`` in which the quantity has to lie (None: unlimited on that side).

    ``closed``: a quantity at the limit is inside.
    """

    lower: float | None = None
    upper: float | None = None
    closed: bool = False

    @property
    def passes_if(self) -> tuple[Claim, ...]:
        """All have to be shown."""
        low = () if self.lower is None else (Claim(limit=self.lower, above=True, closed=self.closed),)
        high = () if self.upper is None else (Claim(limit=self.upper, above=False, closed=self.closed),)
        return (*low, *high)

    @property
    def fails_if(self) -> tuple[Claim, ...]:
        """One has to be shown."""
        return tuple(Claim(limit=claim.limit, above=not claim.above) for claim in self.passes_if)


def non_inferior(margin: float) -> Requirement:
    """Candidate - baseline above -``margin`` (0 or more, in the unit of the score); 0 is *no regression*."""
    if margin < 0:
        raise ValueError(f"a margin of {margin:g} is negative; say how much worse would still do, as in 0.02")
    return Requirement(lower=-margin)


def improved() -> Requirement:
    """Candidate - baseline above 0."""
    return Requirement(lower=0.0)


def equivalent(margin: float) -> Requirement:
    """Candidate - baseline between -``margin`` and ``margin``: two one-sided tests (Schuirmann 1987)."""
    if margin <= 0:
        raise ValueError(f"equivalence needs a margin above 0, not {margin:g}: nothing is ever shown to be equal")
    return Requirement(lower=-margin, upper=margin)


def at_least(limit: float) -> Requirement:
    return Requirement(lower=limit, closed=True)


def at_most(limit: float) -> Requirement:
    return Requirement(upper=limit, closed=True)


def ratio_at_most(limit: float) -> Requirement:
    """candidate / baseline below ``limit``: non-inferiority of the negative log ratio with margin log(limit)."""
    if limit <= 0:
        raise ValueError(f"a ratio lies above 0; at most {limit:g} can never hold")
    return Requirement(upper=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What is demanded and what was found.

    ``barred``: why no verdict may be given whatever the numbers say (*confounded with time*), None where one may.
    ``effect``: a planned value of the quantity, for what would settle the gate; None: the estimate.
    """

    requirement: Requirement
    evidence: Evidence
    barred: str | None = None
    effect: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFinding:
    """The verdict of one gate, and what it rests on.

    ``estimate``: at level 0.90, on the trials that are there; ``worst`` and ``best``: with all missing ones against the
    candidate, and for it (None: nothing missing, or no estimate). ``p_fail``: one-sided p that the quantity lies
    outside, the larger of both extremes; ``p_fail_adjusted``: by Holm over the gates judged together. ``reason``: None
    where decided; ``clause`` says it in words. ``settling``: None where decided, and where more cases would not help.
    """

    verdict: Verdict
    reason: Reason | None = None
    clause: str = ""
    estimate: Estimate | None = None
    worst: Estimate | None = None
    best: Estimate | None = None
    p_fail: float | None = None
    p_fail_adjusted: float | None = None
    n_missing: int = 0
    settling: Settling | None = None


def judge_gates(gates: Sequence[Gate]) -> tuple[GateFinding, ...]:
    """Each gate's verdict among all that are judged together, in their order.

    All have to pass, so a pass needs no correction (intersection-union, Berger 1982). A fail is kept only where Holm
    over all gates keeps its p; else it is inconclusive.
    """
    alone = [_alone(gate) for gate in gates]
    adjusted = holm([1.0 if finding.p_fail is None else finding.p_fail for finding in alone]) if alone else ()
    found = []
    for gate, finding, p in zip(gates, alone, adjusted, strict=True):
        kept = kept_among(replace(finding, p_fail_adjusted=p), len(gates))
        if kept.reason is Reason.HOLM:
            settling = settle(_open_gaps(gate), effect=gate.effect, alpha=ALPHA / len(gates))
            kept = replace(kept, settling=settling)
        found.append(kept)
    return tuple(found)


def kept_among(finding: GateFinding, n_gates: int) -> GateFinding:
    """The finding, or inconclusive where it fails by itself and Holm over ``n_gates`` does not keep that."""
    p = finding.p_fail_adjusted
    if finding.verdict is not Verdict.FAIL or p is None or p <= ALPHA:
        return finding
    clause = f"fails by itself, but among {n_gates} gates chance alone would do that too often"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, reason=Reason.HOLM, clause=clause)


def _alone(gate: Gate) -> GateFinding:
    """The verdict without the other gates."""
    evidence = gate.evidence
    finding = GateFinding(
        verdict=Verdict.INCONCLUSIVE,
        estimate=evidence.observed.estimate,
        worst=evidence.extremes[0].estimate if evidence.extremes else None,
        best=evidence.extremes[-1].estimate if evidence.extremes else None,
        n_missing=evidence.n_missing,
    )
    if gate.barred is not None:
        return replace(finding, reason=Reason.BARRED, clause=gate.barred)
    requirement = gate.requirement
    ps = [_p_fail(requirement, showing) for showing in evidence.decisive]
    finding = replace(finding, p_fail=max(ps))
    verdicts = {_straight(requirement, showing, p) for showing, p in zip(evidence.decisive, ps, strict=True)}
    if len(verdicts) == 1 and Verdict.INCONCLUSIVE not in verdicts:
        return replace(finding, verdict=verdicts.pop())
    reason = _why(gate, verdicts)
    settling = settle(_open_gaps(gate), effect=gate.effect) if reason is Reason.NOT_ENOUGH else None
    return replace(finding, reason=reason, clause=_clause(reason, evidence), settling=settling)


def _straight(requirement: Requirement, showing: Showing, p_fail: float) -> Verdict:
    if p_fail <= ALPHA:
        return Verdict.FAIL
    passes = all(_shown(showing, claim) for claim in requirement.passes_if)
    return Verdict.PASS if passes else Verdict.INCONCLUSIVE


def _shown(showing: Showing, claim: Claim) -> bool:
    return showing.may_decide(claim) and showing.p_value(claim) <= ALPHA


def _p_fail(requirement: Requirement, showing: Showing) -> float:
    """One-sided p that the quantity lies outside; 1.0 where so few cases may not decide.

    Of a region with two limits: the chance, at the nearer one, of an estimate so far out on either side. It is the p of
    the nearer limit alone where the region is wide, and twice that where it is narrow: a 90% interval lies outside a
    very narrow region in 10% of the runs in which the truth lies inside. Source: Hodges and Lehmann 1954.
    """
    claims = requirement.fails_if
    limits = [claim.limit for claim in claims]
    ps = [
        sum(showing.p_value(replace(claim, limit=limit)) for limit in limits) if showing.may_decide(claim) else 1.0
        for claim in claims
    ]
    return min(1.0, *ps)


def _why(gate: Gate, verdicts: set[Verdict]) -> Reason:
    observed, requirement = gate.evidence.observed, gate.requirement
    if gate.evidence.extremes:
        alone = _straight(requirement, observed, _p_fail(requirement, observed))
        if len(verdicts) > 1 or alone is not Verdict.INCONCLUSIVE:
            return Reason.MISSING
    if observed.estimate is None and not _open_gaps(gate):
        return Reason.MISSING if gate.evidence.extremes else Reason.NOTHING
    if not all(observed.may_decide(claim) for claim in requirement.passes_if):
        return Reason.FEW_CASES
    return Reason.NOT_ENOUGH


def _clause(reason: Reason, evidence: Evidence) -> str:
    if reason is Reason.MISSING:
        return missing_clause(evidence.n_missing)
    if reason is Reason.FEW_CASES:
        return f"only {evidence.observed.n_clusters} independent cases, {FEWEST_CLUSTERS} are needed"
    return reason.value


def missing_clause(n_missing: int) -> str:
    return "1 missing call decides" if n_missing == 1 else f"{n_missing:,} missing calls decide"


def _open_gaps(gate: Gate) -> list[Gap]:
    """To the limits that have to be left behind: all of a region that the estimate lies in, else the nearest."""
    estimate = gate.evidence.observed.estimate
    value = gate.effect if gate.effect is not None else None if estimate is None else estimate.point
    claims = gate.requirement.passes_if
    if value is None:
        broken = claims
    else:
        broken = tuple(claim for claim in claims if not claim.shown_by((value, value)))
    found = [gate.evidence.gap(claim.limit) for claim in broken or claims]
    return [gap for gap in found if gap is not None]


def must_pass(sample: Sample) -> GateFinding:
    """Whether every trial is right (1.0): a statement about these trials and no others, so it has no p.

    One wrong answer fails, whatever is missing; else a missing one is inconclusive. Not to be judged with other gates.
    """
    wrong = int((sample.values < 1).sum())
    n_missing = sample.n_missing
    if wrong:
        trials = "1 trial is" if wrong == 1 else f"{wrong:,} trials are"
        return GateFinding(verdict=Verdict.FAIL, clause=f"{trials} not right", n_missing=n_missing)
    if n_missing or not sample.scored.any():
        reason = Reason.MISSING if n_missing else Reason.NOTHING
        clause = f"{n_missing:,} missing" if n_missing else reason.value
        return GateFinding(verdict=Verdict.INCONCLUSIVE, reason=reason, clause=clause, n_missing=n_missing)
    return GateFinding(verdict=Verdict.PASS)
