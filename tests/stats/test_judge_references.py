"""Judges, preference, Bradley-Terry and pass@k against values from elsewhere (``reference/make_judge.py``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evalharness.stats import bradley_terry, judge, judge_gap, passes, preference
from evalharness.stats.judge_agreement import Labelled, agreement
from evalharness.stats.judge_calibration import correct_by_calibration
from evalharness.stats.proportions import normal_quantile, t_quantile
from evalharness.stats.sample import Sample, Settings, sample_of

ROWS = json.loads((Path(__file__).parent / "reference" / "judge.json").read_text(encoding="utf-8"))
SETTINGS = Settings(seed=11, n_resamples=199)


def of(what: str) -> pytest.MarkDecorator:
    rows = [(row["given"], row["expected"]) for row in ROWS if row["what"] == what]
    assert rows, f"no reference for {what}"
    return pytest.mark.parametrize(("given", "expected"), rows)


def one_case(values: list[float]) -> Sample:
    return sample_of(values, np.zeros(len(values), np.int64), [0])


def outputs(table: list[list[int]]) -> Labelled:
    """``table``: judged right or wrong (rows), labelled right or wrong (columns)."""
    (a, b), (c, d) = table
    verdicts, labels = [1] * (a + b) + [0] * (c + d), [1] * a + [0] * b + [1] * c + [0] * d
    return Labelled(judge=np.array(verdicts, float), label=np.array(labels, float), cluster=np.arange(a + b + c + d))


def by_counts(se: int, n_right: int, sp: int, n_wrong: int) -> Labelled:
    return outputs([[se, n_wrong - sp], [n_right - se, sp]])


@of("pass_at")
def test_pass_at_k(given, expected):
    sample = one_case([1.0] * given["c"] + [0.0] * (given["n"] - given["c"]))
    assert passes.pass_at(sample, given["k"]).means == pytest.approx([expected], abs=1e-12)


@of("pass_every")
def test_pass_hat_k(given, expected):
    sample = one_case([1.0] * given["c"] + [0.0] * (given["n"] - given["c"]))
    assert passes.pass_every(sample, given["k"]).means == pytest.approx([expected], abs=1e-12)


@of("majority")
def test_majority_at_k_is_the_mean_over_all_draws(given, expected):
    answers = np.array(given["answers"])
    values = [given["score"][answer] if answer >= 0 else 0.0 for answer in answers]
    assert passes.majority_at(one_case(values), answers, given["k"]).means == pytest.approx([expected], abs=1e-12)


@of("lang_reiczigel")
def test_rogan_gladen_with_the_limits_of_lang_and_reiczigel(given, expected):
    (x, n), (se, n_right), (sp, n_wrong) = given["raw"], given["se"], given["sp"]
    arm = judge.Judged(
        judge=np.array([1.0] * x + [0.0] * (n - x)), label=np.full(n, np.nan), case=np.arange(n), cluster=np.arange(n)
    )
    settings = Settings(seed=1, level=given["level"])
    corrected = correct_by_calibration(arm, by_counts(se, n_right, sp, n_wrong), settings).corrected
    assert (corrected.point, corrected.lower, corrected.upper) == pytest.approx(expected, abs=1e-9)


@of("kappa")
def test_kappa_and_its_error(given, expected):
    kappa, error = expected
    found = agreement(outputs(given["table"]), SETTINGS).kappa
    assert found.point == pytest.approx(kappa, abs=1e-12)
    (a, b), (c, d) = given["table"]
    m = a + b + c + d
    observed, chance = (a + d) / m, ((a + b) * (a + c) + (c + d) * (b + d)) / m**2
    # The effective n says the same as the error: a share of agreement, stretched by 1 / (1 - chance).
    by_error = observed * (1 - observed) / (1 - chance) ** 2 / (error**2 * m / (m - 1))
    factor = (normal_quantile(0.95) / t_quantile(0.95, m - 1)) ** 2
    assert found.n_effective == pytest.approx(min(m, by_error) * factor, rel=1e-9)
    assert found.lower < kappa < found.upper


def test_kappa_of_the_textbook_is_point_four():
    """Two readers of 50 grant proposals, 20 and 15 times of one mind: kappa .40 (Cohen's kappa, standard example)."""
    assert agreement(outputs([[20, 5], [10, 15]]), SETTINGS).kappa.point == pytest.approx(0.4)


@of("sensitivity")
def test_sensitivity_and_specificity_have_wilson_limits(given, expected):
    right, n = given["right"], given["n"]
    found = agreement(by_counts(right, n, right, n), SETTINGS)
    for share in (found.sensitivity, found.specificity):
        assert (share.lower, share.upper) == pytest.approx(expected, abs=1e-10)


@of("informed")
def test_sensitivity_plus_specificity_minus_1_has_newcombes_limits(given, expected):
    informed = agreement(by_counts(**given), SETTINGS).informed
    assert (informed.lower, informed.upper) == pytest.approx(expected, abs=1e-9)


def games_of(wins: list[list[float]]) -> bradley_terry.Games:
    """Single games, one a case, that add up to ``wins`` (row over column); a half win each way is a tie."""
    first, second, score = [], [], []
    for i, row in enumerate(wins):
        for j, won in enumerate(row):
            whole = int(won)
            first += [i] * whole
            second += [j] * whole
            score += [1.0] * whole
            if won > whole and i < j:
                first.append(i)
                second.append(j)
                score.append(0.5)
    n = len(first)
    return bradley_terry.Games(
        first=np.array(first),
        second=np.array(second),
        score=np.array(score),
        case=np.arange(n),
        cluster=np.arange(n),
        n_arms=len(wins),
    )


def judged(label: list[float], scored: list[float], unlabelled: list[float]) -> judge.Judged:
    n = len(label) + len(unlabelled)
    return judge.Judged(
        judge=np.array([*scored, *unlabelled]),
        label=np.array([*label, *[np.nan] * len(unlabelled)]),
        case=np.arange(n),
        cluster=np.arange(n),
    )


@of("ppi")
def test_ppi_is_that_of_its_authors(given, expected):
    point, error = expected
    arm = judged(given["label"], given["judge"], given["unlabelled"])
    n = len(given["label"])
    fit = judge.rectified(arm)
    assert fit.point == pytest.approx(point, abs=1e-12)
    assert fit.variance == pytest.approx(error**2 * n / (n - 1), rel=1e-9)
    found = judge.correct_by_labels(arm, SETTINGS).corrected
    factor = (normal_quantile(0.95) / t_quantile(0.95, n - 1)) ** 2
    assert found.n_effective == pytest.approx(point * (1 - point) / fit.variance * factor, rel=1e-9)


@of("ppi_clustered")
def test_ppi_of_repeats_has_the_error_of_whole_cases(given, expected, monkeypatch):
    monkeypatch.setattr(judge, "_worth", lambda *_: given["worth"])
    label, case = np.array(given["label"]), np.array(given["case"])
    arm = judge.Judged(
        judge=np.array(given["judge"]),
        label=np.where(label < 0, np.nan, label),
        case=case,
        cluster=np.arange(case.max() + 1),
    )
    fit = judge.rectified(arm)
    point, variance = expected
    assert fit.point == pytest.approx(point, abs=1e-12)
    assert float(np.square(fit.influence).sum()) == pytest.approx(variance, rel=1e-9)


@of("bradley_terry")
def test_bradley_terry_strengths(given, expected):
    ranking = bradley_terry.rank_arms(games_of(given["wins"]), given["baseline"], SETTINGS)
    assert [each.log_odds.point for each in ranking.strengths] == pytest.approx(expected, abs=1e-8)


def test_baseball_strengths_are_those_printed_by_agresti_2002():
    """Categorical Data Analysis, table 10.11: Milwaukee 1.58, Detroit 1.44, ... against Baltimore, errors about 0.3."""
    wins = next(row["given"]["wins"] for row in ROWS if row["what"] == "bradley_terry")
    ranking = bradley_terry.rank_arms(games_of(wins), 6, Settings(seed=1, n_resamples=999))
    assert [round(each.log_odds.point, 2) for each in ranking.strengths] == [1.58, 1.44, 1.29, 1.25, 1.11, 0.68]
    # Limits 2 errors off each way; only the width is compared, because a bootstrap makes no symmetric ones.
    assert all(1.0 < each.log_odds.upper - each.log_odds.lower < 1.6 for each in ranking.strengths)


@of("preference_p")
def test_p_of_a_preference_is_that_of_all_sign_flips(given, expected):
    scores = given["scores"]
    # Two pairs a case make any score in quarters.
    first = np.array([x for s in scores for x in (min(1.0, 2 * s), max(0.0, 2 * s - 1))])
    case = np.repeat(np.arange(len(scores)), 2)
    duel = preference.Duel(shown_first=first, shown_second=first, case=case, cluster=np.arange(len(scores)))
    found = preference.compare_preferences(duel, SETTINGS)
    assert found.win_rate.point == pytest.approx(np.mean(scores))
    assert found.p_value == pytest.approx(expected, abs=1e-12)


@of("ratio")
def test_limits_of_a_ratio(given, expected):
    found = judge_gap.ratio_limits(given["top"], tuple(given["of_top"]), given["bottom"], tuple(given["of_bottom"]))
    assert found == pytest.approx(expected, abs=1e-9)
