"""One trial of many: found by its exact address, shown whole, sent again; and nothing in it can do harm."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from evalharness.core.model import EndpointKind
from evalharness.core.record import Answer, RunRecord
from evalharness.report import trial_table
from evalharness.report.curl import body_text, curl, python_around
from evalharness.report.phases import phases
from evalharness.report.settings import ReportSettings
from evalharness.report.trial_rows import TrialRows
from evalharness.report.view import make_view
from evalharness.report.visible import visible
from evalharness.report.write import write_report
from evalharness.verdict.compare import analyse
from tests.browser.test_report_page import opened, violations
from tests.support.runs import make_run
from tests.unit.report.test_page import HOSTILE

IDS = (
    "bus-1",
    "bus-10",
    "bus 1",
    "a/b?c=d&e#f",
    "x'y",
    "=equal",
    "50%",
    "é\u200dlan",
    "left\u202eright",
    "<b>bold</b>",
)
TEXTS = (*HOSTILE, "y" * 1_000_000, "\u202e" * 2_000)


def renamed(run: RunRecord, ids: tuple[str, ...]) -> RunRecord:
    """The first cases under other ids."""
    names = {case.case_id: name for case, name in zip(run.plan.suite.cases, ids, strict=False)}
    cases = tuple(replace(case, case_id=names.get(case.case_id, case.case_id)) for case in run.plan.suite.cases)
    trials = tuple(replace(trial, case_id=names.get(trial.case_id, trial.case_id)) for trial in run.plan.trials)
    return replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, cases=cases), trials=trials))


def hostile(run: RunRecord) -> RunRecord:
    """Answers, reasons and requests that are hostile; one is a megabyte on one line."""
    results = {}
    for place, (trial_id, result) in enumerate(run.results.items()):
        text = TEXTS[place] if place < len(TEXTS) else HOSTILE[place % len(HOSTILE)]
        calls = tuple(
            replace(call, answer=Answer(text=text, reasoning_summary=text), request={**call.request, "input": text})
            for call in result.calls
        )
        scores = {grader: replace(score, reason=text) for grader, score in result.scores.items()}
        results[trial_id] = replace(result, calls=calls, scores=scores)
    return replace(run, results=results)


def served(run: RunRecord) -> RunRecord:
    """As if asked of a service with a key."""
    endpoints = tuple(
        replace(e, kind=EndpointKind.HTTP, target="https://example.invalid/v1", api_key_env="API_KEY")
        for e in run.plan.suite.endpoints
    )
    return replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, endpoints=endpoints)))


RUNS = {
    "plain": lambda: served(renamed(make_run(arms=3, cases=20, repeats=2, failures=0.1, retries=0.2), IDS)),
    "turns": lambda: make_run(arms=2, cases=8, repeats=1, turns=3),
    "hostile": lambda: hostile(renamed(make_run(arms=2, cases=20, repeats=1, failures=0.0), IDS)),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs by name, with the page of each."""
    folder = tmp_path_factory.mktemp("drill-down")
    runs = {name: make() for name, make in RUNS.items()}
    settings = ReportSettings(full_text=True)
    pages = {name: write_report(run, analyse(run), folder / name, settings=settings)[0] for name, run in runs.items()}
    return {name: (run, pages[name]) for name, run in runs.items()}


def address(run: RunRecord, trial) -> str:
    label = next(arm.label for arm in run.plan.arms if arm.arm_id == trial.arm_id)
    return "#trial=" + "/".join(
        quote(visible(part), safe="") for part in (trial.case_id, label, str(trial.repeat_index))
    )


def cells(page, caption: str) -> list[list[str]]:
    """Of the table with that caption in the opened trial."""
    table = page.locator(".detail table", has=page.locator("caption", has_text=re.compile(f"^{caption}$")))
    return table.locator("tr").evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")


# ---------------------------------------------------------------- exact addresses


@pytest.mark.parametrize("case_id", IDS)
def test_a_case_is_found_by_its_exact_id_and_no_other_with_it(chromium, made, case_id):
    run, path = made["plain"]
    moved = next(id for id in IDS if id != case_id)
    fragment = "#case-" + quote(visible(case_id), safe="")
    with opened(chromium, path, fragment="#case-" + quote(moved, safe="")) as page:
        page.evaluate("document.querySelectorAll('.case').forEach((node) => node.remove())")  # leave it to the table
        page.evaluate("(hash) => { location.hash = hash; }", fragment)
        expect(page.locator("#found")).to_have_text(f"6 of {len(run.plan.trials)} trials")
        names = page.locator("#grid tbody th").all_text_contents()
        assert names == [visible(case_id)] * 6


def test_a_case_that_changed_links_to_its_own_trial(chromium, made):
    _, path = made["plain"]
    with opened(chromium, path) as page:
        links = page.locator(".case figcaption a")
        assert links.count() > 4
        for place in range(links.count()):
            wanted = links.nth(place).get_attribute("href")
            page.evaluate("(hash) => { location.hash = hash; }", wanted)
            page.wait_for_selector(".detail")
            row = page.locator("#grid tr.on")
            case_id, arm, repeat = (row.locator("th, td").nth(at).text_content() for at in range(3))
            counted_from_0 = str(int(repeat) - 1)
            assert "#trial=" + "/".join(quote(part, safe="") for part in (case_id, arm, counted_from_0)) == wanted


def test_ids_named_after_the_written_cases_lead_to_the_table(chromium, tmp_path):
    run = make_run(arms=2, cases=400, repeats=1, difficulty_spread=0.0)
    path = write_report(run, analyse(run), tmp_path)[0]
    with opened(chromium, path) as page:
        link = page.locator(".cases > .note a").first
        case_id = link.text_content()
        link.evaluate("(node) => node.click()")
        page.wait_for_selector("#grid tbody tr")
        assert page.locator("#grid tbody th").all_text_contents() == [case_id] * 2


def test_a_trial_that_is_not_in_the_page_is_said_to_be_missing(chromium, made, tmp_path, monkeypatch):
    run, _ = made["plain"]
    monkeypatch.setattr(trial_table, "MOST_ROWS", 40)
    path = write_report(run, analyse(run), tmp_path)[0]
    found = trial_table.TrialTable(view=make_view(run, analyse(run), ReportSettings()))
    place = next(place for place in range(len(found.rows)) if place not in found.kept)
    with opened(chromium, path, fragment=address(run, found.rows[place].trial)) as page:
        expect(page.locator("#found")).to_contain_text("is not in this page")
        assert page.locator("#trials .note", has_text="In this table: 40 of 120 trials").is_visible()
        assert page.locator(".detail").count() == 0


def test_the_keys_are_told_and_the_telling_is_closed_by_escape_and_by_its_button(chromium, made):
    with opened(chromium, made["plain"][1]) as page:
        dialog = page.locator("#keys")
        for close in (lambda: page.keyboard.press("Escape"), lambda: dialog.locator("button").click()):
            page.keyboard.press("?")
            expect(dialog).to_be_visible()
            close()
            expect(dialog).to_be_hidden()
        page.keyboard.press("/")
        page.keyboard.type("?")
        expect(dialog).to_be_hidden()


# ---------------------------------------------------------------- one trial, whole


@pytest.mark.parametrize("name", ["plain", "turns"])
def test_the_drawing_has_the_stretches_that_the_stamps_say(chromium, made, name):
    run, path = made[name]
    picked = {}
    for trial in run.plan.trials:
        calls = run.results[trial.trial_id].calls
        picked.setdefault((calls[-1].failure is None, sum(len(call.attempts) for call in calls)), trial)
    assert {(True, 1), (True, 2), (False, 1)} <= set(picked) or name == "turns"
    with opened(chromium, path) as page:
        for trial in picked.values():
            page.evaluate("(hash) => { location.hash = hash; }", address(run, trial))
            page.wait_for_selector(".detail")
            expect(page.locator("#grid tr.on th")).to_have_text(trial.case_id)
            told = [(title, length) for title, _, length in cells(page, "Where the time went")]
            lasted = {phase.title: phase.end_ms - phase.begin_ms for phase in phases(run.results[trial.trial_id].calls)}
            # Both ends are rounded to a millisecond: what is shorter may be left out.
            assert [title for title, ms in lasted.items() if ms > 1.1 or title in dict(told)] == [t for t, _ in told]
            for title, length in told:
                value, unit = length.split()
                ms = float(value) * {"ms": 1, "s": 1000}[unit]
                assert abs(ms - lasted[title]) <= (1.6 if unit == "ms" else 51.6)
            page.keyboard.press("Escape")


def test_a_detail_says_what_was_measured_asked_and_scored(chromium, made):
    run, path = made["plain"]
    trial = next(trial for trial in run.plan.trials if run.results[trial.trial_id].scores)
    result, arm = run.results[trial.trial_id], next(arm for arm in run.plan.arms if arm.arm_id == trial.arm_id)
    usage = result.calls[-1].usage
    with opened(chromium, path, fragment=address(run, trial)) as page:
        page.wait_for_selector(".detail")
        measured = dict(cells(page, "Measured"))
        assert measured["Ended"] == result.status.value
        assert measured["Output tokens"] == f"{usage.output_tokens:,}"
        assert measured["Cost"] == f"${result.cost_usd:.6f}"
        asked = dict(cells(page, "Asked of"))
        assert asked["reasoning.effort"] == arm.effort
        assert asked["max_output_tokens"] == "16384"
        scores = {grader: said for grader, said, _ in cells(page, "Scores")}
        assert scores == {
            grader: "no score" if score.value is None else "right" if score.value else "wrong"
            for grader, score in result.scores.items()
        }


def test_all_turns_of_a_conversation_are_there_in_order(chromium, made):
    run, path = made["turns"]
    with opened(chromium, path, fragment=address(run, run.plan.trials[0])) as page:
        page.wait_for_selector(".detail")
        heads = [head for head in page.locator(".detail h3").all_text_contents() if "turn" in head]
        assert heads == [f"{what}, turn {turn}" for turn in (1, 2, 3) for what in ("Asked", "Answer")]


def test_the_commands_are_those_of_the_request_that_was_sent(chromium, made):
    run, path = made["plain"]
    endpoint = run.plan.suite.endpoints[0]
    with opened(chromium, path) as page:
        for trial in run.plan.trials[:6]:
            page.evaluate("(hash) => { location.hash = hash; }", address(run, trial))
            page.wait_for_selector(".detail")
            expect(page.locator("#grid tr.on th")).to_have_text(visible(trial.case_id))
            body = run.results[trial.trial_id].calls[-1].request
            texts = page.locator(".detail details pre").all_text_contents()
            assert texts == [curl(endpoint, body), body_text(body).join(python_around(endpoint))]
            assert "$API_KEY" in texts[0]
            page.keyboard.press("Escape")


def test_copy_puts_the_command_on_the_clipboard(chromium, made):
    run, path = made["plain"]
    with opened(chromium, path, fragment=address(run, run.plan.trials[0])) as page:
        page.wait_for_selector(".detail")
        page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        page.locator(".detail summary").first.click()
        page.locator(".detail details button").first.click()
        assert page.evaluate("window.copied") == page.locator(".detail details pre").first.text_content()
        expect(page.locator(".detail details button").first).to_have_text("Copied")


@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_from_a_trial_to_its_full_text(chromium, made, name):
    run, path = made[name]
    rows = TrialRows(make_view(run, analyse(run), ReportSettings()))
    trial = rows[17].trial
    with opened(chromium, path, fragment=address(run, trial)) as page:
        page.wait_for_selector(".detail")
        link = page.locator(".detail a", has_text="Its full text").get_attribute("href")
    assert link == "trials/p0001.html#t-17"
    with opened(chromium, path.parent / "trials" / "p0001.html", fragment="#t-17") as page:
        section = page.locator("#t-17")
        box = section.bounding_box()
        assert 0 <= box["y"] < 200
        assert section.locator("h2").text_content().startswith(visible(trial.case_id) + " / ")
        answer = run.results[trial.trial_id].calls[-1].answer.text
        assert visible(answer).replace("\r", "") in section.text_content()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", RUNS)
def test_an_opened_trial_fits_the_window_and_axe_finds_nothing(chromium, made, axe_source, name, width, scheme):
    run, path = made[name]
    with opened(chromium, path, fragment=address(run, run.plan.trials[3]), width=width, scheme=scheme) as page:
        page.wait_for_selector(".detail")
        page.evaluate("document.querySelectorAll('.detail details').forEach((node) => { node.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for box in page.locator(".detail pre, .detail table").all():
            right = box.bounding_box()["x"] + box.bounding_box()["width"]
            assert right <= width
        assert violations(page, axe_source) == []


# ---------------------------------------------------------------- harmless


def test_hostile_trials_open_as_text_run_nothing_and_hide_nothing(chromium, made):
    run, path = made["hostile"]
    with opened(chromium, path) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"the page ran {dialog.message}"))
        for trial in run.plan.trials[: len(TEXTS)]:
            page.evaluate("(hash) => { location.hash = hash; }", address(run, trial))
            page.wait_for_selector(".detail")
            expect(page.locator("#grid tr.on th")).to_have_text(visible(trial.case_id))
            shown = page.locator(".detail").text_content()
            answer = visible(run.results[trial.trial_id].calls[-1].answer.text)
            assert answer[:20_000].replace("\r", "") in shown
            assert len(shown) < 150_000
            assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown)
            assert page.locator(".detail :is(script, img, iframe, style)").count() == 0
            page.keyboard.press("Escape")


def test_commands_with_hostile_text_hold_the_very_request(chromium, made):
    run, path = made["hostile"]
    with opened(chromium, path) as page:
        for trial in run.plan.trials[: len(HOSTILE)]:
            page.evaluate("(hash) => { location.hash = hash; }", address(run, trial))
            page.wait_for_selector(".detail")
            expect(page.locator("#grid tr.on th")).to_have_text(visible(trial.case_id))
            body = run.results[trial.trial_id].calls[-1].request
            if len(body["input"]) < 1_000:
                command = page.locator(".detail details pre").first.text_content()
                assert json.loads(command[command.index("{") : command.rindex("}") + 1]) == body
            page.keyboard.press("Escape")
