"""The page of a candidate against its baseline in a real browser: readable at both widths, and sound for everybody."""

from __future__ import annotations

import pytest

from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.report.write import write_text
from tests.browser.test_report_page import opened, violations, wait_for_table
from tests.support.runs import make_run
from tests.unit.report.test_comparison_page import HOSTILE, SHAPE, compared, with_prompt

PAGES = ("regression", "arms", "invalid")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """By name: a regression under a hostile prompt, several arms, and runs that cannot be compared."""
    folder = tmp_path_factory.mktemp("comparisons")
    old = with_prompt(make_run(**SHAPE, seed=1), "Answer in one word. " * 40)
    runs = {
        "regression": (old, with_prompt(make_run(**SHAPE, seed=2), HOSTILE + " Answer in one word." * 30)),
        "arms": (make_run(arms=4, cases=30, seed=1), make_run(arms=4, cases=25, seed=2)),
        "invalid": (make_run(arms=2, cases=20, seed=1), make_run(arms=("high", "xhigh"), cases=20, seed=2)),
    }
    return {
        name: write_text(folder / f"{name}.html", render_page(new, compared(old, new), ReportSettings()))
        for name, (old, new) in runs.items()
    }


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 768, 1400])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(chromium, pages, axe_source, name, width):
    with opened(chromium, pages[name], width=width, scheme="dark" if width == 390 else "light") as page:
        page.on("dialog", lambda dialog: pytest.fail(f"the page ran {dialog.message}"))
        if name != "invalid":
            wait_for_table(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page, axe_source) == []
        cut_off = page.evaluate("""() => [...document.querySelectorAll('#gates td, #changed td, #against td')]
            .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent)""")
        assert cut_off == []
        narrower = page.evaluate("""() => [...document.querySelectorAll('#against td.axis svg')].filter((axis) => {
            const strip = axis.closest('table').querySelector('td.strip svg');
            return Math.abs(axis.getBoundingClientRect().width - strip.getBoundingClientRect().width) > 1;
        }).length""")
        assert narrower == 0
