"""What leaves the page: comments, charts as files, the style sheet as a file."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from evalharness.core.errors import UsageError
from evalharness.core.findings import Change
from evalharness.report import comparison_markdown, markdown
from evalharness.report.markdown_text import COMMENT_BYTES, first_that_fits
from evalharness.report.page import render_page
from evalharness.report.palette import COLOURS
from evalharness.report.pictures import pictures
from evalharness.report.settings import ReportSettings
from evalharness.report.verdict_text import verdict_text
from evalharness.report.write import write_report
from tests.support.gates import GATED, gated
from tests.support.reports import ALL_KINDS, analysed, plain_markdown, rendered
from tests.unit.report.test_comparison import beside
from tests.unit.report.test_page import HOSTILE

LINK = "https://ci.example/job/7/artifact/report.html"


def made(kind: str):
    return gated(kind) if kind in GATED else analysed(kind)


# ---------------------------------------------------------------- comments


@pytest.mark.parametrize("kind", [*ALL_KINDS, *GATED])
def test_a_comment_is_at_most_8_kb_with_the_decision_first_and_the_hidden_marker_last(kind):
    run, analysis = made(kind)
    text = markdown.render(run, analysis, max_bytes=COMMENT_BYTES, link=LINK)
    lines = text.strip().splitlines()
    assert len(text.encode()) <= COMMENT_BYTES
    assert lines[-1] == f"<!-- evalharness:{run.manifest.suite_name} -->"
    assert verdict_text(run, analysis).heading in plain_markdown(text)
    assert f"[the whole report]({LINK})" in text
    assert "![" not in text


@pytest.mark.parametrize("max_bytes", [500, 2_000, 4_000, COMMENT_BYTES])
def test_however_much_there_is_to_say_what_is_left_out_goes_in_order_and_is_said(max_bytes):
    run, analysis = gated("gates fail")
    crowded = replace(analysis, gates=analysis.gates * 40, banners=tuple(f"Banner {n}. {'x' * 300}" for n in range(60)))
    text = markdown.render(run, crowded, max_bytes=max_bytes)
    assert "Details were left out to keep this summary short" in text
    assert plain_markdown(text).startswith("**Fail**")
    assert len(text.encode()) <= max(max_bytes, 2_000)


def test_a_comment_on_a_comparison_keeps_its_verdict_whatever_changed():
    run, analysis = beside("single", weak=True)
    many = tuple(Change(what=f"parameter {n}", baseline="*" * 900, candidate="@" * 900) for n in range(200))
    long = {f"case-{n}-{'[' * 400}": f"reason {n} {'#' * 2_000}" for n in range(40)}
    source = replace(analysis.baseline_run, changed=many, only_in_baseline=long, suite_name="#" * 3_000)
    text = comparison_markdown.render(run, replace(analysis, baseline_run=source), max_bytes=COMMENT_BYTES, link=LINK)
    assert len(text.encode()) <= COMMENT_BYTES
    assert text.startswith("**Worse**")
    assert "Details were left out" in text
    assert text.rstrip().endswith("-->")
    whole = comparison_markdown.render(run, analysis, max_bytes=COMMENT_BYTES, link=LINK)
    assert "cases scored lower than in the baseline" in whole
    assert f"[the whole report]({LINK})" in whole


@pytest.mark.parametrize("link", ["javascript:alert(1)", "report.html", "https://a b", "ftp://x", 'https://x"onclick'])
def test_a_link_that_is_no_web_address_is_refused(link):
    with pytest.raises(UsageError, match="no address of a page"):
        markdown.render(*analysed("single"), link=link)


def test_a_link_cannot_end_its_own_brackets():
    text = markdown.render(*analysed("single"), link="https://x/a)b](c")
    assert "(https://x/a%29b%5D%28c)" in text


def test_the_first_form_that_fits_is_taken_and_the_last_where_none_does():
    assert first_that_fits(["éé", "abc", "d"], 3) == "abc"
    assert first_that_fits(["abcd", "abc"], 2) == "abc"


# ---------------------------------------------------------------- charts as files


@pytest.mark.parametrize("kind", ["sweep", "single", "levels, arms", "latency", "several prompts", "all failed"])
def test_every_chart_of_a_page_stands_alone_in_light_colours_with_its_name(kind):
    found = dict(pictures(rendered(kind)))
    assert len(found) == rendered(kind).count('role="img"')
    for name, text in found.items():
        assert re.fullmatch(r"[a-z]+-\d\d[a-z0-9-]*\.svg", name)
        root = ElementTree.fromstring(text)
        space = "{http://www.w3.org/2000/svg}"
        assert root.tag == f"{space}svg"
        assert root.find(f"{space}title").text and root.find(f"{space}desc").text
        assert float(root.get("width")) > 0 and float(root.get("height")) > 0
        ground = root.find(f"{space}rect")
        assert ground.get("fill") == COLOURS["bg"].light
        assert not re.search(r"(href|src|style)=|url\(|var\(", text)
        for shape in root.iter():
            roles = re.findall(r"\bf-(\w+)", shape.get("class") or "")
            assert all(shape.get("fill") == COLOURS[role].light for role in roles)


def test_hostile_names_in_a_chart_stay_text():
    run, analysis = analysed("sweep")
    arms = tuple(replace(arm, label=HOSTILE[place]) for place, arm in enumerate(analysis.arms))
    found = list(pictures(render_page(run, replace(analysis, arms=arms), ReportSettings())))
    assert len(found) > 3
    for name, text in found:
        assert re.fullmatch(r"[a-z0-9.-]+", name)
        assert all(node.tag.rpartition("}")[2] not in ("script", "img") for node in ElementTree.fromstring(text).iter())


# ---------------------------------------------------------------- the style sheet as a file


def test_with_external_css_pages_link_to_one_file_and_may_load_that_alone(tmp_path):
    run, analysis = analysed("sweep")
    written = write_report(run, analysis, tmp_path, settings=ReportSettings(external_css=True, full_text=True))
    css = (tmp_path / "report.css").read_text()
    assert "report.css" in [path.name for path in written]
    assert css == re.search("<style>(.*?)</style>", rendered("sweep"), re.S).group(1)
    html = (tmp_path / "report.html").read_text()
    assert '<link rel="stylesheet" href="report.css">' in html
    assert "<style" not in html
    rules = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1).replace("&#39;", "'")
    assert "style-src 'self';" in rules
    assert re.search("script-src 'sha256-[^']+'", rules)
    for page in tmp_path.glob("trials/*.html"):
        text = page.read_text()
        assert '<link rel="stylesheet" href="../report.css">' in text
        assert "<style" not in text


def test_without_it_nothing_is_linked_and_no_file_is_written(tmp_path):
    write_report(*analysed("sweep"), tmp_path)
    assert not (tmp_path / "report.css").exists()
    assert 'rel="stylesheet"' not in (tmp_path / "report.html").read_text()
