"""What does asking several times buy? pass@k, pass^k and maj@k, unbiased in each case.

Each of the first three functions gives one value per case as a ``Sample``, so that arms are compared like any other
score (``paired.compare_scores``). The plug-in forms 1 - (1-p)^k and p^k are not offered, because they are biased: at
four trials a case they have been seen to give .553 for a pass^4 of .492.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.sample import Floats, Ints, Mask, Sample, Settings, require_scores, sample_of, sums_by


def pass_at(sample: Sample, k: int) -> Sample:
    """pass@k: per case the chance that at least one of k of its trials is right, 1 - C(n-c, k) / C(n, k).

    ``sample`` holds 0 and 1. A case has no value while fewer than k of its trials are there; ``filled`` gives bounds.
    Raises ``ValueError`` for k below 1 or above the planned repeats of a case, and for other scores.
    Source: Chen et al. 2021, arXiv 2107.03374.
    """
    right = _right(sample)
    return _per_case(sample, k, 1 - _all_drawn(sample.trials - right, sample.trials, k))


def pass_every(sample: Sample, k: int) -> Sample:
    """pass^k: per case the chance that k of its trials are all right, C(c, k) / C(n, k). Otherwise as ``pass_at``.

    Source: Yao et al. 2024, arXiv 2406.12045 (tau-bench).
    """
    return _per_case(sample, k, _all_drawn(_right(sample), sample.trials, k))


def majority_at(sample: Sample, answers: Ints, k: int) -> Sample:
    """maj@k: per case the expected score of the answer that most of k of its trials give; ties share the credit.

    ``answers`` (N trials): equal numbers are equal answers within a case. A negative one stands for no answer, which
    has no vote; k trials without a vote score 0. The score of an answer is the mean of its trials' values in [0, 1].
    Exact: counts all draws of k trials without replacement. Missing trials have no answer that could be counted, see
    ``majority_filled``. Raises as ``pass_at``, but takes any score in [0, 1].
    """
    require_scores(sample)
    if answers.shape != sample.values.shape:
        raise ValueError(f"answers {answers.shape} must name one answer for each trial {sample.values.shape}")
    ballots = _ballots(sample, answers)
    credit = ballots.score[:, 0].copy()
    split = np.flatnonzero(ballots.split & (sample.trials >= k))
    # Most answers first: an answer's turn then concerns a leading part of the rows, and no masks are needed.
    split = split[np.argsort(-ballots.n_answers[split], kind="stable")]
    credit[split] = _expected_credit(ballots.of(split), k)
    return _per_case(sample, k, credit)


def majority_filled(sample: Sample, answers: Ints, value: float) -> tuple[Sample, Ints]:
    """The trials and answers with every missing trial joining the case's most frequent answer of score ``value``.

    0 and 1 give the bounds of maj@k, as ``filled`` does of a score: votes do most where they stand together. A case
    without such an answer gets one.
    """
    missing = np.isnan(sample.values)
    values, joined = np.where(missing, value, sample.values), answers.copy()
    new = int(answers.max(initial=0)) + 1
    for case in np.unique(sample.case[missing]):
        here = sample.case == case
        alike = answers[here & (sample.values == value) & (answers >= 0)]
        joined[here & missing] = np.bincount(alike).argmax() if len(alike) else new
    return sample_of(values, sample.case, sample.cluster, unit=sample.unit), joined


def estimate_passes(per_case: Sample, source: Sample, settings: Settings) -> Estimate | None:
    """The mean over cases of what ``pass_at`` and the others made of ``source``, with the limits of ``estimate_share``.

    ``n_effective`` counts independent outcomes that pass or not, ``n_trials`` the trials of ``source``. None where no
    case has k trials, and with ``scope`` suite: the noise of a case's single value cannot be seen.
    """
    estimate = estimate_share(per_case, settings)
    return None if estimate is None else replace(estimate, n_trials=int(source.trials[per_case.scored].sum()))


def _right(sample: Sample) -> Ints:
    """(n) right trials of each case."""
    if not sample.is_binary:
        raise ValueError(
            "pass@k and pass^k need right or wrong (1 or 0); set `pass_at` to say from where a score passes"
        )
    present = ~np.isnan(sample.values)
    return np.rint(sums_by(sample.case[present], sample.values[present], sample.n_cases)).astype(np.int64)


def _all_drawn(marked: Ints, trials: Ints, k: int) -> Floats:
    """(n) C(marked, k) / C(trials, k): the chance that k drawn trials are all marked; exactly 0 and 1 at the ends."""
    chance = np.ones(len(trials))
    for drawn in range(k):
        chance *= np.maximum(marked - drawn, 0) / np.maximum(trials - drawn, 1)
    return chance


def _per_case(sample: Sample, k: int, values: Floats) -> Sample:
    """One value per case, missing where fewer than k trials are left of the planned ones."""
    planned = np.bincount(sample.case, minlength=sample.n_cases)
    least = int(planned[planned > 0].min()) if planned.any() else max(k, 1)
    if not 1 <= k <= least:
        raise ValueError(f"k = {k} must lie in 1..{least}, the repeats of each case; plan more repeats or lower k")
    seen = np.where(sample.trials >= k, np.clip(values, 0.0, 1.0), np.nan)
    return sample_of(seen, np.arange(sample.n_cases), sample.cluster)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ballots:
    """Per case its answers, most frequent first: ``votes`` and ``score`` (n, m), 0 beyond ``n_answers`` (n).

    ``silent`` (n): trials without an answer. ``split`` (n): whether what wins depends on the draw.
    """

    votes: Ints
    score: Floats
    n_answers: Ints
    silent: Ints

    @property
    def split(self) -> Mask:
        used = self.votes > 0
        first = self.score[:, :1]
        differ: Mask = ((self.score != first) & used).any(axis=1)
        return differ | ((self.silent > 0) & (first[:, 0] > 0))

    def of(self, rows: Ints) -> _Ballots:
        return _Ballots(
            votes=self.votes[rows], score=self.score[rows], n_answers=self.n_answers[rows], silent=self.silent[rows]
        )


def _ballots(sample: Sample, answers: Ints) -> _Ballots:
    n, present = sample.n_cases, ~np.isnan(sample.values)
    silent = np.bincount(sample.case[present & (answers < 0)], minlength=n)
    voting = present & (answers >= 0)
    pairs, at, votes = np.unique(
        np.column_stack([sample.case[voting], answers[voting]]), axis=0, return_inverse=True, return_counts=True
    )
    score = sums_by(at.ravel(), sample.values[voting], len(pairs)) / np.maximum(votes, 1)
    order = np.lexsort((score, -votes, pairs[:, 0]))
    case, votes, score = pairs[order, 0], votes[order], score[order]
    n_answers = np.bincount(case, minlength=n)
    place = np.arange(len(case)) - np.repeat(np.cumsum(n_answers) - n_answers, n_answers)
    shape = (n, max(1, int(n_answers.max(initial=0))))
    table, scores = np.zeros(shape, np.int64), np.zeros(shape)
    table[case, place], scores[case, place] = votes, score
    return _Ballots(votes=table, score=scores, n_answers=n_answers, silent=silent)


def _expected_credit(ballots: _Ballots, k: int) -> Floats:
    """(n) the mean score of the winning answers over all draws of k trials; rows sorted by falling ``n_answers``.

    A draw without replacement has the law of independent binomials, one for each answer, given that they add up to k.
    So for each height t of the winners all ways are added up in which no answer has more than t, by number of trials
    drawn and number of answers at t, answer by answer.
    """
    trials = ballots.votes.sum(axis=1) + ballots.silent
    share = k / trials
    credit = np.zeros(len(trials))
    for height in range(1, min(k, int(ballots.votes.max(initial=0))) + 1):
        credit += _credit_at(ballots, share, k, height)
    return credit / _binomial(trials, k, share)


def _credit_at(ballots: _Ballots, share: Floats, k: int, height: int) -> Floats:
    """(n) sum over the ways whose winners have ``height`` votes of weight times mean score of the winners."""
    most_winners = min(k // height, int(ballots.n_answers[0]))
    ways = np.zeros((most_winners + 1, k + 1, len(share)))
    scores = np.zeros_like(ways)  # of ways times the sum of the winners' scores
    for drawn in range(min(k, int(ballots.silent.max(initial=0))) + 1):
        ways[0, drawn] = _binomial(ballots.silent, drawn, share)
    for place in range(int(ballots.n_answers[0])):
        rows = int((ballots.n_answers > place).sum())
        votes, value, p = ballots.votes[:rows, place], ballots.score[:rows, place], share[:rows]
        before, before_scores = ways[..., :rows].copy(), scores[..., :rows].copy()
        ways[..., :rows], scores[..., :rows] = 0.0, 0.0
        for drawn in range(min(height, int(votes.max())) + 1):
            weight, wins = _binomial(votes, drawn, p), int(drawn == height)
            source = (slice(0, most_winners + 1 - wins), slice(0, k + 1 - drawn))
            target = (slice(wins, None), slice(drawn, None), slice(0, rows))
            ways[target] += weight * before[source]
            scores[target] += weight * (before_scores[source] + wins * value * before[source])
    winners = np.arange(1, most_winners + 1)[:, None]
    return np.asarray((scores[1:, k] / winners).sum(axis=0))


def _binomial(n: Ints, k: int, p: Floats) -> Floats:
    """Binomial probabilities, by logarithms: C(n, k) alone is beyond any float from a thousand trials."""
    log_choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(np.maximum(n - k, 0) + 1)
    log_chance = log_choose + special.xlogy(k, p) + special.xlog1py(np.maximum(n - k, 0), -p)
    return np.where(n >= k, np.exp(log_chance), 0.0)
