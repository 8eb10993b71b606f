"""Changed cases in a real browser: the worst is two clicks from the verdict, with and without script."""

from __future__ import annotations

import pytest

from evalharness.report.write import write_report
from tests.browser.test_report_page import opened, violations
from tests.support.reports import analysed


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flips")
    for kind in ("sweep", "single"):
        write_report(*analysed(kind), folder / kind)
    return {kind: folder / kind / "report.html" for kind in ("sweep", "single")}


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("kind", ["sweep", "single"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_worst_case_is_two_clicks_from_the_verdict_at_most(chromium, pages, kind, script, width):
    with opened(chromium, pages[kind], width=width, script=script) as page:
        link = page.locator(".verdict a")
        place = page.locator(f'[id="{link.get_attribute("href")[1:]}"]')
        link.click()
        page.wait_for_timeout(100)
        if not place.is_visible():
            page.locator("details", has=place).last.locator("summary").first.click()
        box = place.bounding_box()
        assert 0 < box["y"] < 300
        assert place.locator("pre").first.is_visible()
        assert page.locator("#trials-live").is_hidden()


def test_a_link_to_any_case_opens_it_even_in_a_closed_list(chromium, pages):
    with opened(chromium, pages["sweep"]) as page:
        ids = page.eval_on_selector_all(".case", "nodes => nodes.map((node) => node.id)")
    with opened(chromium, pages["sweep"], fragment="#" + ids[-1], script=False) as page:
        place = page.locator(f'[id="{ids[-1]}"]')
        place.wait_for(state="visible")
        assert 0 < place.bounding_box()["y"] < 900


def test_from_a_case_to_its_trial_in_the_table(chromium, pages):
    with opened(chromium, pages["sweep"]) as page:
        page.locator(".case figcaption a").first.click()
        page.wait_for_selector("#grid .detail")
        case_id = page.locator(".cases code").first.text_content()
        assert case_id in page.locator("#grid tr.on").text_content()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "dark")])
def test_axe_finds_nothing_in_opened_cases(chromium, pages, axe_source, width, scheme):
    with opened(chromium, pages["sweep"], width=width, scheme=scheme) as page:
        page.evaluate("document.querySelectorAll('#flips details').forEach((node) => { node.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page, axe_source) == []
