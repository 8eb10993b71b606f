"""What both orders of a pair say, and what a ranking refuses."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness.stats.bradley_terry import Games, rank_arms
from evalharness.stats.preference import Duel, compare_preferences, preferences
from evalharness.stats.sample import Settings

SETTINGS = Settings(seed=5, n_resamples=499)
NONE = np.nan


def duel(*pairs: tuple[float, float]) -> Duel:
    first, second = np.array(pairs, float).T
    return Duel(shown_first=first, shown_second=second, case=np.arange(len(pairs)), cluster=np.arange(len(pairs)))


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [(1, 1, 1), (0, 0, 0), (0.5, 0.5, 0.5), (1, 0, 0.5), (0, 1, 0.5), (1, 0.5, 0.5), (0, 0.5, 0.5), (0.5, 0, 0.5)],
)
def test_a_verdict_that_changes_with_the_order_is_a_draw(first, second, verdict):
    assert preferences(duel((first, second))).values.tolist() == [verdict]


@pytest.mark.parametrize("pair", [(1, NONE), (NONE, 0), (NONE, NONE)])
def test_a_pair_judged_in_one_order_only_is_missing(pair):
    assert preferences(duel(pair)).n_missing == 1
    assert compare_preferences(duel(pair), SETTINGS) is None


def test_position_bias_is_counted_with_its_side():
    found = compare_preferences(duel((1, 1), (1, 0), (1, 0), (1, 0.5), (0, 1), (0.5, 0.5), (0, 0), (1, NONE)), SETTINGS)
    assert found.order_dependent.point == pytest.approx(4 / 7)
    assert (found.favoured_first, found.favoured_second) == (3, 1)
    assert (found.won, found.lost, found.tied, found.n_missing) == (1, 1, 5, 1)
    assert found.win_rate.point == 0.5
    assert found.p_value == 1.0


def test_a_judge_that_always_takes_the_first_answer_finds_no_winner():
    found = compare_preferences(duel(*[(1, 0)] * 40), SETTINGS)
    assert found.win_rate.point == 0.5
    assert found.order_dependent.lower > 0.9
    assert (found.favoured_first, found.favoured_second) == (40, 0)
    assert found.agrees


def test_a_clear_winner_is_found():
    found = compare_preferences(duel(*[(1, 1)] * 20, *[(0, 0)] * 3), SETTINGS)
    assert found.win_rate.lower > 0.5
    assert found.p_value < 0.01
    assert found.agrees


def test_other_verdicts_are_refused():
    with pytest.raises(ValueError, match="a verdict is 1"):
        preferences(duel((0.7, 1)))


# ---------------------------------------------------------------- Bradley-Terry


def games(*played: tuple[int, int, float], n_arms: int = 3, case: list[int] | None = None) -> Games:
    first, second, score = zip(*played, strict=True) if played else ((), (), ())
    of_case = np.arange(len(played)) if case is None else np.array(case)
    return Games(
        first=np.array(first, np.int64),
        second=np.array(second, np.int64),
        score=np.array(score, float),
        case=of_case,
        cluster=np.arange(int(of_case.max(initial=-1)) + 1),
        n_arms=n_arms,
    )


ROUND = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0), (0, 1, 0.0), (1, 2, 1.0), (0, 2, 1.0)]


def test_an_arm_that_never_lost_is_refused_and_named():
    ranking = rank_arms(games((1, 0, 1.0), (2, 0, 1.0), (0, 2, 1.0), (1, 2, 1.0)), 0, SETTINGS)
    assert ranking.strengths == ()
    assert ranking.groups == ((0, 2), (1,))
    assert "0 2; 1" in ranking.refused


def test_arms_that_never_met_are_refused():
    ranking = rank_arms(games((0, 1, 1.0), (1, 0, 1.0), (2, 3, 0.5), n_arms=4), 0, SETTINGS)
    assert ranking.groups == ((0, 1), (2, 3))


def test_pseudo_wins_make_a_ranking_and_say_so_in_every_method():
    ranking = rank_arms(games(*[(1, 0, 1.0)] * 5, (2, 0, 0.5)), 0, SETTINGS, pseudo_wins=True)
    assert ranking.pseudo_wins
    assert ranking.refused is None
    for each in ranking.strengths:
        assert "pseudo-win" in each.log_odds.method
        assert "pseudo-win" in each.win_probability.method
    assert ranking.strengths[0].log_odds.point > ranking.strengths[1].log_odds.point == pytest.approx(0, abs=0.6)


def test_two_arms_give_the_win_rate():
    played = [(1, 0, 1.0)] * 30 + [(0, 1, 1.0)] * 10 + [(1, 0, 0.5)] * 8
    (strength,) = rank_arms(games(*played, n_arms=2), 0, SETTINGS).strengths
    assert strength.win_probability.point == pytest.approx(34 / 48, abs=1e-9)
    assert strength.log_odds.point == pytest.approx(np.log(34 / 14))


def test_elo_is_four_hundred_points_for_odds_of_ten_to_one():
    played = [(1, 0, 1.0)] * 100 + [(0, 1, 1.0)] * 10
    (strength,) = rank_arms(games(*played, n_arms=2), 0, SETTINGS).strengths
    elo = strength.elo()
    assert elo.point == pytest.approx(400)
    assert elo.lower < 400 < elo.upper
    assert elo.unit == "elo"


def test_a_case_counts_once_however_often_it_was_judged():
    once = rank_arms(games(*ROUND), 0, SETTINGS)
    often = [game for game in ROUND for _ in range(5)]
    again = rank_arms(games(*often, case=[i // 5 for i in range(len(often))]), 0, SETTINGS)
    assert [s.log_odds.point for s in once.strengths] == pytest.approx([s.log_odds.point for s in again.strengths])
    assert once.strengths[0].log_odds.lower == pytest.approx(again.strengths[0].log_odds.lower, abs=1e-6)


def test_cases_that_all_say_the_same_give_no_interval():
    circle = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0)]
    ranking = rank_arms(games(*circle * 4, case=[i // 3 for i in range(12)]), 0, SETTINGS)
    for each in ranking.strengths:
        assert each.log_odds.point == pytest.approx(0, abs=1e-9)
        assert each.log_odds.lower is each.log_odds.upper is each.win_probability.lower is None


def test_an_open_limit_of_a_strength_is_0_or_1_of_the_win_probability():
    played = [(1, 0, 1.0)] * 12 + [(0, 1, 1.0)]
    (strength,) = rank_arms(games(*played, n_arms=2), 0, SETTINGS).strengths
    assert strength.log_odds.upper is None
    assert strength.win_probability.upper == 1.0
    assert 0.5 < strength.win_probability.lower < 12 / 13


@pytest.mark.parametrize(("game", "said"), [((0, 3, 1.0), "0..2"), ((1, 1, 1.0), "itself"), ((0, 1, 2.0), r"\[0, 1\]")])
def test_impossible_games_are_refused(game, said):
    with pytest.raises(ValueError, match=said):
        rank_arms(games(*ROUND, game), 0, SETTINGS)


def test_no_game_at_all_is_refused():
    assert rank_arms(games(), 0, SETTINGS).groups == ((0,), (1,), (2,))
    empty = rank_arms(games(), 0, SETTINGS, pseudo_wins=True)
    assert [each.win_probability.point for each in empty.strengths] == [0.5, 0.5]
    assert empty.strengths[0].win_probability.lower is None
