from __future__ import annotations

import pytest

from evalharness.core.errors import SuiteError
from evalharness.core.model import Case, Prompt
from evalharness.plan.expand import differences, make_plan
from evalharness.suite.templates import input_chars, render_input, render_turn
from tests.support.suites import HEAD, ONE_CASE, parsed

CHAT = HEAD.replace('"{{ question }}"', '{turns: ["{{ question }}", [{role: user, content: "Sure? {{ question }}"}]]}')
NO_FILES = pytest.fail


def test_a_conversation_is_a_first_template_and_what_is_said_after_each_answer():
    (prompt,) = parsed(CHAT + ONE_CASE).prompts
    assert prompt == Prompt(
        name="plain", template="{{ question }}", more_turns=([{"role": "user", "content": "Sure? {{ question }}"}],)
    )


def test_each_turn_is_rendered_for_the_case():
    (prompt,) = parsed(CHAT + ONE_CASE).prompts
    case = Case(case_id="a", vars={"question": "1 + 1?"})
    assert render_turn(prompt, case, 0, NO_FILES) == render_input(prompt, case, NO_FILES) == "1 + 1?"
    assert render_turn(prompt, case, 1, NO_FILES) == [{"role": "user", "content": "Sure? 1 + 1?"}]
    with pytest.raises(IndexError):
        render_turn(prompt, case, 2, NO_FILES)


def test_the_characters_of_all_turns_count():
    prompt = Prompt(name="p", template="{{ q }}", more_turns=("{{ q }}!", [{"role": "user", "content": "abcd"}]))
    # By hand: 3, 3 + 1, and "user" with "abcd".
    assert input_chars(prompt, Case(case_id="a", vars={"q": "xyz"})) == 3 + 4 + 8


def test_a_file_named_in_a_later_turn_is_part_of_the_case():
    text = HEAD.replace('"{{ question }}"', '{turns: ["{{ question }}", "{{ picture | data_url }}"]}')
    cases = 'cases:\n  - {id: a, vars: {question: "?", picture: cat.png}, expected: "2"}\n'
    one, other = (parsed(text + cases, {"cat.png": content}) for content in (b"1", b"2"))
    assert one.cases[0].content_hash != other.cases[0].content_hash
    with pytest.raises(SuiteError, match=r"prompts\.plain\.turns\[1\]: cat\.png does not exist"):
        parsed(text + cases)


def test_another_later_turn_is_another_arm_and_another_plan():
    one, other = (make_plan(parsed(text + ONE_CASE)) for text in (CHAT, CHAT.replace("Sure?", "Really?")))
    assert one.arms[0].arm_id != other.arms[0].arm_id
    assert differences(one.hashed, other.hashed) == ["prompts.plain: changed"]
