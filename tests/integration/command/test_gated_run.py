"""A suite with gates, run for real: the exit code, the warning and the files that CI reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evalharness.app import api
from tests.support.command import Finished, evalharness

SUITE = """
suite: gated
endpoints:
  sim: {simulator: default, model: sim-mini}
prompts: {plain: "{{ question }} Give only the number."}
request: {reasoning: {effort: high}}
cases:
CASES
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}"}
load: {concurrency: 8}
GATES
"""
#: Of 40 sums nearly all are right: the first passes, the second fails, the third can be neither.
PASSES = "{metric: answer, at_least: 0.2}"
FAILS = "{metric: total_ms, quantile: 0.5, at_most: 0.001}"
OPEN = "{metric: error_share, at_most: 0.000001}"


@dataclass(frozen=True)
class Gated:
    done: Finished
    folder: Path

    @property
    def outcomes(self) -> list[str]:
        """Of each test of ``junit.xml``."""
        root = ElementTree.parse(self.folder / "junit.xml").getroot()
        return [
            next((child.tag for child in test if child.tag != "system-out"), "passed") for test in root.iter("testcase")
        ]


def run(folder: Path, *gates: str, on_inconclusive: str = "warn", flags: tuple[str, ...] = ()) -> Gated:
    rows = [
        f'  - {{id: c{i}, vars: {{question: "What is {i + 10} + {i + 20}?"}}, expected: "{2 * i + 30}"}}'
        for i in range(40)
    ]
    listed = "\n".join([f"on_inconclusive: {on_inconclusive}", "gates:", *(f"  - {gate}" for gate in gates)])
    (folder / "suite.yaml").write_text(
        SUITE.replace("CASES", "\n".join(rows)).replace("GATES", listed), encoding="utf-8"
    )
    done = evalharness("run", "suite.yaml", *flags, cwd=folder)
    return Gated(done, next((folder / "reports" / "gated").glob("2*")))


def listed(folder: Path) -> list[int | None]:
    """The exit codes of the stored runs, newest first."""
    return [row["exit_code"] for row in evalharness("list", "--json", cwd=folder).json["runs"]]


@pytest.mark.parametrize(
    ("gates", "on_inconclusive", "code", "verdict", "outcomes"),
    [
        ((PASSES,), "warn", 0, "pass", ["passed"]),
        ((PASSES, FAILS, OPEN), "fail", 1, "fail", ["passed", "failure", "skipped"]),
        ((PASSES, OPEN), "warn", 0, "not enough data", ["passed", "skipped"]),
        ((PASSES, OPEN), "fail", 6, "not enough data", ["passed", "skipped"]),
    ],
)
def test_the_gates_of_a_run_decide_its_exit_code(tmp_path, gates, on_inconclusive, code, verdict, outcomes):
    made = run(tmp_path, *gates, on_inconclusive=on_inconclusive)
    assert made.done.exit_code == code, made.done.stderr
    assert made.outcomes == outcomes
    assert json.loads((made.folder / "report.json").read_text())["verdict"] == verdict
    assert (made.folder / "summary.md").read_text().startswith(f"**{verdict.capitalize()}**\n")
    assert verdict.capitalize() in made.done.stdout.splitlines()
    assert listed(tmp_path) == [code]
    assert evalharness("verify", "latest", cwd=tmp_path).exit_code == 0
    warned = "neither passed nor failed" in made.done.stderr
    assert warned is (verdict == "not enough data" and on_inconclusive == "warn")


def test_json_has_the_exit_code_and_export_the_same_verdicts(tmp_path):
    made = run(tmp_path, PASSES, FAILS, flags=("--json",))
    assert made.done.exit_code == 1
    assert made.done.json["exit_code"] == 1
    assert made.done.json["verdict"] == "fail"
    done = evalharness("export", "latest", "--format", "junit", cwd=tmp_path)
    assert done.stdout == (made.folder / "junit.xml").read_text()


def test_a_gate_is_judged_where_neither_report_nor_summary_is_wanted(tmp_path):
    made = run(tmp_path, FAILS, flags=("--no-report", "--quiet"))
    assert made.done.exit_code == 1
    assert listed(tmp_path) == [1]
    assert [path.name for path in made.folder.iterdir()] == ["run.db"]


def test_a_run_that_its_budget_ended_is_incomplete_though_its_gates_pass_so_far(tmp_path):
    made = run(tmp_path, "{metric: error_share, at_most: 0.9}", flags=("--json",))
    assert made.done.exit_code == 0
    suite = (tmp_path / "suite.yaml").read_text()
    (tmp_path / "suite.yaml").write_text(suite + "budget: {max_calls: 35}\n")
    done = evalharness("run", "suite.yaml", "--fresh", "--json", cwd=tmp_path)
    assert done.json["verdict"] == "pass"
    assert done.exit_code == done.json["exit_code"] == 3
    assert listed(tmp_path) == [3, 0]


def test_judged_anew_a_run_keeps_the_exit_code_of_its_command(tmp_path):
    """``gate`` asks the gates and not the manifest, and ``report`` changes nothing of the run."""
    run(tmp_path, FAILS)
    assert evalharness("gate", "latest", cwd=tmp_path).exit_code == 1
    assert evalharness("report", "latest", cwd=tmp_path).exit_code == 0
    assert listed(tmp_path) == [1]


def test_a_run_from_python_stores_the_exit_code_with_its_gates_too(tmp_path):
    run(tmp_path, FAILS)
    made = api.run(tmp_path / "suite.yaml", out=tmp_path / "reports", fresh=True)
    assert made.exit_code == 1
    assert listed(tmp_path) == [1, 1]
