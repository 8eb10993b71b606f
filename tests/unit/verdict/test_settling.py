"""The number of cases that would settle an open arm, tried out: does a run with so many settle it?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from evalharness.core.findings import ArmStanding, Standing
from evalharness.core.model import Status
from evalharness.metrics.table import STATUSES, Table, table
from evalharness.stats.planning import Question, cases_to_settle, normal_critical
from evalharness.stats.sample import Settings
from evalharness.verdict.decision import decide
from evalharness.verdict.gathered import gather
from evalharness.verdict.view import RunView
from tests.support.runs import RULE, make_run

MARGIN = 0.05
BARE = replace(RULE, margin=MARGIN, limits=())
RUNS = 300

#: What a case shows (right or wrong by arm), and how many of 100 cases do. The first arm is the one that is open.
LEVEL = {(1, 1): 50, (0, 0): 30, (1, 0): 10, (0, 1): 10}
BEHIND = {(1, 1): 50, (0, 0): 26, (1, 0): 6, (0, 1): 18}
TWO_RIVALS = {(1, 1, 1): 62, (0, 0, 0): 22, (1, 0, 0): 4, (0, 1, 1): 2, (0, 1, 0): 3, (0, 0, 1): 3, (1, 1, 0): 4}
#: The second arm is level with the first, the third ahead by 11 points, the fourth by 14.
AHEAD_OF_IT = {(1, 1, 1, 1): 45, (0, 0, 0, 0): 26, (1, 1, 0, 0): 6, (0, 0, 1, 1): 17, (0, 1, 0, 1): 3, (1, 0, 1, 1): 3}
AT_THE_MARGIN = {(1, 1): 50, (0, 0): 25, (1, 0): 10, (0, 1): 15}


@cache
def rows_of(n_cases: int, n_arms: int) -> tuple[RunView, Table]:
    run = make_run(cases=n_cases, arms=n_arms, repeats=1, failures=0, incomplete=0, retries=0)
    rows = table(run)
    return RunView(run=run, table=rows, settings=Settings(seed=1, n_resamples=400), gathered=gather(run, rows)), rows


def standing(shown: np.ndarray, *, missing: float = 0.0, rule=BARE, seed: int = 1, **settings) -> ArmStanding:
    """The first arm's standing after a run in which each case shows its row of ``shown`` (cases, arms)."""
    view, rows = rows_of(*shown.shape)
    score = shown[rows.case_index, rows.arm_index].astype(float)
    score[rows.case_index < missing * len(shown)] = np.nan
    scored = replace(
        view,
        table=replace(rows, scores={**rows.scores, "answer": score}),
        settings=replace(view.settings, seed=seed, **settings),
    )
    return decide(scored, rule, [float(arm) for arm in range(shown.shape[1])]).standings[0]


def exactly(truth: dict[tuple[int, ...], int]) -> np.ndarray:
    """A run of 100 cases whose estimates are the truth."""
    return np.repeat(np.array(list(truth)), list(truth.values()), axis=0)


def settled(truth: dict[tuple[int, ...], int], n_cases: int) -> Iterator[Standing]:
    rng = np.random.default_rng(20_261_101)
    for _ in range(RUNS):
        drawn = exactly(truth)[rng.integers(0, 100, n_cases)]
        yield standing(drawn, seed=int(rng.integers(2**32))).standing


@pytest.mark.parametrize(
    ("truth", "expected"),
    [(LEVEL, Standing.ADMISSIBLE), (BEHIND, Standing.EXCLUDED), (TWO_RIVALS, Standing.ADMISSIBLE)],
    ids=["level with its rival", "behind by more than the margin", "two rivals at once"],
)
def test_a_run_of_the_stated_number_of_cases_settles_the_arm_four_times_in_five(truth, expected):
    pilot = standing(exactly(truth))
    assert pilot.standing is Standing.UNDECIDED
    outcomes = list(settled(truth, pilot.cases_to_settle))
    share = outcomes.count(expected) / RUNS
    assert share == pytest.approx(0.8, abs=2.6 * math.sqrt(0.8 * 0.2 / RUNS)), pilot.cases_to_settle


def test_one_rival_beyond_the_margin_is_enough_to_exclude_an_arm_whatever_the_others_do():
    pilot = standing(exactly(AHEAD_OF_IT))
    view, _ = rows_of(100, 4)
    assert pilot.standing is Standing.UNDECIDED
    assert pilot.against == view.arms[3].arm_id
    assert pilot.gap.point == pytest.approx(-0.14)
    assert pilot.cases_to_settle < 400, "to be shown level with the second arm would take more"


def test_an_arm_at_the_margin_has_no_number_of_cases():
    assert standing(exactly(AT_THE_MARGIN)).cases_to_settle is None


def test_a_distance_far_below_its_own_error_gives_no_number_of_cases():
    nearly = np.vstack([np.repeat(exactly(AT_THE_MARGIN), 3, axis=0), [[1, 1]]])
    assert standing(nearly).standing is Standing.UNDECIDED
    assert standing(nearly).cases_to_settle is None


def test_arms_that_never_differ_need_the_cases_of_an_interval_without_a_flip():
    """Of n pairs without a flip the limit is z^2 / (n + z^2) (Tango 1998): below 5 points from 73 cases on."""
    same = exactly({(1, 1): 60, (0, 0): 40})[::2]
    assert standing(same).cases_to_settle == math.ceil(1.959964**2 * (1 - MARGIN) / MARGIN) == 73


def test_missing_scores_bring_an_arm_nearer_to_the_margin_or_beyond_it():
    whole, some, many = (standing(exactly(LEVEL), missing=share) for share in (0.0, 0.02, 0.2))
    assert some.cases_to_settle > whole.cases_to_settle
    assert many.cases_to_settle is None


@pytest.mark.parametrize("change", [{"scope": "suite"}, {"rule": replace(BARE, margin=0.0)}])
def test_where_more_cases_are_no_answer_none_are_named(change):
    """These cases only, or level arms without a margin."""
    assert standing(exactly(LEVEL), **change).cases_to_settle is None


def test_nine_cases_say_nothing_of_how_many_are_needed():
    assert standing(exactly(LEVEL)[48:57]).cases_to_settle is None
    assert standing(exactly(LEVEL)[40:]).cases_to_settle is not None


def test_an_unfinished_run_has_to_be_finished_first():
    view, rows = rows_of(100, 2)
    shown = exactly(LEVEL)
    score = shown[rows.case_index, rows.arm_index].astype(float)
    status = rows.status.copy()
    score[-1], status[-1] = np.nan, STATUSES.index(Status.PENDING)
    unfinished = replace(rows, scores={**rows.scores, "answer": score}, status=status)
    decision = decide(replace(view, table=unfinished), BARE, [0.0, 1.0])
    assert decision.held_back == "the run is not finished"
    assert [each.cases_to_settle for each in decision.standings] == [None, None]


def test_questions_answered_together_need_more_cases_than_the_hardest_and_a_far_one_adds_none():
    near = Question(distance=0.05, variance=0.2, variance_at_limit=0.2)
    far = replace(near, distance=0.5)
    one, two, with_far = (cases_to_settle(asked, critical=1.96) for asked in ([near], [near, near], [near, far]))
    assert one == with_far
    assert one < two < cases_to_settle([near], critical=1.96, power=0.9) + 1
    assert cases_to_settle([], critical=1.96) is None


def test_the_critical_value_of_a_few_cases_is_that_of_many_at_the_same_error():
    """4.604 is the two-sided 1% point of t with 4 degrees of freedom (printed tables), 2.576 that of the normal."""
    assert normal_critical(4.604095, 4) == pytest.approx(2.575829, abs=1e-5)
    assert normal_critical(math.inf, 4) == math.inf
