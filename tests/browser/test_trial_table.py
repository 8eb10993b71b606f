"""The table of all trials as one works with it: narrowed by what a run has, moved in by keys, left and come back to."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import expect

from evalharness.core.model import Status
from evalharness.core.record import RunRecord
from evalharness.report.load_words import level_text
from evalharness.report.write import write_report
from evalharness.verdict.compare import analyse
from tests.browser.test_report_page import opened, wait_for_table
from tests.support.latency_runs import make_latency_run
from tests.support.runs import make_run

RUNS = {
    "failures": lambda: make_run(arms=3, cases=60, repeats=2, failures=0.15),
    "levels": lambda: make_latency_run(levels=(5, 10, 20), failures=0.05),
    "single": lambda: make_run(arms=1, cases=20, repeats=1, failures=0.0, incomplete=0.0),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, tuple[RunRecord, Path]]:
    """Runs by name, with the page of each."""
    folder = tmp_path_factory.mktemp("trials")
    runs = {name: make() for name, make in RUNS.items()}
    return {name: (run, write_report(run, analyse(run), folder / name)[0]) for name, run in runs.items()}


def heads(page) -> list[str]:
    return [text.rstrip(" ↑↓") for text in page.locator("#grid thead th").all_text_contents()]


def column(page, title: str) -> list[str]:
    return page.locator(f"#grid tbody tr > :nth-child({heads(page).index(title) + 1})").all_text_contents()


# ---------------------------------------------------------------- what can be narrowed


def test_of_a_load_of_several_levels_each_trial_says_its_own_and_can_be_narrowed_and_sorted_by_it(chromium, made):
    run, path = made["levels"]
    sent = [trial for trial in run.plan.trials if run.results[trial.trial_id].status is not Status.PENDING]
    names = [level_text(level, run.plan.suite.load.level_unit) for level in run.plan.suite.load.levels]
    by_step = Counter(trial.step for trial in sent)
    with opened(chromium, path) as page:
        wait_for_table(page)
        assert "Level" in heads(page)
        for step, name in enumerate(names):
            page.locator("#level").select_option(name)
            expect(page.locator("#found")).to_have_text(f"{by_step[step]:,} of {len(sent):,} trials")
            assert set(column(page, "Level")) == {name}
        page.locator("#grid tbody button").first.click()
        page.wait_for_selector(".detail")
        assert page.locator(".detail tr", has=page.locator("th", has_text="load")).locator("td").text_content() == name
        page.locator("#level").select_option("")
        page.locator("#grid thead button", has_text="Level").click()
        assert column(page, "Level")[: by_step[0] + 1] == [names[0]] * by_step[0] + [names[1]]
        page.locator("#grid thead button", has_text="Level").click()
        assert column(page, "Level")[0] == names[-1]


def test_trials_are_narrowed_by_what_they_failed_with(chromium, made):
    run, path = made["failures"]
    failed = Counter(
        result.failure.kind.value.replace("_", " ") for result in run.results.values() if result.failure is not None
    )
    assert len(failed) > 1
    with opened(chromium, path) as page:
        wait_for_table(page)
        kinds = page.locator("#failure")
        assert kinds.locator("option").all_text_contents() == ["all", *sorted(failed)]
        for kind, n in failed.items():
            kinds.select_option(kind)
            expect(page.locator("#found")).to_have_text(f"{n} of {len(run.plan.trials)} trials")
            assert set(column(page, "Score")) == {kind}


def test_what_a_run_has_once_has_no_column_and_no_filter(chromium, made):
    with opened(chromium, made["single"][1]) as page:
        wait_for_table(page)
        assert heads(page)[:3] == ["Case", "Repeat", "Score"]
        assert page.locator("#filters label").evaluate_all("all => all.map((one) => one.firstChild.data.trim())") == [
            "Search",
            "Result",
            "Tag",
        ]


def test_repeats_are_counted_from_one_and_the_command_prints_the_same_trial(chromium, made):
    run, path = made["failures"]
    with opened(chromium, path) as page:
        wait_for_table(page)
        assert set(column(page, "Repeat")) == {"1", "2"}
        page.locator("#grid tbody button").nth(1).click()
        page.wait_for_selector(".detail")
        assert column(page, "Repeat")[1] == "2"
        assert page.evaluate("location.hash").endswith("/1")
        command = page.locator(".detail .note code").text_content()
    case_id = run.plan.suite.cases[0].case_id
    assert command.startswith(f"evalharness show {run.manifest.run_id} {case_id} ")
    assert command.endswith("--repeat 2")


@pytest.mark.parametrize("width", [390, 1280])
def test_what_can_be_searched_for_is_told_whole(chromium, made, width):
    with opened(chromium, made["failures"][1], width=width) as page:
        wait_for_table(page)
        text, room = page.evaluate("""() => {
            const field = document.getElementById('q'), style = getComputedStyle(field);
            const brush = document.createElement('canvas').getContext('2d');
            brush.font = style.font;
            return [brush.measureText(field.placeholder).width,
                field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)];
        }""")
        assert 0 < text <= room


# ---------------------------------------------------------------- keys, Back and Escape


@pytest.mark.parametrize("key", ["j", "k"])
def test_a_key_pressed_before_the_table_is_there_brings_it_and_goes_on(chromium, made, key):
    with opened(chromium, made["failures"][1]) as page:
        assert page.locator("#trials-live").is_hidden()
        page.keyboard.press(key)
        expect(page.locator("tr.on")).to_have_attribute("data-at", "0")
        assert page.locator("tr.on").evaluate(
            "(row) => row.getBoundingClientRect().bottom > 0 && row.getBoundingClientRect().top < innerHeight"
        )
        page.keyboard.press("j")
        expect(page.locator("tr.on")).to_have_attribute("data-at", "1")


def narrowed(page) -> tuple[str, str, str, str | None, list[str]]:
    return (
        page.input_value("#q"),
        page.input_value("#outcome"),
        page.locator("#place").text_content(),
        page.locator('#grid th[data-name="total_ms"]').get_attribute("aria-sort"),
        page.locator("#grid > tbody > tr:not(.detail) > th").all_text_contents(),
    )


def narrow(page) -> None:
    """By words, a filter and an order, and on to the second page."""
    wait_for_table(page)
    page.fill("#q", "case")
    expect(page).to_have_url(re.compile("q=case"))
    page.select_option("#outcome", "right")
    page.locator('#grid th[data-name="total_ms"] button').click()
    page.click("#next")


def test_back_from_a_trial_leaves_the_table_as_it_was(chromium, made):
    with opened(chromium, made["failures"][1]) as page:
        narrow(page)
        before = narrowed(page)
        assert before[0:2] == ("case", "right") and before[2].startswith("101 to") and before[3] == "ascending"
        page.locator("#grid tbody button").nth(30).click()
        page.wait_for_selector(".detail")
        page.go_back()
        expect(page.locator(".detail")).to_have_count(0)
        assert narrowed(page) == before
        assert page.evaluate("document.activeElement.closest('tr').dataset.at") == "130"
        page.go_forward()
        page.wait_for_selector(".detail")
        assert narrowed(page) == before
        assert page.locator("tr.on").get_attribute("data-at") == "130"


def test_back_closes_a_trial_of_a_table_that_nothing_was_chosen_in(chromium, made):
    with opened(chromium, made["failures"][1]) as page:
        wait_for_table(page)
        page.locator("#grid tbody button").nth(3).click()
        page.wait_for_selector(".detail")
        page.go_back()
        expect(page.locator(".detail")).to_have_count(0)


def test_escape_closes_a_trial_and_gives_its_row_the_focus(chromium, made):
    with opened(chromium, made["failures"][1]) as page:
        narrow(page)
        before = narrowed(page)
        page.locator("#grid tbody button").nth(30).click()
        page.wait_for_selector(".detail")
        page.locator(".detail pre").first.focus()
        page.keyboard.press("Escape")
        assert page.locator(".detail").count() == 0
        assert page.evaluate("document.activeElement.closest('tr').dataset.at") == "130"
        assert page.evaluate("document.activeElement.ariaExpanded") == "false"
        assert narrowed(page) == before
        assert page.evaluate("location.hash").startswith("#trials?q=case&outcome=right")


def test_a_link_to_a_trial_finds_it_whatever_the_table_was_narrowed_to(chromium, made):
    run, path = made["failures"]
    trial = next(trial for trial in run.plan.trials if run.results[trial.trial_id].failure is not None)
    label = next(arm.label for arm in run.plan.arms if arm.arm_id == trial.arm_id)
    with opened(chromium, path) as page:
        narrow(page)
        page.evaluate("(hash) => { location.hash = hash; }", f"#trial={trial.case_id}/{label}/{trial.repeat_index}")
        page.wait_for_selector(".detail")
        assert page.input_value("#outcome") == ""
        assert page.locator("tr.on th").text_content() == trial.case_id
        page.go_back()
        expect(page.locator(".detail")).to_have_count(0)
        assert page.input_value("#outcome") == "right"
