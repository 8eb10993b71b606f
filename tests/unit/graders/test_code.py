"""What the graders that run code ask, and what they make of each answer, without running any."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from evalharness.core.model import Case, Status
from evalharness.core.ports import CodeAnswer, CodeEnd
from evalharness.core.record import Answer, Score, ToolCall
from evalharness.graders import build, load
from evalharness.graders.unit_test import code_of
from tests.support.graders import CASE, transcript

TWO = "First:\n```python\na = 1\n```\nthen\n~~~py\nb = 2\n~~~\nand run\n```bash\nrm -r /\n```"


@pytest.mark.parametrize(
    ("text", "block", "code"),
    [
        ("a = 1", "last", "a = 1"),
        (TWO, "last", "b = 2"),
        (TWO, "first", "a = 1"),
        (TWO, "all", "a = 1\nb = 2"),
        ("```\na = 1\n```\n```\nb = 2\n```", "last", "b = 2"),
        ("```Python title=x\na = 1\n```", "last", "a = 1"),
        ("```python\na = 1\nb =", "last", "a = 1\nb ="),
        ("````python\nx = '''\n```\n'''\n````", "last", "x = '''\n```\n'''"),
        ("```js\nlet a\n```", "last", "let a"),
        ("say `code` in a line", "last", "say `code` in a line"),
        ("", "last", ""),
    ],
)
def test_code_is_taken_from_the_block_that_is_asked_for(text: str, block: str, code: str) -> None:
    assert [line for line in code_of(text, block).splitlines() if line] == code.splitlines()


def judged(end: CodeEnd, report: object = None, *, grader: str, detail: str = "") -> Score:
    params = {"python": {"function": "a.py:f"}, "unit_test": {"tests": "assert x"}}[grader]
    answer = CodeAnswer(end=end, detail=detail, report=report)  # type: ignore[arg-type]
    return build("g", grader, params, 1.0).decide(CASE, transcript("x = 1"), [answer])


OWN_ENDS = {
    CodeEnd.EXIT: "ended before it was through",
    CodeEnd.SIGNAL: "SIGSEGV",
    CodeEnd.CPU: "computed for more than 5 s",
    CodeEnd.WALL: "not done after 20 s",
    CodeEnd.MEMORY: "512 MiB",
    CodeEnd.OUTPUT: "1 MiB",
}


@pytest.mark.parametrize(("end", "words"), OWN_ENDS.items())
def test_bad_end_is_a_wrong_answer_of_the_answers_code_and_no_score_of_the_graders(end: CodeEnd, words: str) -> None:
    answers, graders = (judged(end, grader=name, detail="11") for name in ("unit_test", "python"))
    assert (answers.value, answers.passed) == (0.0, False)
    assert (graders.value, graders.passed) == (None, None)
    assert words in (answers.reason or "") and words in (graders.reason or "")


@pytest.mark.parametrize("end", [CodeEnd.REFUSED, CodeEnd.STARVED])
@pytest.mark.parametrize("grader", ["python", "unit_test"])
def test_code_that_did_not_run_says_nothing(end: CodeEnd, grader: str) -> None:
    assert set(CodeEnd) == {*OWN_ENDS, CodeEnd.REFUSED, CodeEnd.STARVED}
    score = judged(end, grader=grader, detail="for this reason")
    assert score.value is None
    assert "for this reason" in (score.reason or "")


def test_share_of_tests_is_the_value() -> None:
    report = {"results": [["one", None], ["two", "AssertionError (line 3)"], ["three", None], ["four", None]]}
    score = judged(CodeEnd.EXIT, report, grader="unit_test")
    assert (score.value, score.passed) == (0.75, False)
    assert score.reason == "1 of 4 tests failed; two: AssertionError (line 3)"


def test_programs_are_compared_by_lines() -> None:
    grader = build("g", "unit_test", {"io": [{"stdin": "1", "stdout": "2 3\n"}] * 3}, 1.0)
    given = transcript("print(input())")
    questions = grader.questions(CASE, given)
    assert [(question.driver, question.stdin) for question in questions] == [("program", "1")] * 3
    assert "2 3" not in str(questions), "what is expected does not come near the code"
    printed = ["2 3  \r\n\n\n", "2 3 4", "2\n3"]
    ended = [CodeAnswer(end=CodeEnd.EXIT, detail="0", report={}, stdout=text) for text in printed]
    score = grader.decide(CASE, given, ended)
    assert score.value == pytest.approx(1 / 3)
    assert score.reason == "2 of 3 inputs failed; input 2: expected '2 3', printed '2 3 4'; " + (
        "input 3: expected '2 3', printed '2\\n3'"
    )
    failing = CodeAnswer(end=CodeEnd.EXIT, detail="1", stdout="2 3")
    assert grader.decide(CASE, given, [failing] * 3).value == 0


def test_function_is_told_of_the_trial() -> None:
    case = Case(case_id="c", vars={"a": [1]}, expected="7", tags=("hard",))
    answer = Answer(text="x", tool_calls=(ToolCall(name="f", arguments="{}"),), stop_reason="completed")
    given = transcript(answer, status=Status.INCOMPLETE, measured={"latency_ms": 2.5})
    (question,) = build("g", "python", {"function": "d/a.py:f", "files": ["b.txt"]}, 1.0).questions(case, given)
    assert question.files == ("d/a.py", "b.txt")
    trial = question.arguments["trial"]
    assert isinstance(trial, dict)
    assert (trial["expected"], trial["vars"], trial["tags"]) == ("7", {"a": [1]}, ["hard"])
    assert (trial["status"], trial["measured"]) == ("incomplete", {"latency_ms": 2.5})
    assert trial["tool_calls"][0]["name"] == "f"  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("grader", "params", "words"),
    [
        ("python", {"function": "a.py"}, "FILE.py:NAME"),
        ("python", {"function": "a.txt:f"}, "FILE.py:NAME"),
        ("python", {"function": "a.py:f", "cpu_s": 61}, "60"),
        ("unit_test", {}, "either `tests` or `io`"),
        ("unit_test", {"tests": "x", "io": [{"stdout": "1"}]}, "either `tests` or `io`"),
        ("unit_test", {"io": []}, "1 to 100"),
        ("unit_test", {"tests": "x", "files": ["{{ name }}.py"]}, "written out"),
    ],
)
def test_keys_that_cannot_be_used_are_named(grader: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        load(grader).Params.model_validate(params)


def test_composites_ask_for_their_children() -> None:
    of = [
        {"type": "exact", "expected": "x = 1"},
        {"type": "unit_test", "tests": "a"},
        {"type": "unit_test", "tests": "b"},
    ]
    grader = build("g", "all_of", {"of": [{"type": "any_of", "of": of[1:]}, of[0]]}, 1.0)
    given = transcript("x = 1")
    assert [question.arguments["tests"] for question in grader.questions(CASE, given)] == ["a", "b"]
    bad, good = (CodeAnswer(end=CodeEnd.EXIT, report={"results": [["t", reason]]}) for reason in ("no", None))
    assert grader.decide(CASE, given, [bad, good]).value == 1
    assert grader.decide(CASE, given, [bad, bad]).value == 0
