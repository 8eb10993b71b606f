"""The simulator must be able to work out every problem of the shipped suites: else its truth would not be one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalharness.simulator.problems import find_problem

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[3] / "suites/data/word_problems.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("row", ROWS, ids=[row["uid"] for row in ROWS])
def test_a_shipped_problem_has_the_answer_its_suite_expects(row: dict[str, str]) -> None:
    problem = find_problem(f"{row['text']}\nGive only the number.")
    assert problem is not None
    assert problem.answer == str(row["answer"])
