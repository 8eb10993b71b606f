"""The real commands over the simulator: a run against an earlier one, and against a file of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import Finished, evalharness

SUITE = """
suite: ci
endpoints:
  sim: {simulator: PROFILE, model: sim-mini, prices: {input: 1, output: OUTPUT}}
prompts: {plain: "PROMPT"}
request: {reasoning: {effort: medium}}
cases:
CASES
repeats: 2
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}"}
  - {id: brief, type: word_count, max: 20}
load: {concurrency: 8}
GATES
"""
GATES = """gates:
  - {metric: answer, compare: baseline_run, non_inferior_margin: 0.1}
  - {metric: cost_per_correct_usd, compare: baseline_run, ratio_at_most: 3.0}
  - {metric: error_share, at_most: 0.2}
"""
QUANTILE = "  - {metric: total_ms, quantile: 0.5, compare: baseline_run, ratio_at_most: 20}\n"
N = 50


@dataclass(frozen=True)
class Desk:
    """A folder with a suite and its runs."""

    folder: Path

    def run(self, *arguments: str | Path, first: str = "c0", **changed: str) -> Finished:
        rows = [
            f'  - {{id: {first if i == 0 else f"c{i}"}, vars: {{question: "What is {i + 10} + {3 * i + 20}?"}}, '
            f'expected: "{4 * i + 30}"}}'
            for i in range(N)
        ]
        names = {"PROFILE": "instant", "OUTPUT": "10", "PROMPT": "{{ question }} Give only the number.", "GATES": GATES}
        text = SUITE.replace("CASES", "\n".join(rows))
        for name, value in (names | changed).items():
            text = text.replace(name, value)
        (self.folder / "suite.yaml").write_text(text, encoding="utf-8")
        return evalharness("run", "suite.yaml", "--json", *arguments, cwd=self.folder)

    def __call__(self, *arguments: str | Path) -> Finished:
        return evalharness(*arguments, cwd=self.folder)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one run in it, the baseline, and a file of it."""
    desk = Desk(tmp_path_factory.mktemp("begun"))
    first = desk.run()
    assert first.exit_code == 0, first.stderr
    written = desk("baseline", "write", "latest", "base.json")
    assert written.exit_code == 0, written.stderr
    weak = {"extends": "instant", "efforts": {"medium": {"ability": -2.0}}}
    (desk.folder / "weak.json").write_text(json.dumps(weak), encoding="utf-8")
    return desk.folder


@pytest.fixture
def desk(begun: Path, tmp_path: Path) -> Desk:
    folder = tmp_path / "desk"
    shutil.copytree(begun, folder)
    return Desk(folder)


def test_the_same_suite_again_does_not_fail_and_file_and_run_give_the_same_verdicts(desk: Desk) -> None:
    done = desk.run("--baseline", "latest")
    assert done.exit_code == 0, done.stderr
    verdicts = []
    for baseline in ("base.json", _baseline_id(desk)):
        found = desk("gate", "latest", "--baseline", baseline, "--json")
        assert found.exit_code == 0, found.stderr
        assert found.json["baseline"]["n_paired"] == N
        assert found.json["baseline"]["changed"] == []
        verdicts.append([(gate["gate"], gate["verdict"]) for gate in found.json["gates"]])
    assert verdicts[0] == verdicts[1]
    assert {verdict for _, verdict in verdicts[0]} <= {"pass", "inconclusive"}


def _baseline_id(desk: Desk) -> str:
    return json.loads((desk.folder / "base.json").read_text(encoding="utf-8"))["run_id"]


def test_a_planted_regression_fails_with_exit_code_1_and_the_change_is_named(desk: Desk) -> None:
    done = desk.run("--baseline", "base.json", PROFILE="weak.json")
    assert done.exit_code == 1, done.stderr
    by_run = desk("gate", "latest", "--baseline", _baseline_id(desk), "--json")
    by_file = desk("gate", "latest", "--baseline", "base.json", "--json")
    assert by_run.exit_code == by_file.exit_code == 1
    first, second = by_run.json["gates"], by_file.json["gates"]
    assert [gate["verdict"] for gate in first] == [gate["verdict"] for gate in second]
    assert first[0]["verdict"] == "fail"
    for one, other in zip(first, second, strict=True):
        assert one["estimate"] == pytest.approx(other["estimate"], rel=1e-5)

    told = desk("compare", "base.json", "latest")
    assert told.exit_code == 1
    assert "Fail" in told.stdout and "worse" in told.stdout
    assert "endpoint sim simulator: instant → weak.json" in told.stdout
    markdown = desk("compare", _baseline_id(desk), "latest", "--format", "markdown")
    assert markdown.exit_code == 1
    assert markdown.stdout.startswith("**Fail**")
    assert "<!-- evalharness:ci -->" in markdown.stdout
    assert "cases scored lower than in the baseline" in markdown.stdout


def test_a_report_of_a_run_with_a_baseline_is_the_same_when_the_baseline_is_gone(desk: Desk) -> None:
    baseline = _baseline_id(desk)
    done = desk.run("--baseline", baseline)
    folder = desk.folder / done.json["folder"]
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".html", ".md", ".json")}
    assert set(before) == {"report.html", "report.json", "summary.md"}
    shutil.rmtree(folder.parent / baseline)
    assert desk("report", "latest").exit_code == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    judged = desk("gate", "latest", "--json")
    assert (judged.exit_code, judged.json["baseline"]["run_id"]) == (done.exit_code, baseline)


def test_answers_of_both_runs_stand_beside_each_other_as_long_as_both_are_at_hand(desk: Desk) -> None:
    baseline, gone = _baseline_id(desk), "the answers of the baseline are kept in its own run alone"
    done = desk.run("--baseline", "base.json", PROFILE="weak.json")
    folder = desk.folder / done.json["folder"]
    compared = [
        desk("compare", named, "latest", "--format", "html").stdout.strip() for named in ("base.json", baseline)
    ]
    for page in (folder / "report.html", *(desk.folder / path for path in compared)):
        html = page.read_text(encoding="utf-8")
        assert "Baseline run: right" in html and "This run: not right" in html
        assert gone not in html
    before = {name: (folder / name).read_bytes() for name in ("report.json", "summary.md")}
    (folder.parent / baseline).rename(desk.folder / "moved")
    assert desk("report", "latest").exit_code == 0
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert gone in html and "Baseline run:" not in html
    assert {name: (folder / name).read_bytes() for name in before} == before
    elsewhere = desk("compare", "moved", "latest", "--format", "html").stdout.strip()
    assert "Baseline run: right" in (desk.folder / elsewhere).read_text(encoding="utf-8")


def test_a_renamed_case_is_listed_and_the_others_are_compared(desk: Desk) -> None:
    done = desk.run("--baseline", "base.json", first="renamed")
    assert done.exit_code == 0, done.stderr
    found = desk("compare", "base.json", "latest", "--json").json["baseline"]
    assert found["n_paired"] == N - 1
    assert found["only_in_candidate"] == {"renamed": "not in the baseline; “c0” has the same content"}
    assert found["only_in_baseline"] == {"c0": "not in this run; “renamed” has the same content"}
    assert "c0" in desk("compare", "base.json", "latest").stdout


def test_changed_prices_are_told_and_change_the_cost_alone(desk: Desk) -> None:
    assert desk.run("--baseline", "base.json", OUTPUT="20").exit_code == 0
    found = desk("compare", "base.json", "latest", "--json").json
    assert found["baseline"]["changed"] == [{"what": "prices sim output", "baseline": "10.0", "candidate": "20.0"}]
    by_metric = {each["metric"]: each for each in found["comparisons"]}
    assert by_metric["cost_usd"]["estimate"][0] > 1.3
    assert by_metric["answer"]["estimate"][0] == 0


def test_an_edited_prompt_keeps_its_arm_and_pairs(desk: Desk) -> None:
    assert desk.run("--baseline", "base.json", PROMPT="{{ question }} Just the number.").exit_code in (0, 1)
    found = desk("compare", "base.json", "latest", "--json").json
    assert found["baseline"]["n_paired"] == N
    assert [change["what"] for change in found["baseline"]["changed"]] == ["prompt “plain”"]
    assert found["comparisons"]
    baseline = _baseline_id(desk)
    told = desk("compare", baseline, "latest", "--format", "html")
    page = Path(told.stdout.strip())
    assert (told.exit_code, page.name) == (0, f"vs-{baseline}.html"), told.stderr
    html = (desk.folder / page).read_text(encoding="utf-8")
    assert "Candidate against baseline: ci" in html
    assert "<ins>" in html
    assert "report.html" in {path.name for path in (desk.folder / page).parent.iterdir()}
    assert desk("compare", baseline, "latest", "-o", "page.html").exit_code == 2


def test_another_grader_is_invalid_before_anything_is_called_and_in_compare(desk: Desk) -> None:
    suite = desk.folder / "suite.yaml"
    text = suite.read_text(encoding="utf-8").replace("type: numeric,", "type: numeric, tolerance: 1,")
    suite.write_text(text, encoding="utf-8")
    n_runs = len(list((desk.folder / "reports" / "ci").glob("2*")))
    refused = desk("run", "suite.yaml", "--baseline", "base.json")
    assert refused.exit_code == 2
    assert "tolerance not set there, 1 here" in refused.stderr and "hint:" in refused.stderr
    assert len(list((desk.folder / "reports" / "ci").glob("2*"))) == n_runs

    assert desk("run", "suite.yaml", "--quiet").exit_code == 0
    for command in (("compare", "base.json", "latest"), ("gate", "latest", "--baseline", "base.json")):
        invalid = desk(*command)
        assert invalid.exit_code == 2, invalid.stdout
        assert "Invalid" in invalid.stdout and "tolerance" in invalid.stdout
        assert "Reading" not in invalid.stdout


def test_quantile_gates_need_the_run_itself(desk: Desk) -> None:
    refused = desk.run("--baseline", "base.json", GATES=GATES + QUANTILE)
    assert refused.exit_code == 2
    assert "holds none" in refused.stderr and "--baseline RUN" in refused.stderr
    done = desk.run("--baseline", _baseline_id(desk), GATES=GATES + QUANTILE)
    assert done.exit_code == 0, done.stderr
    assert desk("gate", "latest", "--baseline", "base.json").exit_code == 2


def test_an_inconclusive_gate_is_6_where_the_suite_says_so(desk: Desk) -> None:
    strict = "gates:\n  - {metric: answer, compare: baseline_run, improved: true}\non_inconclusive: fail\n"
    done = desk.run("--baseline", "base.json", GATES=strict)
    assert done.exit_code == 6, done.stderr
    assert desk("compare", "base.json", "latest").exit_code == 6


def test_accept_shows_what_changes_and_takes_the_run_as_the_new_baseline(desk: Desk) -> None:
    desk.run("--quiet", PROFILE="weak.json")
    refused = desk("baseline", "write", "latest", "base.json")
    assert refused.exit_code == 2 and "accept" in refused.stderr
    before = _baseline_id(desk)
    accepted = desk("baseline", "accept", "latest", "base.json")
    assert accepted.exit_code == 0, accepted.stderr
    assert "worse" in accepted.stdout and accepted.stdout.rstrip().endswith("base.json")
    assert _baseline_id(desk) != before
    assert desk("gate", "latest", "--baseline", "base.json").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "latest", "latest"), "both are run"),
        (("compare", "none.json", "latest"), "none.json cannot be read"),
        (("compare", "nothing", "latest"), "no run 'nothing'"),
        (("compare", "weak.json", "latest"), "no baseline file"),
        (("baseline", "write", "nothing", "x.json"), "no run 'nothing'"),
        (("run", "suite.yaml", "--baseline", "none.json"), "none.json cannot be read"),
    ],
)
def test_a_baseline_that_is_none_is_said_to_be_so(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    done = desk(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_suite_without_gates_has_no_verdict_but_a_comparison(desk: Desk) -> None:
    assert desk.run("--baseline", "base.json", GATES="").exit_code == 0
    refused = desk("gate", "latest")
    assert refused.exit_code == 2 and "no gates" in refused.stderr
    compared = desk("compare", "base.json", "latest")
    assert compared.exit_code == 0
    assert "Too close to tell" in compared.stdout
