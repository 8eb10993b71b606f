"""Which trials a page holds when it cannot hold all, and that it says so."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from evalharness.core.model import Status
from evalharness.report import trial_table
from evalharness.report.sections import trials
from evalharness.report.settings import ReportSettings
from evalharness.report.trial_table import TrialTable, asked_for
from evalharness.report.view import make_view
from tests.support.reports import analysed
from tests.unit.report.test_page import unpacked


def table(kind: str = "sweep", **settings: object) -> TrialTable:
    return TrialTable(view=make_view(*analysed(kind), ReportSettings(**settings)))


def kinds(found: TrialTable) -> list[str]:
    """By row, from the run itself: what a reader looks for in it."""
    run, analysis = found.view.run, found.view.analysis
    changed = {flip.case_id for flips in analysis.flips.values() for flip in flips}
    told = []
    for row in found.rows:
        score = row.result.scores.get(analysis.primary)
        if row.result.status is Status.ERROR:
            told.append("that failed")
        elif score is None or not score.passed:
            told.append("that are not right")
        else:
            told.append("of changed cases" if row.case.case_id in changed else "others")
    assert len(told) == len(run.plan.trials)
    return told


def test_a_table_that_holds_every_trial_says_nothing_of_a_sample():
    found = table()
    assert found.kept.tolist() == list(range(len(found.rows)))
    assert found.kept_in_words == ""
    assert "place" not in unpacked(found.blob())["columns"]


@pytest.mark.parametrize("most", [100, 250, 399])
def test_a_sample_has_failed_wrong_and_changed_trials_first_and_some_of_the_others(monkeypatch, most):
    monkeypatch.setattr(trial_table, "MOST_ROWS", most)
    found = table()
    kept, told = found.kept, np.array(kinds(found))
    assert len(kept) == most == len(set(kept.tolist()))
    assert kept.tolist() == sorted(kept)
    among = {name: int((told[kept] == name).sum()) for name in set(told)}
    every = {name: int((told == name).sum()) for name in set(told)}
    free = most - min(every["others"], most // 5)
    for name in ("that failed", "that are not right", "of changed cases"):
        assert among.get(name, 0) == min(every[name], free)
        free -= among.get(name, 0)
    for name, n in every.items():
        shown = among.get(name, 0)
        assert f"{'all ' if shown == n else f'{shown} of '}{n} {name}" in found.kept_in_words
    assert f"{most} of {len(told)} trials" in found.kept_in_words
    assert f"seed {found.view.analysis.seed}" in found.kept_in_words


def test_a_sample_is_the_same_each_time_and_drawn_from_all_over_the_run(monkeypatch):
    monkeypatch.setattr(trial_table, "MOST_ROWS", 100)
    one, other = table(), table()
    assert one.kept.tolist() == other.kept.tolist()
    wrong = np.flatnonzero(np.array(kinds(one)) == "that are not right")
    # Of 100 rows drawn at random from twice as many, the middle half holds about 50, never fewer than 20 or over 80.
    middle = (one.kept > np.quantile(wrong, 0.25)) & (one.kept < np.quantile(wrong, 0.75))
    assert 20 < int(middle.sum()) < 80


def test_rows_of_a_sample_keep_their_place_among_all(monkeypatch):
    monkeypatch.setattr(trial_table, "MOST_ROWS", 60)
    found = table(full_text=True)
    data = unpacked(found.blob())
    assert data["columns"]["place"] == found.kept.tolist()
    assert {len(column) for column in data["columns"].values()} == {60}
    for place, case, repeat in zip(*(data["columns"][name] for name in ("place", "case", "repeat")), strict=True):
        row = found.rows[place]
        assert (row.case.case_id, row.trial.repeat_index) == (data["cases"][case][0], repeat)
    section = trials.build(found.view)
    assert any(note.startswith("In this table: 60 of 400 trials") for note in section.notes)


def test_a_run_without_graders_has_nothing_that_is_not_right(monkeypatch):
    monkeypatch.setattr(trial_table, "MOST_ROWS", 60)
    assert "that are not right" not in table("latency").kept_in_words


def test_each_row_has_its_level_and_the_words_of_its_failure():
    found = table("levels, seen badly")
    data = unpacked(found.blob())
    load = found.view.run.plan.suite.load
    assert data["levels"] == [f"{level:g} in flight" for level in load.levels]
    results = [row.result for row in found.rows]
    assert data["columns"]["level"] == [row.trial.step for row in found.rows]
    kinds = [None if one.failure is None else one.failure.kind.value.replace("_", " ") for one in results]
    assert data["columns"]["failure"] == kinds
    assert found.failures == tuple(sorted({kind for kind in kinds if kind})) != ()
    assert unpacked(table().blob())["levels"] == []


def test_an_id_that_a_shell_would_take_apart_comes_quoted():
    found = table("one case")
    run = found.view.run
    for case_id, kept in (("it's $HOME", ["it's $HOME", [], "'it'\"'\"'s $HOME'"]), ("bus-1", ["bus-1", []])):
        (case,) = run.plan.suite.cases
        case = replace(case, case_id=case_id, tags=())
        trials = tuple(replace(trial, case_id=case_id) for trial in run.plan.trials)
        plan = replace(run.plan, suite=replace(run.plan.suite, cases=(case,)), trials=trials)
        view = replace(found.view, run=replace(run, plan=plan))
        assert unpacked(TrialTable(view=view).blob())["cases"] == [kept]


def test_an_arm_says_all_it_asks_for_in_the_names_of_the_request():
    run, _ = analysed("several prompts")
    asked = dict(asked_for(run.plan.arms[-1]))
    arm = run.plan.arms[-1]
    assert asked["model"] == arm.model
    assert asked["prompt"] == arm.prompt
    assert asked["reasoning.effort"] == arm.effort
    assert asked["max_output_tokens"] == "16384"


def test_costs_have_one_number_of_decimals_and_no_digit_is_lost():
    data = unpacked(table().blob())
    assert data["usd"] == 6
    largest = max(value for value in data["columns"]["cost"] if value is not None)
    assert len(re.sub(r"^0\.0*", "", f"{largest / 1e6:.{data['usd']}f}")) >= 3
