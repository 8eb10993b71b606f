"""The page as text: sound, closed to the outside, and truthful for runs of every kind."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from evalharness.core.record import Answer, RunRecord
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.report.templates import resource
from tests.support.reports import ALL_KINDS, analysed, rendered, shown_text
from tests.support.runs import make_run

SETTINGS = ReportSettings()
NEVER_PRINTED = re.compile(
    r"±|\b(nan|inf|infinity|significant|proves|no difference|outperforms?|trend|None|undefined)\b|p = 0\.0+\b"
    r"|\b(\d[\d.,]*) to \2(?![\d.,])|\b1(0[1-9]|[1-9]\d)(\.\d+)?%|\b100\.0*[1-9]\d*%"
)


def embedded(html: str, name: str) -> object:
    return unpacked(re.search(rf'id="{name}">([^<]*)<', html).group(1))


def unpacked(blob: str) -> object:
    return json.loads(gzip.decompress(base64.b64decode(blob)))


# ---------------------------------------------------------------- sound


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_picture_is_well_formed_and_named(kind):
    pictures = re.findall(r"<svg\b.*?</svg>", rendered(kind), re.S)
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        hidden = root.get("aria-hidden") == "true"
        assert hidden or (root.get("role") == "img" and root.find("title").text and root.find("desc").text)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_no_picture_has_a_coordinate_that_is_no_number(kind):
    for picture in re.findall(r"<svg\b.*?</svg>", rendered(kind), re.S):
        assert not re.search(r"\b(nan|inf)\b", re.sub(r"<(title|desc)>.*?</\1>|<text.*?</text>", "", picture))


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_ids_are_unique_and_every_link_inside_has_its_place(kind):
    html = rendered(kind)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    links = {link for link in re.findall(r'href="#([^"]+)"', html) if not link.startswith(("case-", "trial="))}
    assert links <= set(ids)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_an_axis_and_its_rows_share_width_and_view_box(kind):
    for table in re.findall(r'<table class="stack strips">.*?</table>', rendered(kind), re.S):
        axis = re.search(r'<td class="axis"><svg viewBox="([^"]+)"', table)
        rows = set(re.findall(r'<td class="strip"><svg viewBox="([^"]+)"', table))
        assert axis is None or rows == {axis.group(1)}


# ---------------------------------------------------------------- truthful


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_nothing_is_printed_that_must_never_be(kind):
    found = NEVER_PRINTED.search(shown_text(rendered(kind)).replace("effort none", "").replace("no score", ""))
    assert found is None, found.group()


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_simulated_run_says_so_beside_its_title_and_no_other_does(kind):
    html = rendered(kind)
    assert ("SIMULATED" in html) is analysed(kind)[0].manifest.simulated
    assert ('<span class="simulated">SIMULATED</span></h1>' in html) is analysed(kind)[0].manifest.simulated


def test_a_section_without_anything_to_say_is_left_out_with_its_link():
    html = rendered("single")
    assert 'href="#tradeoff"' not in html
    assert 'id="tradeoff"' not in html
    assert 'href="#stability"' in html
    assert "No call failed in" in rendered("all right")


def test_an_interrupted_run_says_how_much_is_missing():
    text = shown_text(rendered("interrupted"))
    assert "The run is not finished: 71 of 180 calls are missing. Run the same command again." in text


def test_one_arm_is_compared_with_nothing():
    text = shown_text(rendered("single"))
    assert "baseline" not in text.lower()
    assert "better" not in text.lower()


def test_beyond_twelve_arms_the_best_are_shown_and_the_rest_are_one_click_away():
    text = shown_text(rendered("many arms"))
    assert re.search(r"Showing 1[234] of 21 arms", text)
    assert "All 21 arms" in text


# ---------------------------------------------------------------- closed


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_nothing_is_loaded_styled_or_run_from_an_attribute(kind):
    html = rendered(kind)
    outside = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", html, flags=re.S)
    assert not re.search(r"<[^>]+\sstyle=", outside)
    assert not re.search(r"<[^>]+\son\w+=", outside)
    assert not re.search(r"<script[^>]+src|<link[^>]+href=\"(?!data:,)|<img|<iframe|@import|url\((?!#)", html)
    assert not re.search(r"<(?!a\b)[^>]+(href|src)=\"https?:", outside)


def test_the_policy_names_the_hashes_of_exactly_the_style_and_script_in_the_page():
    html = rendered("sweep")
    rules = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1).replace("&#39;", "'")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in rules
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% for x in y %} ${7*7}",
    '" onmouseover="alert(1)',
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "a\x00b\x1b[31mred\x7f",
    "left\u202eright\u2066",
    "lone \ud800 surrogate",
    "]]><!-- --!> &lt;script&gt;",
    "\u2028line\u2029",
)


def hostile_run(kind: str = "sweep") -> RunRecord:
    """Every answer, and every text a service or suite can put into a run, is hostile."""
    run = analysed(kind)[0]
    results = {}
    for place, (trial_id, result) in enumerate(run.results.items()):
        text = HOSTILE[place % len(HOSTILE)]
        calls = tuple(
            replace(call, answer=Answer(text=text, refusal=text, model_reported=text)) for call in result.calls
        )
        failure = replace(result.failure, message=text) if result.failure else None
        results[trial_id] = replace(result, calls=calls, failure=failure)
    manifest = replace(run.manifest, suite_text="\n".join(HOSTILE), environment={HOSTILE[0]: HOSTILE[2]})
    suite = replace(run.plan.suite, description=HOSTILE[0])
    return replace(run, results=results, manifest=manifest, plan=replace(run.plan, suite=suite))


def test_hostile_text_is_shown_and_never_becomes_part_of_the_page():
    run = hostile_run()
    plain, hostile = rendered("sweep"), render_page(run, analysed("sweep")[1], SETTINGS)
    for tag in ("script", "img", "svg", "style", "iframe", "a"):
        assert len(re.findall(rf"<{tag}\b", hostile)) <= len(re.findall(rf"<{tag}\b", plain))
    assert "\\x1b" in hostile
    assert "\\u202e" in hostile
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", hostile)
    assert "49" not in re.search(r"The suite, as it was run.*?</details>", hostile, re.S).group()
    hostile.encode("utf-8")


def test_hostile_answers_come_back_from_the_embedded_table_as_visible_text():
    html = render_page(hostile_run(), analysed("sweep")[1], SETTINGS)
    previews = embedded(html, "data")["columns"]["preview"]
    rows = embedded(html, "texts")["rows"].values()
    outputs = [turn["output"] for row in rows for turn in row.get("turns", ()) if "output" in turn]
    for shown in (previews, outputs):
        assert any("<script>alert(1)</script>" in text for text in shown)
        assert any("a\\x00b\\x1b[31mred\\x7f" in text for text in shown)
        assert any("left\\u202eright\\u2066" in text for text in shown)
        assert any("lone \\ud800 surrogate" in text for text in shown)


def test_the_script_writes_text_and_never_markup():
    script = resource("page.js")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(|XMLHttp", script
    )


# ---------------------------------------------------------------- the same bytes, and not too many


def test_two_processes_with_different_hash_seeds_make_the_same_bytes():
    code = (
        "import hashlib\n"
        "from tests.support.reports import analysed\n"
        "from evalharness.report.page import render_page\n"
        "from evalharness.report.settings import ReportSettings\n"
        "from evalharness.report import markdown, summary\n"
        "run = analysed('several prompts')\n"
        "text = render_page(*run, ReportSettings()) + markdown.render(*run) + summary.report_json(*run)\n"
        "print(hashlib.sha256(text.encode()).hexdigest())\n"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


def test_script_and_style_stay_inside_their_budgets():
    assert len((resource("common.js") + resource("page.js")).encode()) <= 15_000
    style = re.search(r"<style>(.*?)</style>", rendered("sweep"), re.S).group(1)
    assert len(style.encode()) <= 10_000


def test_five_arms_of_two_thousand_cases_stay_under_600_kb():
    run = make_run(arms=5, cases=2000, repeats=1)
    # Arms have the same ids whatever the number of cases, so a small run's analysis serves: only its size matters here.
    html = render_page(run, analysed("sweep")[1], SETTINGS)
    assert len(html.encode()) <= 600_000
    pictures = sum(len(picture) for picture in re.findall(r"<svg\b.*?</svg>", html, re.S))
    assert pictures <= 150_000
    assert len(embedded(html, "data")["columns"]["case"]) == 10_000
