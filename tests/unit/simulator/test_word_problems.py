"""The answers were worked out by hand."""

from __future__ import annotations

import pytest

from evalharness.simulator.arithmetic import number_text
from evalharness.simulator.word_problems import solve_story

SOLVED = [
    ("A shop sells 12 apples at 3 dollars each and 5 pears at 2 dollars each. How much does it earn?", "46"),
    ("Sara has 50 dollars. She buys 3 books at 12 dollars each. How much money is left?", "14"),
    ("Tom has 24 marbles. He gives his sister 7 and buys 15 more. Then he shares them equally among 4 friends. "
     "How many does each friend get?", "8"),
    ("A train travels at 80 km per hour for 3 hours. How far does it go?", "240"),
    ("Lena reads 14 pages a day for 6 days, and then reads 20 pages more. How many pages did she read?", "104"),
    ("A bus has 32 passengers. At the first stop 8 get off and 5 get on. At the next stop 11 people leave. "
     "How many are on the bus?", "18"),
    ("A baker bakes 6 trays of 12 rolls each. He sells 45 rolls and gives away half of the rest. "
     "How many rolls are left?", "13.5"),
    ("There are 8 boxes with 15 pens in each. The teacher hands out 34 pens. How many pens are left?", "86"),
    ("A coat costs 80 dollars. With a 25% discount, what does it cost?", "60"),
    ("Mia has 12 stickers. Her collection doubles. She loses 5. How many has she?", "19"),
    ("A farmer has 3 times as many"  # no amount before it
     " sheep as goats.", None),
    ("Ben has 100 dollars. He buys a hat for 35 dollars and spends 15 on lunch. What is left?", "50"),
    ("A garden has seven rows of 9 plants each. Four plants wilt. How many plants are left?", "59"),
    ("A team scores 21 points and then 17 points in the second half.", None),
    ("A baker sells 30 rolls in the morning. He sells 45 in the afternoon. How many does he sell?", "75"),
    ("Two trains leave at 9:40.", None),
    ("Write 3 words about 4 dogs.", None),
    ("How tall is a giraffe?", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), SOLVED)
def test_a_word_problem_is_solved_or_honestly_not_understood(text: str, answer: str | None) -> None:
    steps = solve_story(text)
    assert (None if steps is None else number_text(steps[-1].value)) == answer


def test_a_number_that_no_phrase_used_makes_a_text_not_understood() -> None:
    text = "Sara has 50 dollars. She buys 3 books at 12 dollars each."
    assert solve_story(text) is not None
    assert solve_story(text + " On day 9 it rained.") is None


def test_text_that_looks_like_a_worked_product_is_not_taken_for_one() -> None:
    assert solve_story("Sara has @0 dollars and 5 more.") is None
