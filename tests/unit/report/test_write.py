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
from evalharness.report.write import write_index, write_report, write_text, write_together
from tests.support.reports import analysed, shown_text


def test_a_report_is_three_files_and_nothing_is_left_beside_them(tmp_path):
    written = write_report(*analysed("sweep"), tmp_path / "run")
    assert [path.name for path in written] == ["report.html", "report.json", "summary.md"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["report.html", "report.json", "summary.md"]


def test_with_full_text_every_trial_is_in_a_static_page_without_script(tmp_path):
    run, analysis = analysed("sweep")
    written = write_report(run, analysis, tmp_path, settings=ReportSettings(full_text=True))
    pages = [path.read_text() for path in written if path.parent.name == "trials"]
    anchors = {anchor for text in pages for anchor in re.findall(r'<section id="t-([0-9a-f]+)"', text)}
    assert anchors == {trial.trial_id for trial in run.plan.trials}
    assert not any("<script" in text for text in pages)
    assert all("SIMULATED" in text for text in pages)
    assert 'href="trials/p0001.html"' in written[0].read_text()


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
    assert "<script" not in html


def test_history_is_broken_where_the_cases_changed(reports):
    for day in range(1, 4):
        put(reports, "maths", f"r{day}", created_utc=f"2026-11-0{day}T10:00:00.000Z")
    whole = write_index(reports).read_text()
    put(reports, "maths", "r4", created_utc="2026-11-04T10:00:00.000Z", cases_hash="other")
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


def test_the_index_links_to_pages_of_runs_side_by_side_as_soon_as_there_is_one(tmp_path):
    assert "side by side" not in write_index(tmp_path).read_text(encoding="utf-8")
    assert write_together(tmp_path / "a & b", "<p>rows</p>") == tmp_path / "a & b" / "together.html"
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<a href="a%20%26%20b/together.html">a &amp; b</a>' in index


def test_five_hundred_runs_stay_under_300_kb(reports):
    report = json.loads((reports / "made.json").read_text())
    many = [report | {"run_id": f"r{number:03d}", "suite": f"suite-{number % 5}"} for number in range(500)]
    assert len(index.render(many).encode()) <= 300_000
