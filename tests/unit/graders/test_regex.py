from __future__ import annotations

import pytest
from pydantic import ValidationError

from evalharness.graders import load
from tests.support.graders import graded

#: Pattern, the construct a message has to name, its position, a word of the hint.
#: All are legal for Python's `re`, but the last three.
REFUSED = [
    ("ab(?=c)", "(?=", 3, "look-around"),
    ("(?!a)b", "(?!", 1, "look-around"),
    ("x(?<=a)b", "(?<", 2, "look-around"),
    ("(?<!a)b", "(?<", 1, "look-around"),
    ("(a)\\1", "\\1", 4, "back-reference"),
    ("(?P<n>a)(?P=n)", "(?P=", 9, "back-reference"),
    ("(?>a)b", "(?>", 1, "atomic"),
    ("a*+b", "*+", 2, "possessive"),
    ("a{2}+", "{2}+", 2, "possessive"),
    ("(a)?(?(1)b|c)", "(?(", 5, "conditional"),
    ("(?x) a", "(?x", 1, "verbose"),
    ("a(?#note)", "(?#", 2, "comment"),
    ("a\\Z", "\\Z", 2, "\\z"),
    ("\\u00e9", "\\u", 1, "\\x{00E9}"),
    ("\\N{BULLET}", "\\N", 1, "\\x{00E9}"),
    ("a{1001}", "{1001}", 2, "1000"),
    ("(a{100}){11}", "{11}", 9, "1000"),
    ("(a", "missing )", 0, ""),
    ("[a", "missing ]", 0, ""),
    ("*a", "*", 1, ""),
]


@pytest.mark.parametrize(("pattern", "construct", "position", "hint"), REFUSED)
def test_refused_pattern_says_what_where_and_what_instead(
    pattern: str, construct: str, position: int, hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        load("regex").Params.model_validate({"pattern": pattern})
    (problem,) = caught.value.errors()
    assert problem["loc"] == ("pattern",)
    assert construct in problem["msg"]
    assert hint in problem["msg"]
    if position:
        assert f"at character {position}" in problem["msg"]
    assert capfd.readouterr().err == ""


def test_refused_after_rendering_is_not_graded() -> None:
    score = graded("regex", "a", pattern="(?=a)")
    assert score.value is None
    assert "look-around" in (score.reason or "")


def test_template_is_not_compiled_before_it_is_rendered() -> None:
    load("regex").Params.model_validate({"pattern": "(?={{ name }}"})


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        ("[0-9]+$", "it is 12\n", 1.0),
        ("^yes$", "Yes", 0.0),
        ("(?i)^yes$", "Yes", 1.0),
        ("(?m)^b$", "a\nb\nc", 1.0),
        ("a.c", "a\nc", 0.0),
        ("(?s)a.c", "a\nc", 1.0),
        ("^\\pL+$", "naïve", 1.0),
        ("^\\w+$", "naïve", 0.0),
        ("\\x{00E9}", "é", 1.0),
    ],
)
def test_found_or_not(pattern: str, text: str, value: float) -> None:
    assert graded("regex", text, pattern=pattern).value == value


def test_expected_compares_the_first_group_of_the_last_match_literally() -> None:
    assert graded("regex", "x=1.5, x=2", pattern="x=([0-9.]+)", expected="2").value == 1.0
    assert graded("regex", "x=115", pattern="x=([0-9.]+)", expected="1.5").value == 0.0
    assert graded("regex", "a b", pattern="[ab]", expected="b").value == 1.0
    assert graded("regex", "none", pattern="[0-9]", expected="1").value == 0.0


def test_bomb_for_backtracking_engines_is_answered() -> None:
    assert graded("regex", "a" * 100_000 + "b", pattern="^(a+)+$").value == 0.0


def test_above_one_mebibyte_is_not_graded() -> None:
    assert graded("regex", "a" * 2**20, pattern="a$").value == 1.0
    score = graded("regex", "a" * (2**20 + 1), pattern="a$")
    assert score.value is None
    assert "1 MiB" in (score.reason or "")
