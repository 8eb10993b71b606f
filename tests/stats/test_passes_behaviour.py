"""pass@k, pass^k and maj@k: what has no value, what is refused, and how missing trials bound it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from evalharness.stats.paired import compare_scores
from evalharness.stats.passes import estimate_passes, majority_at, majority_filled, pass_at, pass_every
from evalharness.stats.sample import Sample, Settings, filled, sample_of

SETTINGS = Settings(seed=5)
NONE = np.nan


def by_case(*rows: list[float]) -> Sample:
    case = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return sample_of([x for row in rows for x in row], case, np.arange(len(rows)))


def test_more_draws_than_repeats_are_refused():
    sample = by_case([1, 0, 1], [0, 0, 1])
    for measure in (pass_at, pass_every, lambda s, k: majority_at(s, np.zeros(6, np.int64), k)):
        with pytest.raises(ValueError, match=r"1\.\.3"):
            measure(sample, 4)
        with pytest.raises(ValueError, match=r"1\.\.3"):
            measure(sample, 0)


def test_scores_that_are_not_right_or_wrong_have_no_pass_at_k():
    with pytest.raises(ValueError, match="pass_at"):
        pass_at(by_case([0.5, 1]), 1)


def test_a_case_with_too_few_trials_left_has_no_value_but_bounds():
    sample = by_case([1, NONE, NONE], [1, 1, 0], [0, 0, 0])
    found = pass_at(sample, 2)
    assert np.isnan(found.means[0])
    assert found.means[1:].tolist() == [1, 0]
    assert estimate_passes(found, sample, SETTINGS).n == 2
    bounds = [pass_at(filled(sample, value), 2).means[0] for value in (0.0, 1.0)]
    assert bounds == pytest.approx([2 / 3, 1])


def test_at_one_draw_all_three_are_the_share():
    sample = by_case([1, 0, 0, 1, 1], [0, 0, 0, 0, 1])
    answers = np.array([3, 1, 1, 3, 3, 0, 0, 0, 2, 7])
    for found in (pass_at(sample, 1), pass_every(sample, 1), majority_at(sample, answers, 1)):
        assert found.means == pytest.approx(sample.means)


def test_ends_are_exact_and_still_have_an_interval():
    sample = by_case(*[[1.0] * 7] * 12)
    answers = np.tile([0, 0, 0, 1, 1, 2, 2], 12)  # all right, however worded
    for found in (pass_at(sample, 3), pass_every(sample, 3), majority_at(sample, answers, 3)):
        assert (found.means == 1).all()
        estimate = estimate_passes(found, sample, SETTINGS)
        assert 0.7 < estimate.lower < estimate.upper == 1
        assert (estimate.n, estimate.n_trials) == (12, 84)


def test_the_plug_in_would_be_far_off():
    """The expected pass^4 of cases with p uniform is 1/5; c(c-1)(c-2)(c-3)/... has it, mean(c/4)^4 does not."""
    n = 4
    expected = np.mean([pass_every(by_case([1.0] * c + [0.0] * (n - c)), 4).means[0] for c in range(n + 1)])
    assert expected == pytest.approx(1 / 5)
    assert np.mean([(c / n) ** 4 for c in range(n + 1)]) > 0.27


def test_tied_answers_share_the_credit():
    sample = by_case([1, 1, 0, 0])
    assert majority_at(sample, np.array([0, 0, 1, 1]), 4).means == pytest.approx([0.5])
    assert majority_at(sample, np.array([0, 0, 1, 2]), 4).means == pytest.approx([1])
    assert majority_at(sample, np.array([0, 1, 2, 2]), 4).means == pytest.approx([0])


def test_a_trial_without_an_answer_has_no_vote():
    sample = by_case([1, 0, 0, 0])
    assert majority_at(sample, np.array([0, -1, -1, -1]), 4).means == pytest.approx([1])
    assert majority_at(sample, np.array([0, -1, -1, -1]), 2).means == pytest.approx([1 / 2])
    assert majority_at(sample, np.array([-1, -1, -1, -1]), 2).means.tolist() == [0]


def test_answers_must_be_named_for_each_trial():
    with pytest.raises(ValueError, match="one answer for each trial"):
        majority_at(by_case([1, 0]), np.array([0]), 1)


def test_many_repeats_are_no_trouble():
    """C(1500, 41) alone is beyond 10^80, C(1500, 750) beyond any float."""
    answers = np.repeat([0, 1], [900, 600])
    sample = by_case((answers == 0).astype(float).tolist())
    assert majority_at(sample, answers, 41).means[0] == pytest.approx(stats.hypergeom.sf(20, 1500, 900, 41))
    assert pass_every(sample, 100).means[0] == pytest.approx(stats.hypergeom.pmf(100, 1500, 900, 100))


@pytest.mark.parametrize("kinds", [2, 3])
def test_missing_trials_bound_the_majority_by_every_answer_they_could_have_given(kinds):
    """All fillings of two missing trials with known and with new answers, right or wrong ones."""
    rng = np.random.default_rng(kinds)
    for _ in range(12):
        answers = np.array([*rng.integers(0, kinds, 4), 0, 0])
        score = np.array([1.0, *rng.choice([0.0, 1.0], kinds - 1), 0.0, 1.0, 0.0, 1.0])  # four answers nobody gave yet
        values = np.where(np.arange(6) < 4, score[answers], np.nan)
        sample = by_case(values.tolist())
        low, high = (majority_at(*majority_filled(sample, answers, value), 3).means[0] for value in (0.0, 1.0))
        for pair in itertools.product(range(kinds + 4), repeat=2):
            given = np.array([*answers[:4], *pair])
            reached = majority_at(by_case(score[given].tolist()), given, 3).means[0]
            assert low - 1e-12 <= reached <= high + 1e-12


def test_arms_are_compared_case_by_case():
    rng = np.random.default_rng(1)
    p = rng.random(80)[:, None]
    a, b = (by_case(*(rng.random((80, 5)) < share).astype(float).tolist()) for share in (p, np.minimum(1, p + 0.2)))
    found = compare_scores(pass_every(b, 3), pass_every(a, 3), SETTINGS)
    assert found.design == "paired"
    assert found.estimate.lower > 0
