from __future__ import annotations

import pytest

from evalharness.simulator.problems import find_problem

STORY = "Sara has 50 dollars. She buys 3 books at 12 dollars each. How much money is left?"


def test_instructions_around_a_problem_do_not_make_it_another_one() -> None:
    plain = find_problem(STORY)
    dressed = find_problem(f"  {STORY}\nThink step by step, and give only the number.")
    assert plain is not None and dressed is not None
    assert plain.key == dressed.key
    assert find_problem("17*23").key == find_problem("What is 17 * 23? Answer with 1 number.").key  # type: ignore[union-attr]
    assert plain.key != find_problem(STORY.replace("50", "51")).key  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["3 + 4?", "17 * 23", "1200 / 8", "5 - 5", "2 - 9", STORY, "capital of Peru", "7/2"])
def test_mistakes_are_several_and_never_the_right_answer(text: str) -> None:
    problem = find_problem(text)
    assert problem is not None
    assert len(problem.wrong) >= 3
    assert len(set(problem.wrong)) == len(problem.wrong)
    assert problem.answer not in problem.wrong


def test_a_multiple_choice_is_answered_by_its_letter() -> None:
    problem = find_problem("What is 12 * 12?\nA) 124\nB) 144\nC) 146\nD) 1212")
    assert problem is not None
    assert problem.answer == "B"
    assert set(problem.wrong) == {"A", "C", "D"}


def test_a_choice_without_the_right_option_is_not_understood() -> None:
    assert find_problem("What is 12 * 12?\nA) 124\nB) 145") is None


def test_a_capital_is_known() -> None:
    problem = find_problem("What is the capital of Norway?")
    assert problem is not None
    assert problem.answer == "Oslo"


@pytest.mark.parametrize("text", ["", "Hello!", "1/0", "9" * 50_000, "(" * 50_000, "3+" * 20_000, "a " * 50_000])
def test_hostile_or_empty_text_is_not_understood(text: str) -> None:
    assert find_problem(text) is None
