"""``--allow-code`` on the command line: refused without, before anything is sent; scores with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.command import PROGRAM, environment, evalharness, exported

SUITE = """\
suite: own
endpoints:
  sim: {simulator: instant, model: sim-mini}
prompts: {plain: "{{ a }} + {{ b }} = ?\\nGive only the number."}
cases:
  - {id: one, vars: {a: 17, b: 25}, expected: "42"}
  - {id: two, vars: {a: 3, b: 4}, expected: "8"}
repeats: 3
graders:
  - {id: own, type: python, function: own.py:same, files: [data/words.txt]}
  - {id: exact, type: exact, expected: "{{ expected }}"}
  - id: both
    type: all_of
    of:
      - {type: word_count, max: 5}
      - {type: unit_test, tests: "from answer import *"}
load: {concurrency: 2}
"""
OWN = """
import os
def same(answer, trial):
    return answer.strip() == trial["expected"], open("data/words.txt").read() + str(dict(os.environ))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.yaml").write_text(SUITE)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/words.txt").write_text("said so")
    return tmp_path


def test_without_the_flag_every_command_refuses_at_the_line(folder: Path) -> None:
    for command in ("validate", "plan", "run"):
        done = evalharness(command, "own.yaml", cwd=folder)
        assert done.exit_code == 2
        assert "own.yaml:10:" in done.stderr and "`python` runs code" in done.stderr
        assert "own.yaml:16:" in done.stderr and "`unit_test` runs code" in done.stderr
        assert "--allow-code" in done.stderr
    assert not (folder / "reports").exists()


def test_a_projects_settings_cannot_allow_it_and_the_users_can(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.evalharness]\nallow_code = true\n")
    assert "allow_code" in (refused := evalharness("validate", "own.yaml", cwd=folder)).stderr
    assert refused.exit_code == 2
    (folder / "pyproject.toml").unlink()
    assert evalharness("validate", "own.yaml", cwd=folder, env={"EVALHARNESS_ALLOW_CODE": "1"}).exit_code == 0


def test_own_function_scores_as_the_built_in_grader_does(folder: Path) -> None:
    done = evalharness(
        "run", "own.yaml", "--allow-code", "--no-report", cwd=folder, env={"SOME_API_KEY": "key-0123456789"}
    )
    assert done.exit_code == 0, done.stderr
    trials = exported("latest", cwd=folder)
    assert len(trials) == 6
    for trial in trials:
        scores = trial["scores"]
        assert scores["own"]["value"] == scores["exact"]["value"]
        assert scores["own"]["reason"] == "said so{}"
        assert scores["both"]["value"] is None, "tests that call nothing test nothing"
    assert {trial["scores"]["own"]["value"] for trial in trials if trial["case_id"] == "two"} == {0.0}


def test_files_of_graders_are_in_the_plan(folder: Path) -> None:
    hashes = set()
    for name, text in (("own.py", OWN), ("own.py", OWN + "\n"), ("data/words.txt", "other")):
        (folder / name).write_text(text)
        planned = evalharness("plan", "own.yaml", "--allow-code", "--json", cwd=folder)
        assert planned.exit_code == 0, planned.stderr
        hashes.add(planned.json["plan_hash"])
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("written", "instead", "words"),
    [
        ("own.py:same", "own.py:sme", "did you mean `same`"),
        ("own.py:same", "none.py:same", "does not exist"),
        ("own.py:same", "../own.py:same", "outside the suite's folder"),
        ("own.py:same", '"{{ a }}.py:same"', "must be written out"),
        ("own.py:same", "data/words.txt:same", "FILE.py:NAME"),
        ("data/words.txt]", "data/none.txt]", "does not exist"),
    ],
)
def test_wrong_file_is_told_at_its_line(folder: Path, written: str, instead: str, words: str) -> None:
    (folder / "own.yaml").write_text(SUITE.replace(written, instead))
    done = evalharness("validate", "own.yaml", "--allow-code", cwd=folder)
    assert done.exit_code == 2
    assert words in done.stderr and "own.yaml:10:" in done.stderr


def test_machine_that_cannot_isolate_is_refused_before_anything_is_sent(folder: Path) -> None:
    no_namespaces = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", no_namespaces, "sh",
         PROGRAM, "run", "own.yaml", "--allow-code"],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "code cannot be isolated on this machine, and is not run without: unshare: " in done.stderr
    assert "--cap-add SYS_ADMIN" in done.stderr
    assert not list((folder / "reports").glob("own/*/run.db"))
