"""Runs that end when their gates are settled, and runs that add cases while they are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import evalharness

SUITE = """
suite: early
endpoints:
  sim: {simulator: instant, model: sim-mini}
request: {max_output_tokens: 4000}
prompts: {plain: "What is {{ a }} + {{ b }}? Give only the number."}
sweep: {axes: {reasoning.effort: [none, high]}}
cases:
  - {file: cases.csv, map: {id: id, vars: {a: a, b: b}, expected: sum}TAKE}
graders: [{id: answer, type: numeric, expected: "{{ expected }}"}]
gates:
  - {metric: answer, arm: {reasoning.effort: high}, at_least: AT_LEAST}
  - {metric: answer, compare: arms, arm: {reasoning.effort: high}, to: {reasoning.effort: none}, improved: true}
load: {shape: closed, concurrency: 4}
MORE
"""
N_CASES = 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = ["id,a,b,sum", *(f"c{n},{n},{n * 3 % 97},{n + n * 3 % 97}" for n in range(N_CASES))]
    (tmp_path / "cases.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def suite(folder: Path, *, take: str = "", at_least: float = 0.6, more: str) -> Path:
    path = folder / "suite.yaml"
    text = SUITE.replace("TAKE", take).replace("AT_LEAST", str(at_least)).replace("MORE", more)
    path.write_text(text, encoding="utf-8")
    return path


def run(folder: Path, path: Path) -> dict[str, int]:
    """How many trials of the one run under ``folder`` have which status."""
    done = evalharness("run", path, "--out", folder / "runs", cwd=folder)
    assert done.exit_code == 0, done.stderr
    (database,) = (folder / "runs").rglob("run.db")
    lines = evalharness("export", database.parent, "--format", "jsonl", cwd=folder).stdout.splitlines()
    statuses = [json.loads(line)["status"] for line in lines]
    return {status: statuses.count(status) for status in set(statuses)}


def test_a_run_ends_when_its_gates_are_settled_and_is_complete(folder: Path) -> None:
    path = suite(folder, more="budget: {stop_when_settled: true}")
    counted = run(folder, path)
    assert counted["ok"] < N_CASES and counted["pending"] == 2 * N_CASES - counted["ok"]
    told = evalharness("report", "latest", "--out", folder / "runs", "--format", "terminal", cwd=folder).stdout
    assert "All 2 gates pass" in told and "betting" not in told
    assert "hold however often one looked" in " ".join(told.split())
    again = evalharness("run", path, "--out", folder / "runs", "--no-report", cwd=folder)
    assert again.exit_code == 0 and len(list((folder / "runs").rglob("run.db"))) == 2, (
        "what is settled is not continued"
    )


def test_more_cases_are_asked_only_where_the_gates_are_open_after_the_first(folder: Path) -> None:
    counted = run(folder, suite(folder, take=", take: {n: 100, seed: 1}", more="on_inconclusive: extend"))
    # All that were drawn, whatever was settled before, and at most what was in flight beyond them.
    assert 2 * 100 <= counted["ok"] <= 2 * 100 + 8
    open_longer = folder / "longer"
    open_longer.mkdir()
    (open_longer / "cases.csv").write_bytes((folder / "cases.csv").read_bytes())
    more = run(open_longer, suite(open_longer, take=", take: {n: 12, seed: 1}", more="on_inconclusive: extend"))
    assert more["ok"] > 2 * 12 + 8


def test_a_budget_that_ends_in_the_reserve_leaves_a_complete_run(folder: Path) -> None:
    more = "on_inconclusive: extend\nbudget: {max_calls: 60}"
    path = suite(folder, take=", take: {n: 12, seed: 1}", at_least=0.995, more=more)
    assert run(folder, path)["ok"] == 60


def test_what_cannot_be_watched_is_refused_before_anything_is_sent(folder: Path) -> None:
    path = suite(folder, more="budget: {stop_when_settled: true}")
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("at_least: 0.6}", "at_least: 0.6}\n  - {metric: cost_usd, at_most: 1}"), encoding="utf-8"
    )
    done = evalharness("run", path, "--out", folder / "runs", cwd=folder)
    assert done.exit_code == 2
    assert "stop_when_settled: gate 2 (cost_usd at_most)" in done.stderr
    assert not list(folder.rglob("run.db"))


def test_an_extension_without_cases_to_add_is_a_mistake_of_the_suite(folder: Path) -> None:
    done = evalharness("validate", suite(folder, more="on_inconclusive: extend"), cwd=folder)
    assert done.exit_code == 2
    assert "on_inconclusive" in done.stdout + done.stderr and "take" in done.stdout + done.stderr
