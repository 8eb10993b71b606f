"""What must hold for any judge, duel, ranking and set of repeats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evalharness.stats.bradley_terry import Games, rank_arms
from evalharness.stats.judge import Judged, correct_by_labels
from evalharness.stats.judge_agreement import Labelled, agreement
from evalharness.stats.judge_calibration import correct_by_calibration
from evalharness.stats.judge_gap import compare_judged, ratio_limits
from evalharness.stats.passes import estimate_passes, majority_at, majority_filled, pass_at, pass_every
from evalharness.stats.preference import Duel, compare_preferences
from evalharness.stats.sample import Settings, sample_of
from tests.stats.test_properties import printable

SETTINGS = Settings(seed=3, n_resamples=99)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)
BINARY = st.sampled_from([0.0, 1.0, 1.0, 0.0, np.nan])
SCORES = st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan])
VERDICTS = st.sampled_from([0.0, 0.5, 1.0, 1.0, np.nan])


def columns(draw, n: int, elements: st.SearchStrategy[float]) -> np.ndarray:
    return draw(arrays.arrays(float, n, elements=elements, fill=st.nothing()))


@st.composite
def judged_arms(draw, arms: int = 1, elements: st.SearchStrategy[float] = BINARY, grow: int = 1):
    """Arms over the same cases; ``grow`` repeats the drawn rows with new cases, to reach the least number of labels."""
    n, repeats = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    cluster = np.array(draw(st.one_of(st.just(list(range(n))), st.lists(st.integers(0, 3), min_size=n, max_size=n))))
    case = np.repeat(np.arange(n), repeats)
    copies = np.arange(grow)
    return [
        Judged(
            judge=np.tile(columns(draw, n * repeats, elements), grow),
            label=np.tile(columns(draw, n * repeats, elements), grow),
            case=(case + n * copies[:, None]).ravel(),
            cluster=(cluster + 10 * copies[:, None]).ravel(),
        )
        for _ in range(arms)
    ]


@st.composite
def outside_labels(draw):
    m = draw(st.integers(0, 30))
    bits = st.sampled_from([0.0, 1.0])
    return Labelled(
        judge=columns(draw, m, bits),
        label=columns(draw, m, bits),
        cluster=np.array(draw(st.lists(st.integers(0, 30), min_size=m, max_size=m)), np.int64),
    )


def printable_agreement(found) -> None:
    if found is not None:
        printable(found.sensitivity, 0, 1)
        printable(found.specificity, 0, 1)
        printable(found.informed, -1, 1)
        printable(found.kappa, -1, 1)


@QUICK
@given(
    st.one_of(judged_arms(), judged_arms(elements=SCORES), judged_arms(grow=25), judged_arms(elements=SCORES, grow=25))
)
def test_a_rate_corrected_by_labels_is_printable(arms):
    found = correct_by_labels(arms[0], SETTINGS)
    printable(found.raw, 0, 1)
    printable(found.corrected, 0, 1)
    printable_agreement(found.agreement)
    assert (found.corrected is None) == (found.refused is not None)


@QUICK
@given(judged_arms(), outside_labels())
def test_a_rate_corrected_by_calibration_is_printable(arms, outside):
    found = correct_by_calibration(arms[0], outside, SETTINGS)
    printable(found.corrected, 0, 1)
    printable_agreement(found.agreement)
    assert (found.corrected is None) == (found.refused is not None)


def mirrored(found, back) -> None:
    assert found.basis is back.basis
    assert found.estimate.point == pytest.approx(-back.estimate.point, abs=1e-12)
    assert found.estimate.lower == pytest.approx(-back.estimate.upper, abs=1e-7)
    assert found.estimate.upper == pytest.approx(-back.estimate.lower, abs=1e-7)
    assert found.p_value == pytest.approx(back.p_value, rel=1e-6)
    assert found.cautions == back.cautions or set(found.cautions) == set(back.cautions)


@QUICK
@given(st.one_of(judged_arms(arms=2), judged_arms(arms=2, grow=25), judged_arms(arms=2, elements=SCORES, grow=25)))
def test_swapping_judged_arms_negates_the_gap(arms):
    a, b = arms
    forth, back = compare_judged(b, a, SETTINGS), compare_judged(a, b, SETTINGS)
    assert (forth is None) == (back is None)
    if forth is not None:
        printable(forth)
        printable(forth.estimate, -1, 1)
        mirrored(forth, back)


@QUICK
@given(judged_arms(arms=2, grow=12), outside_labels(), outside_labels())
def test_swapping_calibrated_arms_negates_the_gap(arms, of_a, of_b):
    a, b = arms
    forth = compare_judged(b, a, SETTINGS, outside=(of_b, of_a))
    back = compare_judged(a, b, SETTINGS, outside=(of_a, of_b))
    assert (forth is None) == (back is None)
    if forth is not None:
        printable(forth)
        printable(forth.estimate, -1, 1)
        mirrored(forth, back)


@QUICK
@given(outside_labels())
def test_agreement_is_the_same_for_right_and_wrong_swapped(labelled):
    found = agreement(labelled, SETTINGS)
    printable_agreement(found)
    turned = Labelled(judge=1 - labelled.judge, label=1 - labelled.label, cluster=labelled.cluster)
    other = agreement(turned, SETTINGS)
    assert found.sensitivity == other.specificity
    if found.kappa is not None:
        assert found.kappa.point == pytest.approx(other.kappa.point)
        assert found.kappa.lower == pytest.approx(other.kappa.lower)


@QUICK
@given(st.floats(-1, 1), st.floats(1e-3, 0.5), st.floats(0.05, 1), st.floats(0.01, 0.04), st.floats(0.01, 2))
def test_limits_of_a_ratio_lie_around_it(top, half, bottom, below, above):
    lower, upper = ratio_limits(top, (top - half, top + half), bottom, (bottom - below, bottom + above))
    assert lower < top / bottom < upper


@st.composite
def duels(draw):
    n, repeats = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    cluster = draw(st.one_of(st.just(list(range(n))), st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    return Duel(
        shown_first=columns(draw, n * repeats, VERDICTS),
        shown_second=columns(draw, n * repeats, VERDICTS),
        case=np.repeat(np.arange(n), repeats),
        cluster=np.array(cluster),
    )


@QUICK
@given(duels())
def test_swapping_the_answers_of_a_duel_turns_the_win_rate_round(duel):
    found = compare_preferences(duel, SETTINGS)
    # The baseline's view: it stands second where the candidate stands first.
    turned = Duel(
        shown_first=1 - duel.shown_second, shown_second=1 - duel.shown_first, case=duel.case, cluster=duel.cluster
    )
    back = compare_preferences(turned, SETTINGS)
    assert (found is None) == (back is None)
    if found is None:
        return
    printable(found)
    printable(found.win_rate, 0, 1)
    printable(found.order_dependent, 0, 1)
    assert found.win_rate.point == pytest.approx(1 - back.win_rate.point, abs=1e-12)
    assert found.win_rate.lower == pytest.approx(1 - back.win_rate.upper, abs=1e-9)
    assert found.p_value == pytest.approx(back.p_value)
    assert (found.won, found.lost, found.tied) == (back.lost, back.won, back.tied)
    assert (found.favoured_first, found.favoured_second) == (back.favoured_first, back.favoured_second)


@st.composite
def rounds(draw):
    n, n_arms = draw(st.integers(1, 25)), draw(st.integers(2, 4))
    first = np.array(draw(st.lists(st.integers(0, n_arms - 1), min_size=n, max_size=n)))
    apart = np.array(draw(st.lists(st.integers(1, n_arms - 1), min_size=n, max_size=n)))
    return Games(
        first=first,
        second=(first + apart) % n_arms,
        score=columns(draw, n, VERDICTS),
        case=np.array(draw(st.lists(st.integers(0, 11), min_size=n, max_size=n))),
        cluster=np.array(draw(st.one_of(st.just(list(range(12))), st.just([i // 3 for i in range(12)])))),
        n_arms=n_arms,
    )


@QUICK
@given(rounds(), st.booleans())
def test_a_ranking_is_printable_or_refused(games, pseudo_wins):
    ranking = rank_arms(games, 0, SETTINGS, pseudo_wins=pseudo_wins)
    assert sorted(arm for group in ranking.groups for arm in group) == list(range(games.n_arms))
    assert (ranking.refused is not None) == (len(ranking.groups) > 1 and not pseudo_wins)
    for each in ranking.strengths:
        printable(each.log_odds)
        printable(each.win_probability, 0, 1)
        printable(each.elo())


@QUICK
@given(rounds())
def test_naming_the_arms_otherwise_changes_no_strength(games):
    """Arms turned round, games listed backwards and read from the other side."""
    last = games.n_arms - 1
    turned = Games(
        first=last - games.second[::-1],
        second=last - games.first[::-1],
        score=1 - games.score[::-1],
        case=games.case[::-1],
        cluster=games.cluster,
        n_arms=games.n_arms,
    )
    one, other = rank_arms(games, 0, SETTINGS), rank_arms(turned, last, SETTINGS)
    assert (one.refused is None) == (other.refused is None)
    for here, there in zip(one.strengths, reversed(other.strengths), strict=True):
        assert here.log_odds.point == pytest.approx(there.log_odds.point, abs=1e-7)
        for name in ("lower", "upper"):
            mine, theirs = getattr(here.win_probability, name), getattr(there.win_probability, name)
            assert (mine is None) == (theirs is None)
            assert mine is None or mine == pytest.approx(theirs, abs=1e-4)


@st.composite
def repeats(draw):
    n, k_trials = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    cluster = draw(st.one_of(st.just(list(range(n))), st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    sample = sample_of(columns(draw, n * k_trials, BINARY), np.repeat(np.arange(n), k_trials), np.array(cluster))
    answers = np.array(draw(st.lists(st.integers(-1, 3), min_size=n * k_trials, max_size=n * k_trials)))
    return sample, answers, draw(st.integers(1, k_trials))


@QUICK
@given(repeats())
def test_all_right_is_rarer_than_the_share_and_any_right_more_frequent(given_):
    sample, answers, k = given_
    every, any_ = pass_every(sample, k).means, pass_at(sample, k).means
    seen = sample.trials >= k
    assert (np.isnan(every) == ~seen).all()
    assert (every[seen] <= sample.means[seen] + 1e-12).all()
    assert (sample.means[seen] <= any_[seen] + 1e-12).all()
    for found in (pass_every(sample, k), pass_at(sample, k), majority_at(sample, answers, k)):
        printable(estimate_passes(found, sample, SETTINGS), 0, 1)


@QUICK
@given(repeats())
def test_naming_the_answers_otherwise_changes_no_majority(given_):
    sample, answers, k = given_
    renamed = np.where(answers < 0, -5, 40 - 7 * answers)
    found, again = majority_at(sample, answers, k).means, majority_at(sample, renamed, k).means
    assert found == pytest.approx(again, abs=1e-12, nan_ok=True)
    low, high = (majority_at(*majority_filled(sample, answers, value), k).means for value in (0.0, 1.0))
    assert (low <= high + 1e-12).all()
