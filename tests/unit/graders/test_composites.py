from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest
from pydantic import ValidationError

from evalharness.graders import load
from tests.support.graders import graded

HOLDS = {"type": "contains", "expected": "a"}
FAILS = {"type": "contains", "expected": "z"}
UNKNOWN = {"type": "limit", "metric": "cost_usd", "at_most": 1}
CHILDREN = {True: HOLDS, False: FAILS, None: UNKNOWN}


def kleene(children: tuple[bool | None, ...], settles: bool) -> bool | None:
    """Kleene's three-valued "or" (``settles`` true) and "and" (false), by his tables."""
    if settles in children:
        return settles
    return None if None in children else not settles


@pytest.mark.parametrize("children", list(product([True, False, None], repeat=2)))
def test_unknown_children_follow_three_valued_logic(children: tuple[bool | None, ...]) -> None:
    of = [CHILDREN[child] for child in children]
    every, some = kleene(children, settles=False), kleene(children, settles=True)
    assert graded("all_of", "a", of=of).passed is every
    assert graded("any_of", "a", of=of).passed is some
    assert graded("none_of", "a", of=of).passed is (None if some is None else not some)


@pytest.mark.parametrize("composite", ["all_of", "any_of", "none_of", "weighted"])
def test_order_of_children_does_not_matter(composite: str) -> None:
    values = {graded(composite, "a", of=list(of)).value for of in permutations([HOLDS, FAILS, HOLDS])}
    assert len(values) == 1


def test_child_holds_from_its_own_pass_at() -> None:
    half = {"type": "contains_all", "values": ["a", "z"]}
    assert graded("all_of", "a", of=[half]).value == 0.0
    assert graded("all_of", "a", of=[{**half, "pass_at": 0.5}]).value == 1.0


def test_weighted_mean() -> None:
    of = [{**HOLDS, "weight": 3}, FAILS]
    assert graded("weighted", "a", of=of).value == pytest.approx(3 / 4)
    assert graded("weighted", "a", of=[{**HOLDS, "weight": 0.1}] * 7).value == 1.0
    score = graded("weighted", "a", of=[HOLDS, UNKNOWN])
    assert score.value is None
    assert "2 limit: cost_usd was not measured" in (score.reason or "")


def test_composites_nest_and_the_reason_leads_to_the_leaf() -> None:
    score = graded("all_of", "a", of=[HOLDS, {"type": "any_of", "of": [FAILS, FAILS]}])
    assert score.value == 0.0
    assert score.reason == "2 any_of: 1 contains: 'z' does not occur; 2 contains: 'z' does not occur"


@pytest.mark.parametrize(
    ("of", "place"),
    [
        ([], ("of",)),
        ([{"expected": "a"}], ("of", 0, "type")),
        ([HOLDS, {"type": "contains", "expcted": "a"}], ("of", 1, "expected")),
        ([{"type": "any_of", "of": [{"type": "regex", "pattern": "(?=a)"}]}], ("of", 0, "of", 0, "pattern")),
        ([{"type": "contain", "expected": "a"}], ("of", 0)),
        ([{**HOLDS, "pass_at": 2}], ("of", 0, "pass_at")),
        ([{**HOLDS, "grades": ["ok"]}], ("of", 0, "grades")),
    ],
)
def test_mistake_in_a_child_is_found_with_its_key_path(of: list[Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        load("all_of").Params.model_validate({"of": of})
    assert place in [problem["loc"] for problem in caught.value.errors()]


def test_template_in_a_child_waits_for_rendering() -> None:
    load("all_of").Params.model_validate({"of": [{"type": "numeric", "expected": "{{ expected }}"}]})
    assert graded("all_of", "a", of=[{"type": "numeric", "expected": "{{ expected }}"}]).value is None
