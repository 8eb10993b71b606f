"""The index, the page of a suite's runs over time and a report with its style in a file, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from evalharness.report.settings import ReportSettings
from evalharness.report.summary import report_json
from evalharness.report.trend_page import history_page
from evalharness.report.write import HISTORY, write_index, write_report, write_suite_page
from evalharness.verdict.history import history
from tests.browser.test_report_page import opened, violations
from tests.support.reports import analysed
from tests.unit.report.test_trend import HOSTILE, KINDS

WIDTHS = (390, 768, 1024, 1400)
PAGES = ("fell", "eight arms", "gates", "one run")


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> Path:
    """Twenty runs of two suites with hostile names in them, one page of history for each kind, and the index."""
    folder = tmp_path_factory.mktemp("index")
    for number in range(20):
        made = json.loads(report_json(*analysed("sweep" if number % 2 else "levels, arms")))
        suite, run_id = f"suite-{number % 2}", f"20261101T1200{number:02d}Z-abcd"
        run = folder / suite / run_id
        run.mkdir(parents=True)
        changed = {
            "suite": suite,
            "run_id": run_id,
            "commit": "0123456789abcdef",
            "created_utc": f"2026-11-{number + 1:02d}",
        }
        if number == 7:
            changed |= {"heading": HOSTILE, "arm": HOSTILE, "commit": HOSTILE, "verdict": "not enough data"}
        (run / "report.json").write_text(json.dumps(made | changed))
    for name in PAGES:
        write_suite_page(folder / name.replace(" ", "-"), HISTORY, history_page(history(KINDS[name])))
    write_index(folder)
    return folder


def page_of(reports: Path, name: str) -> Path:
    return reports / "index.html" if name == "index" else reports / name.replace(" ", "-") / HISTORY


@pytest.mark.parametrize("name", ["index", *PAGES])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(chromium, reports, axe_source, name, width):
    scheme = "dark" if width in (390, 1400) else "light"
    with opened(chromium, page_of(reports, name), width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page, axe_source) == []


def test_no_word_of_the_lists_is_broken_on_a_desk(chromium, reports):
    """A word that is broken has two boxes; dates and kinds have none but one."""
    broken = """() => [...document.querySelectorAll('#runs tbody :is(th a, td:nth-child(3), td:nth-child(5))')]
        .filter((cell) => { const range = document.createRange(); const text = cell.firstChild;
            if (!text || text.nodeType !== 3) return false;
            return text.data.split(' ').some((word) => { const at = text.data.indexOf(word);
                range.setStart(text, at); range.setEnd(text, at + word.length);
                return range.getClientRects().length > 1; }); }).map((cell) => cell.textContent)"""
    with opened(chromium, reports / "index.html", width=1400) as page:
        assert page.locator("#runs tbody tr").count() == 20
        assert page.evaluate(broken) == []


@pytest.mark.parametrize("name", ["eight arms", "gates"])
def test_what_stands_in_a_column_stands_under_its_head(chromium, reports, name):
    """Texts share their left edge with the head, figures their right one."""
    edges = """() => [...document.querySelectorAll('#history tr')].map((row) => [...row.cells].map((cell) => {
        const range = document.createRange(); range.selectNodeContents(cell);
        const text = range.getBoundingClientRect(), isLeft = getComputedStyle(cell).textAlign === 'left';
        return [isLeft, Math.round(isLeft ? text.left : text.right)]; }))"""
    with opened(chromium, page_of(reports, name), width=1400) as page:
        head, *rows = page.evaluate(edges)
        assert len(rows) == len(KINDS[name])
        for row in rows:
            assert row == head


def test_the_list_of_runs_is_narrowed_by_words(chromium, reports):
    with opened(chromium, reports / "index.html") as page:
        page.get_by_label("Show runs with").fill("suite-1 effort")
        expect(page.locator("#found")).to_have_text("0 of 20 runs")
        page.get_by_label("Show runs with").fill("suite-1 comparison")
        expect(page.locator("#found")).to_have_text("10 of 20 runs")
        assert page.locator("#runs tbody tr:visible").count() == 10
        page.set_viewport_size({"width": 390, "height": 900})
        assert page.locator("#runs tbody tr:visible").count() == 10


@pytest.mark.parametrize("name", ["index", "fell"])
def test_the_button_turns_the_theme_and_a_command_can_be_copied(chromium, reports, name):
    with opened(chromium, page_of(reports, name)) as page:
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.locator("#theme").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        assert (
            page.locator("pre.copy").count() == page.get_by_role("button", name="Copy", include_hidden=True).count() > 0
        )


@pytest.mark.parametrize("name", ["index", "fell"])
def test_without_script_all_is_there_but_what_is_pressed(chromium, reports, name):
    with opened(chromium, page_of(reports, name), script=False) as page:
        assert page.locator("button:visible, form:visible").count() == 0
        assert page.locator("svg").first.is_visible()
        assert page.locator("table").first.is_visible()


def test_a_report_takes_its_style_from_the_file_beside_it(chromium, tmp_path):
    write_report(*analysed("single"), tmp_path / "in", settings=ReportSettings())
    write_report(*analysed("single"), tmp_path / "out", settings=ReportSettings(external_css=True))
    look = "getComputedStyle(document.querySelector('.verdict')).borderLeft + getComputedStyle(document.body).font"
    with opened(chromium, tmp_path / "in" / "report.html") as page:
        wanted = page.evaluate(look)
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto((tmp_path / "out" / "report.html").as_uri())
    assert page.evaluate(look) == wanted
    assert sorted(asked) == ["report.css", "report.html"]
    context.close()
