"""``trend``: which suite is meant, and what is written where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evalharness.cli.main import group
from evalharness.core.errors import UsageError
from evalharness.report.summary import report_json
from evalharness.report.write import write_index
from tests.support.reports import analysed

SUITE = """suite: maths
endpoints: {sim: {simulator: default, model: sim-mini}}
prompts: {plain: "{{ question }}"}
cases: [{id: a, vars: {question: "1 + 1"}}]
graders: [{id: answer, type: exact, expected: "2"}]
"""


@pytest.fixture
def reports(tmp_path, monkeypatch) -> Path:
    """Three runs of two suites, and the folder that commands look in."""
    made = json.loads(report_json(*analysed("single")))
    for suite, run_id in (("maths", "r1"), ("maths", "r2"), ("tone", "r3")):
        folder = tmp_path / "reports" / suite / run_id
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(made | {"suite": suite, "run_id": run_id}))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports"


def trend(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["trend", *arguments])


def titles(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line for line in result.output.splitlines() if line.startswith("Runs over time")]


@pytest.mark.parametrize(
    ("named", "suites"),
    [
        ([], ["maths", "tone"]),
        (["maths"], ["maths"]),
        (["reports"], ["maths", "tone"]),
        (["reports/tone"], ["tone"]),
        (["tone", "--out", "reports"], ["tone"]),
        (["suite.yaml"], ["maths"]),
    ],
)
def test_a_suite_is_meant_by_its_name_its_file_or_its_folder_and_all_without_one(reports, named, suites):
    Path("suite.yaml").write_text(SUITE)
    assert titles(trend(*named)) == [f"Runs over time: {suite}" for suite in suites]


@pytest.mark.parametrize("named", [["nothing"], ["--out", "elsewhere"]])
def test_where_there_is_no_run_it_says_where_it_looked(reports, named):
    result = trend(*named)
    assert isinstance(result.exception, UsageError)
    assert "no run with a report" in str(result.exception)


def test_files_that_are_all_no_reports_are_a_usage_error(reports):
    for path in reports.glob("maths/*/report.json"):
        path.write_text("{")
    assert isinstance(trend("maths").exception, UsageError)
    assert titles(trend("tone")) == ["Runs over time: tone"]


def test_html_is_a_page_beside_the_runs_to_which_the_index_links(reports):
    result = trend("maths", "--format", "html")
    assert result.output.strip() == str(Path("reports/maths/trend.html"))
    assert (reports / "maths" / "trend.html").is_file()
    assert 'href="maths/trend.html"' in (reports / "index.html").read_text()
    assert 'href="tone/trend.html"' not in write_index(reports).read_text()


def test_json_is_one_object_with_all_suites(reports):
    assert [suite["suite"] for suite in json.loads(trend("--json").output)["suites"]] == ["maths", "tone"]
    assert "Too few runs to look for a change" in trend("maths", "--format", "markdown").output
