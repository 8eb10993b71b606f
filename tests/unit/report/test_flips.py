"""Changed and failed cases as the page shows them: the right ones, in the right order, with the right answers, inside
their room, and whatever a model wrote stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

import pytest

from evalharness.core.findings import CaseFlip, Outcome
from evalharness.core.record import RunRecord
from evalharness.report.page import render_page
from evalharness.report.sections import flips
from evalharness.report.settings import ReportSettings
from evalharness.report.view import View, make_view
from evalharness.report.visible import visible
from evalharness.verdict.baseline_trials import trials_of
from evalharness.verdict.compare import analyse
from evalharness.verdict.view import view as run_view
from tests.support.reports import analysed, rendered, shown_text
from tests.support.runs import make_run
from tests.unit.report.test_page import HOSTILE, hostile_run

SETTINGS = ReportSettings()


def seen(kind: str, **changed: object) -> View:
    run, analysis = analysed(kind)
    return make_view(run, replace(analysis, **changed), SETTINGS)


def answers(run: RunRecord, case_id: str, arm_id: str) -> list[str]:
    trials = [trial for trial in run.plan.trials if (trial.case_id, trial.arm_id) == (case_id, arm_id)]
    return [run.results[trial.trial_id].calls[-1].answer.text for trial in trials]


def section(html: str) -> str:
    return re.search(r'<section id="flips".*?</section>', html, re.S).group()


# ---------------------------------------------------------------- which cases, and what is shown of each


def test_every_changed_case_is_there_in_the_order_of_the_analysis_the_recommended_arm_first():
    decision = analysed("sweep")[1].decision
    last = analysed("sweep")[1].arms[-1].arm_id
    view = seen("sweep", decision=replace(decision, outcome=Outcome.USE, arm_id=last))
    (group,) = flips.build(view).groups
    assert group.lists[0].arm.arm_id == last
    assert {each.arm.arm_id for each in group.lists} == {arm for arm, moved in view.analysis.flips.items() if moved}
    for each in group.lists:
        wanted = [flip.case_id for flip in view.analysis.flips[each.arm.arm_id]]
        told = [case.case_id for case in each.cases]
        assert told == wanted[: len(told)]
        assert list(each.named) == wanted[len(told) : len(told) + 50]


def test_the_answers_shown_are_those_that_made_the_difference():
    view = seen("sweep")
    run, base = view.run, view.baseline.arm_id
    for each in flips.build(view).groups[0].lists:
        by_id = {flip.case_id: flip for flip in view.analysis.flips[each.arm.arm_id]}
        for case in each.cases:
            is_lost = by_id[case.case_id].candidate_score < by_id[case.case_id].baseline_score
            before, after = case.sides
            assert before.title.startswith("none, baseline: ")
            assert after.title.startswith(f"{each.arm.label}: ")
            better, worse = (before, after) if is_lost else (after, before)
            assert better.title.endswith("right")
            assert not worse.title.endswith(": right")
            for side, arm_id in ((before, base), (after, each.arm.arm_id)):
                plain = unescape(re.sub(r"</?(ins|del)>", "", side.text))
                assert plain in [*answers(run, case.case_id, arm_id), "<small>no text</small>"]


def test_a_run_with_nothing_to_compare_shows_the_cases_that_failed_the_lowest_score_first():
    view = seen("single")
    found = flips.build(view)
    assert (found.nav, found.title) == ("Failed cases", "Which cases failed?")
    (listed,) = found.groups[0].lists
    scores: dict[str, list[float]] = {}
    for trial in view.run.plan.trials:
        result = view.run.results[trial.trial_id]
        if "answer" in result.scores:
            scores.setdefault(trial.case_id, []).append(result.scores["answer"].value)
    wrong = {case for case, given in scores.items() if min(given) < 1}
    told = [case.case_id for case in listed.cases]
    assert wrong <= set(told)  # and those that timed out, were cut or refused, which count as wrong
    shares = [float(case.change.rstrip("%")) for case in listed.cases]
    assert shares == sorted(shares)
    assert all(case.expected and case.asked.startswith("Ann has") for case in listed.cases)


def test_against_a_baseline_run_its_answers_are_said_to_be_elsewhere():
    shape = {"arms": 1, "cases": 60, "decision": None}
    old, new = make_run(**shape, seed=1), make_run(**shape, seed=2)
    analysis = analyse(new, baseline=trials_of(run_view(old)), n_resamples=100)
    found = flips.build(make_view(new, analysis, SETTINGS))
    (group,) = found.groups
    assert group.heading == "Against the baseline run"
    assert f"evalharness show {old.manifest.run_id} CASE" in group.note
    (moved,) = analysis.run_flips.values()
    case = group.lists[0].cases[0]
    assert case.case_id == moved[0].case_id == found.worst.split(": ")[1].split(",")[0]
    assert [side.title.split(":")[0] for side in case.sides] == ["This run"]
    assert case.sides[0].text in answers(new, case.case_id, new.plan.arms[0].arm_id)


@pytest.mark.parametrize("arms", [1, 3])
def test_against_a_baseline_run_at_hand_both_answers_of_every_case_stand_beside_each_other(arms):
    shape = {"arms": arms, "cases": 20, "repeats": 2, "decision": None}
    old, new = make_run(**shape, seed=1), make_run(**shape, seed=2)
    arm_ids = {arm.arm_id: f"old-{arm.arm_id}" for arm in old.plan.arms}  # a changed request makes another id of an arm
    old = replace(
        old,
        plan=replace(
            old.plan,
            arms=tuple(replace(arm, arm_id=arm_ids[arm.arm_id]) for arm in old.plan.arms),
            trials=tuple(replace(trial, arm_id=arm_ids[trial.arm_id]) for trial in old.plan.trials),
        ),
    )
    analysis = analyse(new, baseline=trials_of(run_view(old)), n_resamples=100)
    group = flips.build(make_view(new, analysis, SETTINGS, beside=old)).groups[0]
    assert group.heading == "Against the baseline run"
    assert "kept in its own run" not in group.note
    assert sum(len(each.cases) for each in group.lists) > arms
    for each in group.lists:
        moved = {flip.case_id: flip for flip in analysis.run_flips[each.arm.arm_id]}
        for case in each.cases:
            before, after = case.sides
            for side, run, arm_id in (
                (before, old, arm_ids[each.arm.arm_id]),
                (after, new, each.arm.arm_id),
            ):
                plain = unescape(re.sub(r"</?(ins|del)>", "", side.text))
                assert plain in [*answers(run, case.case_id, arm_id), "<small>no text</small>"]
            flip = moved[case.case_id]
            is_lost = flip.candidate_score < flip.baseline_score
            better, worse = (before, after) if is_lost else (after, before)
            assert better.title.endswith(": right")
            assert not worse.title.endswith(": right")
            assert (before.title.split(":")[0], after.title.split(":")[0]) == ("Baseline run", "This run")
            assert before.link == "" and after.link.startswith("#trial=")
    html = section(render_page(new, analysis, SETTINGS, beside=old))
    assert html.count(">the trial<") < html.count("<figcaption>")
    assert 'href=""' not in html


@pytest.mark.parametrize("kind", ["nothing sent", "not graded", "all failed"])
def test_where_nothing_was_compared_no_sentence_says_that_nothing_changed(kind):
    view = seen(kind)
    compared = any(view.versus(arm.arm_id) for arm in view.arms)
    assert ("No case changed" in rendered(kind)) is (compared and not any(view.analysis.flips.values()))
    assert kind != "nothing sent" or 'id="flips"' not in rendered(kind)


def test_where_all_is_right_the_reader_is_told():
    assert "No case changed." in shown_text(section(rendered("all right")))


# ---------------------------------------------------------------- places and links


@pytest.mark.parametrize("kind", ["sweep", "single", "many arms", "several prompts"])
def test_each_case_has_a_place_of_its_own_and_the_verdict_leads_to_the_first(kind):
    html = rendered(kind)
    places = re.findall(r'id="(case-[^"]+)" class="case"', html)
    assert len(places) == len(set(places)) > 0
    link, words = re.search(r'<a href="#(case-[^"]+)">([^<]+)</a>', html).groups()
    assert link == places[0]
    assert unquote(link.removeprefix("case-")) in words
    assert html.index(f'href="#{link}"') < html.index("<section", html.index("<section") + 1)


def test_ids_with_hostile_characters_are_places_too():
    ids = ('a "b" <i>', "a/b c#d", "\u202ex\ud800", "\u0645\u06cc\u200c\u062e", "100%")
    run, analysis = analysed("single")
    cases = tuple(replace(case, case_id=ids[i] if i < len(ids) else case.case_id)
                  for i, case in enumerate(run.plan.suite.cases))  # fmt: skip
    renamed = {old.case_id: new.case_id for old, new in zip(run.plan.suite.cases, cases, strict=True)}
    trials = tuple(replace(trial, case_id=renamed[trial.case_id]) for trial in run.plan.trials)
    wrong = {
        trial.trial_id: replace(
            run.results[trial.trial_id],
            scores={"answer": replace(score, value=0.0, passed=False)},
        )
        for trial in trials
        if (score := run.results[trial.trial_id].scores.get("answer")) is not None
    }
    plan = replace(run.plan, suite=replace(run.plan.suite, cases=cases), trials=trials)
    html = section(render_page(replace(run, plan=plan, results={**run.results, **wrong}), analysis, SETTINGS))
    places = {unquote(place) for place in re.findall(r'id="case-([^"]+)"', html)}
    assert {visible(case_id) for case_id in ids} <= places
    assert all(re.fullmatch(r"[\w.~%-]+", place) for place in re.findall(r'id="([^"]+)" class="case"', html))
    assert "<i>" not in html


# ---------------------------------------------------------------- room


def test_a_list_of_many_cases_shows_the_first_and_folds_the_others_unless_they_are_few():
    run, analysis = analysed("sweep")
    arm_id = run.plan.arms[1].arm_id
    moved = [CaseFlip(case_id=case.case_id, baseline_score=1, candidate_score=0) for case in run.plan.suite.cases]
    for n, folded in ((15, 0), (40, 28)):
        changed = replace(analysis, flips={arm_id: tuple(moved[:n])})
        html = section(render_page(run, changed, SETTINGS))
        assert len(re.findall(r'<div id="case-[^"]+" class="case">', html)) == n
        assert (f"<summary>{folded} more</summary>" in html) is (folded > 0)
        assert html.partition("more</summary>")[2].count('class="case"') == folded


def test_a_long_list_is_cut_with_a_sentence_on_how_many_more_there_are_and_where():
    run = make_run(arms=5, cases=2_000, repeats=1)
    moved = tuple(CaseFlip(case_id=case.case_id, baseline_score=1, candidate_score=0) for case in run.plan.suite.cases)
    analysis = replace(analysed("sweep")[1], flips={run.plan.arms[1].arm_id: moved})
    view = make_view(run, analysis, SETTINGS)
    (listed,) = flips.build(view).groups[0].lists
    shown = len(listed.cases)
    assert 10 < shown <= 200
    assert f"{2_000 - shown:,} more cases" in listed.more
    assert f"evalharness show {run.manifest.run_id} CASE" in listed.more
    assert len(listed.named) == 50


def test_texts_of_a_megabyte_take_no_more_room_than_others():
    run, analysis = analysed("two arms")
    long = "<" + "word " * 200_000
    results = {
        trial_id: replace(result, calls=tuple(replace(c, answer=replace(c.answer, text=long)) for c in result.calls))
        for trial_id, result in run.results.items()
    }
    (group,) = flips.build(make_view(replace(run, results=results), analysis, SETTINGS)).groups
    cases = [case for each in group.lists for case in each.cases]
    assert {case.note for case in cases} == {"Both texts are the same."}
    assert all("more characters" in side.text and len(side.text) < 1_300 for case in cases for side in case.sides)


@pytest.mark.parametrize("kind", ["sweep", "single"])
def test_hostile_answers_and_reasons_stay_text(kind):
    run = hostile_run(kind)
    results = {
        trial_id: replace(
            result,
            scores={
                name: replace(score, reason=HOSTILE[place % len(HOSTILE)]) for name, score in result.scores.items()
            },
        )
        for place, (trial_id, result) in enumerate(run.results.items())
    }
    html = section(render_page(replace(run, results=results), analysed(kind)[1], SETTINGS))
    allowed = "section|h2|h3|p|details|summary|svg|path|circle|rect|polygon|g|title|code|span|div|figure|figcaption"
    tags = set(re.findall(r"<([a-zA-Z]\w*)", html))
    assert tags <= {*allowed.split("|"), "pre", "a", "ins", "del", "small", "br", "desc", "line"}
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert not re.search(r"<[^>]+\son\w+=", html)
    assert "\\u202e" in html
