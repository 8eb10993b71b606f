"""Files of a report: whole or absent, and an index that reads nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from evalharness.core.errors import StoreError
from evalharness.report import index
from evalharness.report.settings import ReportSettings
from evalharness.report.write import HISTORY, TOGETHER, write_index, write_report, write_suite_page, write_text
from tests.support.reports import analysed, shown_text


def test_a_report_is_three_files_and_nothing_is_left_beside_them(tmp_path):
    written = write_report(*analysed("sweep"), tmp_path / "run")
    assert [path.name for path in written] == ["report.html", "report.json", "summary.md"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["report.html", "report.json", "summary.md"]


def test_with_full_text_every_trial_is_in_a_static_page_without_script(tmp_path):
    run, analysis = analysed("sweep")
    written = write_report(run, analysis, tmp_path, settings=ReportSettings(full_text=True))
    pages = [path.read_text() for path in written if path.parent.name == "trials"]
    anchors = [anchor for text in pages for anchor in re.findall(r'<section id="t-(\d+)"', text)]
    assert anchors == [str(place) for place in range(len(run.plan.trials))]
    assert not any("<script" in text for text in pages)
    assert all("SIMULATED" in text for text in pages)
    assert 'href="trials/index.html"' in written[0].read_text()


def test_writing_the_same_run_twice_gives_the_same_bytes(tmp_path):
    first = [path.read_bytes() for path in write_report(*analysed("sweep"), tmp_path)]
    assert [path.read_bytes() for path in write_report(*analysed("sweep"), tmp_path)] == first


def test_a_place_that_cannot_be_written_is_a_store_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write") as caught:
        write_report(*analysed("sweep"), tmp_path / "file")
    assert "stored run is safe" in caught.value.hint


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    target = write_text(tmp_path / "a.html", "old")

    def refuse(self, other):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StoreError, match="No space left"):
        write_text(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


# ---------------------------------------------------------------- the index


def put(reports: Path, suite: str, run_id: str, **changed: object) -> None:
    report = json.loads((reports / "made.json").read_text()) | {"suite": suite, "run_id": run_id} | changed
    folder = reports / suite / run_id
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(report))


@pytest.fixture
def reports(tmp_path):
    folder = write_report(*analysed("sweep"), tmp_path / "scratch")[1]
    (tmp_path / "made.json").write_text(folder.read_text())
    return tmp_path


def test_the_index_lists_runs_newest_first_from_their_small_files_alone(reports):
    put(reports, "maths", "r1", created_utc="2026-11-01T10:00:00.000Z", heading="Use low")
    put(reports, "maths", "r2", created_utc="2026-11-02T10:00:00.000Z", heading="Use medium")
    put(reports, "tone", "r3", created_utc="2026-10-30T10:00:00.000Z", heading="No rule set", simulated=False)
    html = write_index(reports).read_text()
    assert re.findall(r'<th scope="row"><a href="([^"]+)"', html) == [
        "maths/r2/report.html",
        "maths/r1/report.html",
        "tone/r3/report.html",
    ]
    assert "SIMULATED" in html
    assert "Use medium" in shown_text(html)
    assert not re.search(r"<script[^>]", html)


def test_a_figure_of_one_arm_of_several_says_whose_it_is(reports):
    put(reports, "maths", "r1")
    arm = analysed("sweep")[1].decision.arm_id
    label = next(each.label for each in analysed("sweep")[1].arms if each.arm_id == arm)
    assert f"Quality of {label}" in shown_text(write_index(reports).read_text())


def test_history_is_broken_where_the_cases_changed(reports):
    for day in range(1, 4):
        put(reports, "maths", f"r{day}", created_utc=f"2026-11-0{day}T10:00:00.000Z")
    whole = write_index(reports).read_text()
    put(reports, "maths", "r4", created_utc="2026-11-04T10:00:00.000Z", hashes={"cases": "other"})
    broken = write_index(reports).read_text()
    assert "stroke-dasharray" not in re.search(r'<svg[^>]*class="history".*?</svg>', whole, re.S).group()
    assert "stroke-dasharray" in re.search(r'<svg[^>]*class="history".*?</svg>', broken, re.S).group()
    for picture in re.findall(r"<svg\b.*?</svg>", broken, re.S):
        ElementTree.fromstring(picture)


@pytest.mark.parametrize("text", ["", "[]", "{", "x" * 5000, '{"suite": 7, "quality": "high", "created_utc": null}'])
def test_a_broken_file_spoils_neither_the_index_nor_goes_unmentioned(reports, text):
    put(reports, "maths", "good")
    (reports / "maths" / "bad").mkdir()
    (reports / "maths" / "bad" / "report.json").write_text(text)
    html = write_index(reports).read_text()
    assert "maths/good/report.html" in html
    listed = len(re.findall(r'<th scope="row"><a', html))
    assert listed == 2 or "1 report.json could not be read" in html


def test_hostile_names_in_a_report_json_stay_text_and_stay_inside_the_folder():
    html = index.render([{"suite": "../../etc", "run_id": '"><script>alert(1)</script>', "heading": "<img src=x>"}])
    assert "<script>alert" not in html
    assert "<img" not in html
    assert 'href="..%2F..%2Fetc/' in html


def test_an_empty_folder_has_an_index_that_says_so(tmp_path):
    assert "No run has a report yet" in write_index(tmp_path).read_text()


@pytest.mark.parametrize(
    ("name", "title"), [(TOGETHER, "Runs side by side"), (HISTORY, "Runs over time")], ids=["together", "history"]
)
def test_the_index_links_to_pages_of_a_suites_runs_as_soon_as_there_is_one(reports, name, title):
    put(reports, "a & b", "r1")
    assert title not in write_index(reports).read_text(encoding="utf-8")
    assert write_suite_page(reports / "a & b", name, "<p>rows</p>") == reports / "a & b" / name
    assert f'<a href="a%20%26%20b/{name}">{title}</a>' in (reports / "index.html").read_text(encoding="utf-8")


def test_the_newest_run_is_compared_with_the_one_before_by_its_page_or_by_a_command(reports):
    for day in (1, 2):
        put(reports, "maths", f"r{day}", created_utc=f"2026-11-0{day}T10:00:00.000Z")
    html = write_index(reports).read_text()
    assert '<pre class="copy">evalharness compare r1 r2 --format html</pre>' in html
    (reports / "maths" / "r2" / "vs-r1.html").write_text("page")
    html = write_index(reports).read_text()
    assert '<a href="maths/r2/vs-r1.html">Against the run before</a>' in html
    assert "evalharness compare" not in html


@pytest.mark.parametrize("part", ["cases", "graders", "prompts", "request", "model", "endpoint"])
def test_a_strip_is_broken_by_all_that_decides_what_is_measured(reports, part):
    for day in (1, 2, 3):
        put(reports, "maths", f"r{day}", created_utc=f"2026-11-0{day}T10:00:00.000Z", hashes={part: str(day // 3)})
    strip = re.search(r'<svg[^>]*class="history".*?</svg>', write_index(reports).read_text(), re.S).group()
    assert strip.count("stroke-dasharray") == 1


def test_a_latency_suite_shows_what_it_is_about_and_a_run_with_a_baseline_is_called_so(reports):
    for day, share in ((1, 0.9), (2, 0.8)):
        made = {
            "kind": "latency",
            "good_share": [share, share - 0.02, share + 0.02],
            "created_utc": f"2026-11-0{day}T1",
        }
        put(reports, "chat", f"r{day}", **made)
    put(reports, "maths", "r3", comparison={"baseline": "r0", "heading": "Worse"})
    html = write_index(reports).read_text()
    first = re.search(r'<table class="stack" id="suites">.*?</table>', html, re.S).group()
    assert 'data-label="Good calls">80.0%<br><small>78.0 to 82.0</small>' in first
    assert re.search("<td>against a baseline<.*?<td>Worse</td>", html)
    assert first.count("SIMULATED") == 2


def test_five_hundred_runs_stay_under_300_kb(reports):
    report = json.loads((reports / "made.json").read_text())
    many = [
        report
        | {
            "run_id": f"20261101T120000Z-{number:04x}",
            "suite": f"support-triage-{number % 5}",
            "commit": f"{number:040x}",
            "created_utc": f"2026-11-01T{number // 60:02d}:{number % 60:02d}:00.000Z",
            "verdict": "not enough data",
            "comparison": {"baseline": "20261031T120000Z-0000", "heading": "Worse, but too small to matter"},
        }
        for number in range(500)
    ]
    html = index.render(many)
    assert html.count("against a baseline") == 500
    assert len(html.encode()) <= 300_000
