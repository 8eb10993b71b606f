"""Coverage and false alarms of judge correction, agreement, preference, Bradley-Terry and pass@k.

By hand, larger: ``poe calibrate --topic judge --runs 1000``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from evalharness.stats import bradley_terry, judge, judge_gap, passes, preference
from evalharness.stats.judge_agreement import Labelled, agreement
from evalharness.stats.judge_calibration import correct_by_calibration
from evalharness.stats.sample import Sample, Settings, sample_of
from tests.stats.calibrate import Cell, case_shares, covers, floor_for, right_or_wrong

# ---------------------------------------------------------------- judges


@dataclass(frozen=True)
class Situation:
    """An arm of ``n`` cases with ``repeats`` outputs each, a share ``p`` of them right; ``se``, ``sp`` of the judge."""

    n: int
    p: float
    se: float
    sp: float
    repeats: int = 1
    icc: float = 0.5

    @property
    def name(self) -> str:
        repeats = f" K={self.repeats} icc={self.icc:g}" if self.repeats > 1 else ""
        return f"n={self.n} p={self.p:g} Se={self.se:g} Sp={self.sp:g}{repeats}"


def verdicts(rng: np.random.Generator, right: np.ndarray, se: float, sp: float) -> np.ndarray:
    return (rng.random(right.shape) < np.where(right == 1, se, 1 - sp)).astype(float)


def judged_arm(rng: np.random.Generator, s: Situation, n_labels: int, shares: np.ndarray | None = None) -> judge.Judged:
    shares = case_shares(rng, s.n, s.p, s.icc if s.repeats > 1 else 0) if shares is None else shares
    right = (rng.random((s.n, s.repeats)) < shares[:, None]).astype(float).ravel()
    label = np.full(len(right), np.nan)
    asked = rng.choice(len(right), n_labels, replace=False)
    label[asked] = right[asked]
    case = np.repeat(np.arange(s.n), s.repeats)
    return judge.Judged(judge=verdicts(rng, right, s.se, s.sp), label=label, case=case, cluster=np.arange(s.n))


def outside_labels(rng: np.random.Generator, m: int, se: float, sp: float, p: float = 0.5) -> Labelled:
    label = (rng.random(m) < p).astype(float)
    return Labelled(judge=verdicts(rng, label, se, sp), label=label, cluster=np.arange(m))


def labels_cell(s: Situation, n_labels: int) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        result = judge.correct_by_labels(judged_arm(rng, s, n_labels), settings)
        return covers(result.corrected, s.p)

    return Cell(f"PPI++: {s.name}, {n_labels} labels", draw, at_least=floor_for(n_labels * min(s.p, 1 - s.p)))


def labels_pay_cell(s: Situation, n_labels: int) -> Cell:
    """How often the interval is narrower than that of the labels alone."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        arm = judged_arm(rng, s, n_labels)
        alone = judge.Judged(judge=np.full_like(arm.judge, np.nan), label=arm.label, case=arm.case, cluster=arm.cluster)
        with_judge, without = (judge.correct_by_labels(each, settings).corrected for each in (arm, alone))
        return with_judge.upper - with_judge.lower < without.upper - without.lower

    return Cell(f"PPI++ narrower than labels alone: {s.name}, {n_labels} labels", draw, at_least=0.9)


def calibration_cell(s: Situation, m: int) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        arm, outside = judged_arm(rng, s, 0), outside_labels(rng, m, s.se, s.sp)
        result = correct_by_calibration(arm, outside, settings)
        return result.corrected is None or covers(result.corrected, s.p)

    return Cell(f"Rogan-Gladen: {s.name}, {m} outside labels", draw, at_least=floor_for(s.n * min(s.p, 1 - s.p)))


def kappa_cell(m: int, p: float, se: float, sp: float, size: int = 1) -> Cell:
    """``size`` outputs a case, whose rightness and the judge's error have something in common."""
    observed, passed = p * se + (1 - p) * sp, p * se + (1 - p) * (1 - sp)
    chance = p * passed + (1 - p) * (1 - passed)
    truth = (observed - chance) / (1 - chance)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        label = (rng.random((m, size)) < case_shares(rng, m, p, 0.5 if size > 1 else 0)[:, None]).astype(float).ravel()
        cluster = np.repeat(np.arange(m), size)
        labelled = Labelled(judge=verdicts(rng, label, se, sp), label=label, cluster=cluster)
        kappa = agreement(labelled, settings).kappa
        return kappa is None or covers(kappa, truth)

    clusters = f", {size} outputs a case" if size > 1 else ""
    floor = floor_for(m * min(1 - observed, p, 1 - p))
    return Cell(f"kappa {truth:.2f}: n={m} p={p:g} Se={se:g} Sp={sp:g}{clusters}", draw, at_least=floor)


def gap_cell(kind: str, s: Situation, gain: float, n_labels: int, se_of_candidate: float | None = None) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        shares = case_shares(rng, s.n, s.p, 0.5)
        better = Situation(n=s.n, p=s.p, se=se_of_candidate or s.se, sp=s.sp, repeats=s.repeats)
        candidate = judged_arm(rng, better, n_labels, shares + gain / (1 - s.p) * (1 - shares))
        result = judge_gap.compare_judged(candidate, judged_arm(rng, s, n_labels, shares), settings)
        return covers(result.estimate, gain) if kind == "coverage" else result.p_value < 0.05

    favour = f", candidate's Se={se_of_candidate:g}" if se_of_candidate else ""
    name = f"judged gap {kind}: {s.name} gain={gain:g}, {n_labels} labels each{favour}"
    return Cell(name, draw, at_least=0.94) if kind == "coverage" else Cell(name, draw, at_most=0.05)


def calibrated_gap_cell(s: Situation, gain: float, m: int) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        shares = case_shares(rng, s.n, s.p, 0.5)
        candidate = judged_arm(rng, s, 0, shares + gain / (1 - s.p) * (1 - shares))
        baseline = judged_arm(rng, s, 0, shares)
        outside = tuple(outside_labels(rng, m, s.se, s.sp) for _ in range(2))
        return covers(judge_gap.compare_judged(candidate, baseline, settings, outside=outside).estimate, gain)

    return Cell(f"calibrated gap: {s.name} gain={gain:g}, {m} outside labels each", draw, at_least=0.94)


# ---------------------------------------------------------------- preferences


def duel(rng: np.random.Generator, n: int, p: float, repeats: int, favour: float) -> preference.Duel:
    """A share ``favour`` of the single verdicts goes to the first answer, whatever it is; the truth else decides."""
    shares = case_shares(rng, n, p, 0.3 if repeats > 1 else 0)
    wins = (rng.random((n, repeats)) < shares[:, None]).astype(float).ravel()
    first, second = (np.where(rng.random(wins.shape) < favour, by_place, wins) for by_place in (1.0, 0.0))
    case = np.repeat(np.arange(n), repeats)
    return preference.Duel(shown_first=first, shown_second=second, case=case, cluster=np.arange(n))


def preference_cell(kind: str, n: int, p: float, repeats: int, favour: float) -> Cell:
    # The truth shows through unless the one place that speaks against it is favoured: a share ``favour`` of the pairs.
    truth = (1 - favour) * p + favour * 0.5

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        result = preference.compare_preferences(duel(rng, n, p, repeats, favour), settings)
        if kind == "order":
            return covers(result.order_dependent, favour)
        return covers(result.win_rate, truth) if kind == "coverage" else result.p_value < 0.05

    name = f"preference {kind}: n={n} p={p:g} K={repeats} by place {favour:g}"
    share = favour if kind == "order" else truth
    floor = floor_for(n * min(share, 1 - share))
    return Cell(name, draw, at_most=0.05) if kind == "type I" else Cell(name, draw, at_least=floor)


def games(rng: np.random.Generator, n: int, strengths: np.ndarray, *, one_pair: bool) -> bradley_terry.Games:
    """Each answer has a Gumbel quality around its arm's strength: pairs follow Bradley-Terry, cases hold together."""
    n_arms = len(strengths)
    quality = strengths + rng.gumbel(size=(n, n_arms))
    first, second = np.tril_indices(n_arms, -1)
    case = np.repeat(np.arange(n), len(first))
    first, second = np.tile(first, n), np.tile(second, n)
    if one_pair:
        keep = np.arange(n) * (len(case) // n) + rng.integers(0, len(case) // n, n)
        first, second, case = first[keep], second[keep], case[keep]
    score = (quality[case, first] > quality[case, second]).astype(float)
    return bradley_terry.Games(first=first, second=second, score=score, case=case, cluster=np.arange(n), n_arms=n_arms)


def strength_cell(n: int, n_arms: int, *, one_pair: bool = False) -> Cell:
    """The last arm's strength; the arms are 0.4 apart."""
    strengths = 0.4 * np.arange(n_arms)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        ranking = bradley_terry.rank_arms(games(rng, n, strengths, one_pair=one_pair), 0, settings)
        return bool(ranking.refused) or covers(ranking.strengths[-1].win_probability, special.expit(strengths[-1]))

    per_case = "one pair a case" if one_pair else "all pairs in each case"
    minority = n * special.expit(-strengths[-1]) / (n_arms * (n_arms - 1) / 2 if one_pair else 1)
    return Cell(f"Bradley-Terry: n={n}, {n_arms} arms, {per_case}", draw, at_least=floor_for(minority))


# ---------------------------------------------------------------- several trials


def passes_cell(kind: str, n: int, p: float, repeats: int, k: int, icc: float = 0.5) -> Cell:
    size = (1 - icc) / icc
    a, b = p * size, (1 - p) * size

    def chance_of_all(alpha: float, beta: float) -> float:
        return float(np.exp(special.betaln(alpha + k, beta) - special.betaln(alpha, beta)))

    truth = 1 - chance_of_all(b, a) if kind == "pass@k" else chance_of_all(a, b)
    of_case = passes.pass_at if kind == "pass@k" else passes.pass_every

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        sample = right_or_wrong(rng, case_shares(rng, n, p, icc), repeats)
        return covers(passes.estimate_passes(of_case(sample, k), sample, settings), truth)

    name = f"{kind} {truth:.3f}: n={n} p={p:g} K={repeats} k={k}"
    return Cell(name, draw, at_least=floor_for(n * min(truth, 1 - truth)))


def majority_cell(n: int, repeats: int, k: int = 3) -> Cell:
    """A case is hard (its right answer is given in 30%) or easy (70%); the rest goes to two wrong ones."""

    def truth_of(p: float) -> float:
        q = (1 - p) / 2
        # Two or three of three, or all different: a third.
        return p**3 + 3 * p**2 * (1 - p) + 6 * p * q * q / 3

    truth = (truth_of(0.3) + truth_of(0.7)) / 2
    assert k == 3

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        p = rng.choice([0.3, 0.7], n)[:, None]
        u = rng.random((n, repeats))
        answers = np.where(u < p, 0, np.where(u < p + (1 - p) / 2, 1, 2))
        sample = sample_by_case(answers)
        return covers(passes.estimate_passes(passes.majority_at(sample, answers.ravel(), k), sample, settings), truth)

    return Cell(f"maj@3 {truth:.3f}: n={n} K={repeats}", draw, at_least=floor_for(n * min(truth, 1 - truth)))


def sample_by_case(answers: np.ndarray) -> Sample:
    n, repeats = answers.shape
    return sample_of((answers == 0).ravel().astype(float), np.repeat(np.arange(n), repeats), np.arange(n))


def grid() -> Iterator[Cell]:
    for n_labels in (30, 100, 300):
        for p in (0.5, 0.8, 0.95):
            yield from (
                labels_cell(Situation(n=1000, p=p, se=se, sp=sp), n_labels) for se, sp in ((0.9, 0.8), (0.7, 0.5))
            )
        yield labels_cell(Situation(n=400, p=0.8, se=0.9, sp=0.8), n_labels)
        yield labels_cell(Situation(n=200, p=0.7, se=0.9, sp=0.8, repeats=5, icc=0.8), n_labels)
    # Hardly an error of the judge is seen, and all go one way; plain PPI++ covered 71% of the first.
    for n_labels, se in ((50, 0.97), (100, 0.99), (50, 0.9)):
        yield labels_cell(Situation(n=20_000, p=0.7, se=se, sp=1.0), n_labels)
    yield labels_pay_cell(Situation(n=2000, p=0.7, se=0.95, sp=0.9), 200)
    for m in (50, 200, 1000):
        for p in (0.1, 0.5, 0.9):
            yield from (
                calibration_cell(Situation(n=300, p=p, se=se, sp=sp), m) for se, sp in ((0.95, 0.9), (0.8, 0.7))
            )
        yield calibration_cell(Situation(n=100, p=0.7, se=0.9, sp=0.8, repeats=5), m)
    for m in (20, 50, 200):
        yield from (kappa_cell(m, p, se, sp) for p in (0.5, 0.85) for se, sp in ((0.95, 0.9), (0.7, 0.6)))
        yield kappa_cell(m, 0.6, 0.9, 0.8, size=4)
    for n_labels in (50, 200):
        for s in (Situation(n=500, p=0.6, se=0.9, sp=0.8), Situation(n=200, p=0.6, se=0.9, sp=0.8, repeats=4)):
            yield gap_cell("coverage", s, 0.08, n_labels)
            yield gap_cell("type I", s, 0.0, n_labels)
            yield gap_cell("type I", s, 0.0, n_labels, se_of_candidate=0.98)
    yield from (calibrated_gap_cell(Situation(n=300, p=0.6, se=0.9, sp=0.8), 0.08, m) for m in (100, 400))
    for n in (30, 100, 300):
        for repeats, favour in ((1, 0.0), (1, 0.3), (4, 0.3)):
            yield from (preference_cell("coverage", n, p, repeats, favour) for p in (0.5, 0.8))
            yield preference_cell("type I", n, 0.5, repeats, favour)
        yield preference_cell("order", n, 0.6, 1, 0.2)
        yield from (strength_cell(n, arms, one_pair=one) for arms in (3, 5) for one in (False, True))
        for repeats in (5, 10):
            yield from (passes_cell("pass@k", n, p, repeats, 3) for p in (0.2, 0.6))
            yield from (passes_cell("pass^k", n, p, repeats, 3) for p in (0.5, 0.9))
            yield majority_cell(n, repeats)
        yield passes_cell("pass^k", n, 0.8, 5, 5)
