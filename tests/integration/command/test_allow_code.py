"""``--allow-code`` on the command line: refused without, before anything is sent; scores with it."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from evalharness.core.errors import SuiteError
from evalharness.plan.expand import make_plan
from evalharness.suite.files import ReadSettings, read_suite
from tests.support.command import PROGRAM, environment, evalharness, exported, started

ALLOWED = ReadSettings(allow_code=True)
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
        hashes.add(make_plan(read_suite(folder / "own.yaml", settings=ALLOWED).suite).plan_hash)
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
    with pytest.raises(SuiteError, match=r"own\.yaml:10:") as refusal:
        read_suite(folder / "own.yaml", settings=ALLOWED)
    assert words in str(refusal.value)


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


def test_run_that_is_interrupted_while_it_grades_leaves_the_trial_pending_and_no_code_behind(folder: Path) -> None:
    quick = (folder / "own.py").read_text()
    (folder / "own.py").write_text("import time\ndef same(answer, trial):\n    time.sleep(30)\n    return 1\n")
    run = started("run", "own.yaml", "--allow-code", "--limit", "1", "--repeats", "1", cwd=folder)
    try:
        while not (inside := children_below(run.pid, depth=4)):
            assert run.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30)
    finally:
        run.kill()
        run.communicate()
    assert run.returncode == 130
    (trial,) = exported("latest", cwd=folder)
    assert (trial["status"], trial["scores"]) == ("pending", {})
    assert not [pid for pid in inside if Path(f"/proc/{pid}").exists()]
    (folder / "own.py").write_text(quick)
    changed = evalharness("run", "own.yaml", "--allow-code", "--limit", "1", "--repeats", "1", cwd=folder)
    assert changed.exit_code == 2 and "own.py" in changed.stderr


def children_below(pid: int, *, depth: int) -> list[int]:
    """Processes so many generations below: the run, its server, one question, the first inside, the code."""
    found = [pid]
    for _ in range(depth):
        found = [int(child) for each in found for child in _children(each)]
    return found


def _children(pid: int) -> list[str]:
    try:
        return [
            child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
