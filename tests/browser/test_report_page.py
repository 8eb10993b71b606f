"""The report in a real browser, opened as a file: nothing is asked of any network, and everything can be used."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from evalharness.report import together
from evalharness.report.settings import ReportSettings
from evalharness.report.write import write_index, write_report, write_text
from tests.support import sample
from tests.support.gates import gated
from tests.support.reports import analysed
from tests.unit.report.test_page import HOSTILE, hostile_run

GATED = ("gates fail", "gates open", "gates pass")
#: What A4 leaves between its margins of 12 mm, at 96 dots an inch.
A4_WIDTH = 702
#: Words of heads, and times with their unit, that stand on more than one line.
BROKEN = r"""() => {
    const broken = [];
    const look = (cells, pattern) => {
        for (const cell of document.querySelectorAll(cells)) {
            const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
            for (let node; (node = walker.nextNode()); ) {
                for (const found of node.data.matchAll(pattern)) {
                    const range = document.createRange();
                    range.setStart(node, found.index);
                    range.setEnd(node, found.index + found[0].length);
                    const tops = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
                    if (tops.size > 1) broken.push(found[0]);
                }
            }
        }
    };
    look('thead th', /[^ ]+/g);
    look('td', /(≥\s)?[\d.,]+\s(ms|s)\b/g);
    return broken;
}"""
KINDS = (
    "sweep",
    "single",
    "many arms",
    "all failed",
    "several prompts",
    "levels, arms",
    "levels, seen badly",
    "latency",
    *GATED,
)


@pytest.fixture(scope="session")
def reports(tmp_path_factory) -> Path:
    """One report for each kind of run, one of a hostile run, the sample, and the index over them."""
    folder = tmp_path_factory.mktemp("reports")
    for kind in KINDS:
        made = gated(kind) if kind in GATED else analysed(kind)
        write_report(*made, folder / "suite" / kind.replace(" ", "-"), settings=ReportSettings(full_text=True))
    write_report(hostile_run(), analysed("sweep")[1], folder / "suite" / "hostile")
    sample.render(folder / "suite" / "sample")
    runs = [analysed(kind) for kind in ("levels, arms", "latency")]
    links = [f"{kind.replace(' ', '-')}/report.html" for kind in ("levels, arms", "latency")]
    write_text(folder / "suite" / "together.html", together.page(together.together(runs, links)))
    write_index(folder)
    return folder


@contextmanager
def opened(browser, path: Path, *, fragment: str = "", width: int = 1280, scheme: str = "light", script: bool = True):
    """The page, watched: a request, a console error or an exception fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        java_script_enabled=script,
        reduced_motion="reduce",
        offline=True,
    )
    page = context.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("console", lambda message: seen.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.append(str(error)))
    address = path.as_uri()
    page.goto(address + fragment)
    yield page
    asked = [text for text in seen if not text.startswith((address, "data:,"))]
    context.close()
    assert asked == []


def report(reports: Path, kind: str) -> Path:
    return reports / "suite" / kind.replace(" ", "-") / "report.html"


def wait_for_table(page) -> None:
    page.locator("#trials").scroll_into_view_if_needed()
    page.wait_for_selector("#grid tbody tr")


@pytest.mark.parametrize("kind", [*KINDS, "hostile", "sample"])
@pytest.mark.parametrize("width", [390, 768, 1024, 1280])
def test_no_page_is_wider_than_its_window(chromium, reports, kind, width):
    with opened(chromium, report(reports, kind), width=width) as page:
        wait_for_table(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_screen_holds_the_verdict_and_the_recommended_row_with_its_strip(chromium, reports):
    with opened(chromium, report(reports, "sample"), width=1400) as page:
        table = page.locator("#result table").bounding_box()
        row = page.locator("#result tr.strong").bounding_box()
        strip = page.locator("#result tr.strong svg.strip").bounding_box()
        assert table["y"] <= 520
        assert row["y"] + row["height"] <= 900
        assert (strip["width"], strip["height"]) == (150, 22)


@pytest.mark.parametrize("width", [390, 768, 1024, 1280])
def test_the_index_is_not_wider_than_its_window(chromium, reports, width):
    with opened(chromium, reports / "index.html", width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("kind", [*KINDS, "hostile", "sample"])
def test_no_column_is_cut_off_on_paper(chromium, reports, kind):
    with opened(chromium, report(reports, kind), width=A4_WIDTH) as page:
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") <= A4_WIDTH
        cut = page.evaluate(
            """(paper) => [...document.querySelectorAll('th, td, svg')]
            .filter((node) => node.getClientRects().length && node.getBoundingClientRect().right > paper + 0.5)
            .map((node) => node.textContent)""",
            A4_WIDTH,
        )
        assert cut == []


@pytest.mark.parametrize("kind", ["sweep", "many arms", "levels, seen badly", "gates open"])
def test_no_word_of_a_head_and_no_time_is_broken_on_a_tablet_or_on_paper(chromium, reports, kind):
    with opened(chromium, report(reports, kind), width=768) as page:
        assert page.evaluate(BROKEN) == []
        page.set_viewport_size({"width": A4_WIDTH, "height": 900})
        page.emulate_media(media="print")
        assert page.evaluate(BROKEN) == []


def test_arms_are_compared_down_a_column_on_a_tablet_and_in_cards_on_a_phone(chromium, reports):
    with opened(chromium, report(reports, "sweep"), width=768) as page:
        table = page.locator("#result table.stack")
        right = table.locator("tbody td[data-label^=Right]")
        edges = right.evaluate_all("(cells) => cells.map((cell) => cell.getBoundingClientRect().right)")
        assert len(edges) > 2
        assert len(set(edges)) == 1
        assert table.locator("thead th").first.is_visible()
        page.set_viewport_size({"width": 390, "height": 900})
        assert not table.locator("thead th").first.is_visible()


@pytest.mark.parametrize("width", [390, 768, 1024, 1280])
def test_a_strip_is_shown_only_under_its_range(chromium, reports, width):
    with opened(chromium, report(reports, "sweep"), width=width) as page:
        tables = page.evaluate("""() => [...document.querySelectorAll('table.strips')].map((table) => ['axis', 'strip']
            .map((name) => [...table.querySelectorAll('.' + name)].some((node) => node.checkVisibility())))""")
        assert len(tables) > 1
        assert all(has_range == has_strip for has_range, has_strip in tables)
        assert tables[0] == ([False, False] if width < 1200 else [True, True])


def test_on_a_phone_the_column_of_repeats_gives_way_unless_the_table_is_sorted_by_it(chromium, reports):
    with opened(chromium, report(reports, "sweep"), width=390) as page:
        wait_for_table(page)
        repeat = page.locator("#grid .repeat").first
        assert not repeat.is_visible()
        page.evaluate("location.hash = '#trials?sort=repeat'")
        expect(repeat).to_be_visible()


def test_print_on_paper_is_of_one_size_and_nothing_open_looks_shut(chromium, reports):
    with opened(chromium, report(reports, "sweep"), width=A4_WIDTH) as page:
        page.emulate_media(media="print")
        size = "(name) => getComputedStyle(document.querySelector(name)).fontSize"
        assert page.evaluate(size, "#result td") == page.evaluate(size, "#result caption")
        shut = page.locator("section > details > summary")
        assert shut.count() > 0
        assert set(shut.evaluate_all("(all) => all.map((one) => getComputedStyle(one).listStyleType)")) == {"none"}


def test_paper_shows_what_is_folded_away_and_nothing_that_is_pressed(chromium, reports):
    with opened(chromium, report(reports, "sweep"), width=A4_WIDTH) as page:
        page.locator("details").first.wait_for()
        folded = page.locator("section > details:not([open]) > :is(pre, table)")
        assert folded.count() > 0
        hidden = "(nodes) => nodes.filter((node) => !node.checkVisibility()).length"
        assert folded.evaluate_all(hidden) == folded.count()
        page.emulate_media(media="print", color_scheme="dark")
        assert folded.evaluate_all(hidden) == 0
        assert page.locator("button").evaluate_all("(nodes) => nodes.every((node) => !node.checkVisibility())")
        assert not page.locator("#trials").is_visible()
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 34, 43)"


def test_every_printed_page_names_its_run(chromium, reports):
    run, _ = analysed("sweep")
    with opened(chromium, report(reports, "sweep")) as page:
        margins = page.evaluate("""() => [...document.styleSheets[0].cssRules].filter((rule) => rule.type === 6)
            .map((rule) => rule.cssText).join()""")
        assert f"run {run.manifest.run_id}" in margins
        assert run.manifest.run_id in page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_keep_charts_readable_and_the_recommended_row_marked(chromium, reports, scheme):
    with opened(chromium, report(reports, "sample"), scheme=scheme) as page:
        page.emulate_media(forced_colors="active", color_scheme=scheme)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        ground, text, ink, edge = page.evaluate("""() => [
            getComputedStyle(document.body).backgroundColor,
            getComputedStyle(document.body).color,
            getComputedStyle(document.querySelector('svg text')).fill,
            getComputedStyle(document.querySelector('#result .strong th')).borderLeftWidth,
        ]""")
        assert ink == text != ground
        assert edge == "4px"


@pytest.mark.parametrize("kind", ["sweep", "levels, arms", "gates open"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_text_is_smaller_than_ten_pixels(chromium, reports, kind, width):
    with opened(chromium, report(reports, kind), width=width) as page:
        smallest = page.evaluate("""() => Math.min(...[...document.querySelectorAll('body *')]
            .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
            .filter((node) => node.getClientRects().length && !node.closest('script,style,title,desc'))
            .map((node) => {
                const svg = node.closest('svg');
                const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
                return parseFloat(getComputedStyle(node).fontSize) * scale;
            }))""")
        assert smallest >= 10


def test_the_table_lists_a_hundred_trials_a_page_and_finds_what_is_asked(chromium, reports):
    run, _ = analysed("sweep")
    with opened(chromium, report(reports, "sweep")) as page:
        wait_for_table(page)
        assert page.locator("#grid tbody tr").count() == 100
        assert page.locator("#found").text_content() == f"{len(run.plan.trials)} of {len(run.plan.trials)} trials"
        page.click("#next")
        assert page.locator("#place").text_content() == "101 to 200"
        page.fill("#q", "case-0007")
        expect(page.locator("#found")).to_have_text("10 of 400 trials")
        page.select_option("#arm", "medium")
        assert page.locator("#grid tbody tr").count() == 2
        assert page.evaluate("location.hash") == "#trials?q=case-0007&arm=medium"


def test_sorting_puts_what_is_missing_last_and_is_announced(chromium, reports):
    with opened(chromium, report(reports, "sweep")) as page:
        wait_for_table(page)
        head = page.locator('#grid th[data-name="total_ms"]')
        for direction in ("ascending", "descending"):
            head.locator("button").click()
            assert head.get_attribute("aria-sort") == direction
            first = page.locator("#grid tbody tr").first.locator("td").nth(4).text_content()
            assert first != "–"


def test_a_trial_opens_by_click_and_by_its_address_and_shows_its_answer(chromium, reports):
    run, _ = analysed("sweep")
    trial = run.plan.trials[17]
    arm = next(arm for arm in run.plan.arms if arm.arm_id == trial.arm_id)
    address = f"#trial={quote(trial.case_id)}/{quote(arm.label)}/{trial.repeat_index}"
    answer = run.results[trial.trial_id].calls[-1].answer.text
    with opened(chromium, report(reports, "sweep"), fragment=address) as page:
        page.wait_for_selector(".detail")
        shown = page.locator(".detail").text_content()
        assert answer in shown
        assert f"evalharness show {run.manifest.run_id} {trial.case_id}" in shown
        page.keyboard.press("Escape")
        assert page.locator(".detail").count() == 0
        page.locator("#grid tbody button").first.click()
        page.wait_for_selector(".detail")
        assert page.evaluate("location.hash").startswith("#trial=")
        page.go_back()


def test_keys_move_open_and_search_but_not_while_typing(chromium, reports):
    with opened(chromium, report(reports, "sweep")) as page:
        wait_for_table(page)
        page.keyboard.press("j")
        page.keyboard.press("j")
        assert page.locator("tr.on").get_attribute("data-at") == "1"
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        page.wait_for_selector(".detail")
        page.keyboard.press("/")
        expect(page.locator("#q")).to_be_focused()
        page.keyboard.type("jj")
        assert page.input_value("#q") == "jj"


def test_hostile_answers_are_shown_as_text_and_run_nothing(chromium, reports):
    with opened(chromium, report(reports, "hostile")) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"the page ran {dialog.message}"))
        wait_for_table(page)
        buttons = page.locator("#grid tbody th button")
        for place in range(len(HOSTILE)):
            buttons.nth(place).click()
            page.wait_for_selector(".detail")
        shown = page.locator("#grid").text_content()
        assert "<script>alert(1)</script>" in shown
        assert page.locator("#grid img, #grid script, #grid svg:not(.sheet svg)").count() == 0


def test_the_theme_button_turns_the_page_and_the_charts(chromium, reports):
    with opened(chromium, report(reports, "sweep")) as page:
        colours = """[getComputedStyle(document.body).backgroundColor,
                      getComputedStyle(document.querySelector('svg .f-e2')).fill]"""
        before = page.evaluate(colours)
        page.click("#theme")
        after = page.evaluate(colours)
        assert before == ["rgb(255, 255, 255)", "rgb(4, 135, 102)"]
        assert after == ["rgb(17, 22, 28)", "rgb(54, 193, 166)"]


def test_without_script_everything_but_the_table_is_there(chromium, reports):
    with opened(chromium, report(reports, "sweep"), script=False) as page:
        assert page.locator("#trials-plain").is_visible()
        assert page.locator("svg[role=img]").count() >= 4
        assert not page.locator("#theme").is_visible()


@pytest.mark.parametrize("kind", ["sweep", "single", "many arms", "levels, arms", "levels, seen badly", *GATED])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_axe_finds_nothing(chromium, reports, axe_source, kind, width, scheme):
    with opened(chromium, report(reports, kind), width=width, scheme=scheme) as page:
        wait_for_table(page)
        page.locator("#grid tbody button").first.click()
        page.wait_for_selector(".detail")
        assert violations(page, axe_source) == []


@pytest.mark.parametrize("name", ["index.html", "suite/together.html", "suite/sweep/trials/p0001.html"])
def test_axe_finds_nothing_in_index_and_side_pages(chromium, reports, axe_source, name):
    with opened(chromium, reports / name, width=390, scheme="dark") as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert violations(page, axe_source) == []


@pytest.mark.parametrize("kind", ["sweep", "gates fail", "levels, arms"])
def test_a_screen_reader_meets_the_same_words_in_the_same_order_on_a_desk_and_on_a_phone(chromium, reports, kind):
    """By the tree that Chromium hands to it: the verdict before its table, a heading before each section's figures,
    every table with its caption, every picture with a name; on a phone each cell with the title of its column."""
    heard = {}
    for width in (1280, 390):
        with opened(chromium, report(reports, kind), width=width) as page:
            sections = page.locator("main section h2").all_inner_texts()
            heard[width] = spoken(page)
    desk, phone = ([each for each in heard[width] if each[0] in ("heading", "table", "image")] for width in (1280, 390))
    assert desk == phone
    assert [name for role, name in desk if role == "heading" and name in sections] == sections
    assert [role for role, _ in desk].index("table") > [role for role, _ in desk].index("heading") + 1
    assert all(name for _, name in desk)
    titles = {name for role, name in heard[1280] if role == "columnheader"}
    cells = [name for role, name in heard[390] if role == "cell" and name]
    assert cells
    assert [name for name in cells if not any(name.startswith(title) for title in titles if title)] == []


def spoken(page) -> list[tuple[str, str]]:
    """Role and name of every node of the accessibility tree, in its order."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    found, waiting = [], [nodes[0]["nodeId"]]
    while waiting:
        node = by_id.get(waiting.pop())
        if node is None:
            continue
        if not node["ignored"]:
            found.append((node["role"]["value"], node.get("name", {}).get("value", "").strip()))
        waiting += reversed(node.get("childIds", []))
    return found


def violations(page, axe_source: str) -> list[str]:
    page.evaluate(axe_source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{item['id']}: {json.dumps([node['html'][:200] for node in item['nodes'][:3]])}" for item in found]
