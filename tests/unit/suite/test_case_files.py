from __future__ import annotations

import io
import json
import os

import pytest

from evalharness.core.errors import SuiteError
from evalharness.suite.case_rows import Take
from tests.support.suites import HEAD, parsed

ROWS = [
    {"uid": 1, "text": "1 + 1?", "answer": "2", "topic": "easy", "passage": "p"},
    {"uid": 2, "text": "ten - 0,5?\nSay it.", "answer": "9.50", "topic": "hard", "passage": None},
]
MAP = "{id: uid, vars: {question: text}, expected: answer, tags: topic, cluster: passage}"


def suite_of(file: str, content: bytes, options: str = ""):
    return parsed(HEAD + f"cases:\n  - {{file: {file}{options}}}\n", {file: content})


def problems_of(file: str, content: bytes, options: str = "") -> list[str]:
    with pytest.raises(SuiteError) as caught:
        suite_of(file, content, options)
    return [str(problem) for problem in caught.value.problems]


def as_jsonl(rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


CSV = b'uid,text,answer,topic,passage\r\n1,1 + 1?,2,easy,p\r\n2,"ten - 0,5?\nSay it.",9.50,hard,\r\n'
YAML = b"""
- {uid: 1, text: 1 + 1?, answer: "2", topic: easy, passage: p}
- {uid: 2, text: "ten - 0,5?\\nSay it.", answer: "9.50", topic: hard, passage: null}
"""


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("c.jsonl", as_jsonl(ROWS)),
        ("c.jsonl", b"\xef\xbb\xbf" + as_jsonl(ROWS).replace(b"\n", b"\r\n") + b"\r\n"),
        ("c.json", json.dumps(ROWS).encode()),
        ("c.csv", CSV),
        ("c.csv", b"\xef\xbb\xbf" + CSV),
        ("c.yaml", YAML),
    ],
)
def test_all_formats_give_the_same_cases(file, content):
    cases = suite_of(file, content, f", map: {MAP}").cases
    assert [(c.case_id, c.vars, c.expected_text, c.tags, c.cluster) for c in cases] == [
        ("1", {"question": "1 + 1?"}, "2", ("easy",), "p"),
        ("2", {"question": "ten - 0,5?\nSay it."}, "9.50", ("hard",), None),
    ]


def test_parquet_gives_the_same_cases_as_jsonl():
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs the extra `parquet`")
    buffer = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(ROWS), buffer)
    assert suite_of("c.parquet", buffer.getvalue(), f", map: {MAP}").cases == (
        suite_of("c.jsonl", as_jsonl(ROWS), f", map: {MAP}").cases
    )
    assert "not parquet" in problems_of("c.parquet", b"PAR1 no PAR1")[0]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("c.jsonl", b'{"id": "a", "vars": {"question": "q"}, "expected": 1.10}\n'),
        ("c.json", b'[{"id": "a", "vars": {"question": "q"}, "expected": 1.10}]'),
        ("c.yaml", b"- {id: a, vars: {question: q}, expected: 1.10}"),
    ],
)
def test_a_number_expected_keeps_its_spelling_in_every_format(file, content):
    (case,) = suite_of(file, content).cases
    assert (case.expected, case.expected_text) == (1.1, "1.10")


@pytest.mark.parametrize(
    ("written", "text"), [("1E2", "1E2"), ("12", "12"), ("true", "true"), ("null", None), ('{"a": 1.50}', '{"a": 1.5}')]
)
def test_other_expectations_have_a_text_too(written, text):
    content = b'{"id": "a", "vars": {"question": "q"}, "graders": [], "expected": %s}\n' % written.encode()
    head = HEAD.replace('"{{ expected }}"', "fixed")
    (case,) = parsed(head + "cases:\n  - {file: c.jsonl}\n", {"c.jsonl": content}).cases
    assert case.expected_text == text


def test_columns_that_are_not_mapped_are_variables_and_rows_without_id_are_numbered():
    rows = [{"question": f"{n}?", "answer": n} for n in range(3)]
    cases = suite_of("data/sums.jsonl", as_jsonl(rows), ", map: {expected: answer}").cases
    assert [case.case_id for case in cases] == ["sums:1", "sums:2", "sums:3"]
    assert cases[2].vars == {"question": "2?"} and cases[2].expected_text == "2"


def test_csv_without_map_has_the_columns_of_a_case():
    cases = suite_of("c.csv", b"id,question,expected,tags,cluster\nx,1 + 1?,2,easy,\n").cases
    assert cases[0].vars == {"question": "1 + 1?"} and cases[0].tags == ("easy",) and cases[0].cluster is None


def test_several_tag_columns_and_lists_of_tags_add_up():
    rows = [{"id": "a", "question": "q", "answer": "x", "one": "t1", "two": ["t2", "t3"]}]
    options = ", map: {id: id, expected: answer, vars: {question: question}, tags: [one, two]}"
    assert suite_of("c.jsonl", as_jsonl(rows), options).cases[0].tags == ("t1", "t2", "t3")


def test_jsonl_rows_end_at_line_feeds_only():
    row = {"id": "a", "vars": {"question": "one\u2028two\x85"}, "expected": "x"}
    content = json.dumps(row, ensure_ascii=False).encode()
    assert suite_of("c.jsonl", content).cases[0].vars["question"] == "one\u2028two\x85"


def rows_of(count: int) -> bytes:
    return as_jsonl([{"id": f"c{n}", "vars": {"question": f"{n}?"}, "expected": "1"} for n in range(count)])


def ids_taken(count: int, n: int, seed: int) -> list[str]:
    cases = suite_of("c.jsonl", rows_of(count), f", take: {{n: {n}, seed: {seed}}}").cases
    return [case.case_id for case in cases]


def test_take_draws_without_replacement_in_the_order_of_the_file():
    taken = ids_taken(100, 30, 7)
    numbers = [int(case_id[1:]) for case_id in taken]
    assert len(set(taken)) == 30 and numbers == sorted(numbers)
    assert taken == ids_taken(100, 30, 7) and taken != ids_taken(100, 30, 8)
    assert set(taken) < set(ids_taken(100, 60, 7))


def test_take_draws_every_row_equally_often():
    drawn = [0] * 10
    for seed in range(400):
        for index in Take(n=3, seed=seed).chosen(10):
            drawn[index] += 1
    # 400 draws at 0.3: mean 120, standard deviation 9.2; five of them to either side.
    assert all(74 <= count <= 166 for count in drawn)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("c.jsonl", b"\xff\xfe{", "c.jsonl:1: byte 0 is not UTF-8"),
        ("c.jsonl", b'{"a": 1}\n\xff', "c.jsonl:2: byte 9 is not UTF-8"),
        ("c.jsonl", b"[" * 100_000, "c.jsonl:1: nested too deep"),
        ("c.jsonl", b'{"id": ' + b"9" * 5000 + b"}", "c.jsonl:1: not JSON: Exceeds the limit"),
        ("c.jsonl", b'{"id": 1e999}', "c.jsonl:1: 1e999 is too large a number"),
        ("c.jsonl", b'"' + b"x" * (17 * 2**20) + b'"', "c.jsonl:1: the line is longer than 16 MiB"),
        ("c.json", b'[{"id": 1}', "c.json:1:11: not JSON"),
        ("c.json", b"{}", "c.json: the file must hold a JSON list"),
        ("c.json", b"[3]", "c.json: row 1 must be a mapping"),
        ("c.yaml", b"a: 1", "c.yaml:1: the file must hold a list"),
        ("c.yaml", b"- &a {id: x}", "c.yaml:1:3: an anchor (&a) is not allowed"),
        ("c.csv", b"", "c.csv: the file is empty"),
        ("c.csv", b"id,id\n1,2\n", "c.csv:1: the columns of the first line must have names"),
        ("c.csv", b'id,question\n1,"x\n', "c.csv:2: not CSV"),
        ("c.csv", b"question\n1\n", "c.csv:2: the row has no column `id`"),
    ],
)
def test_a_broken_file_is_told_with_its_line(file, content, message):
    assert any(problem.startswith(message) for problem in problems_of(file, content)), problems_of(file, content)


def test_a_file_without_rows_is_an_error():
    assert "there is no case" in problems_of("c.jsonl", b"\n")[0]


def test_a_thousand_broken_lines_are_not_all_listed():
    problems = problems_of("c.jsonl", b"x\n" * 1000)
    assert len(problems) == 50 and problems[-1].startswith("c.jsonl:50: from here on")


def test_lone_surrogates_in_data_are_kept():
    content = b'{"id": "a", "vars": {"question": "\\ud800"}, "expected": "x"}\n'
    assert suite_of("c.jsonl", content).cases[0].vars["question"] == "\ud800"
