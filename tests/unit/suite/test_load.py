from __future__ import annotations

import json

import pytest

from evalharness.core.errors import SuiteError
from evalharness.core.model import LevelUnit, Load, Order, Warmup
from evalharness.plan.expand import make_plan
from evalharness.suite import trace
from evalharness.suite.load_parts import SHAPES, shapes_with
from tests.support.suites import HEAD, ONE_CASE, parsed


def load_of(load: str, files: dict[str, bytes] | None = None) -> Load:
    return parsed(HEAD + ONE_CASE + f"load: {load}\n", files).load


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{}", Load()),
        ("{concurrency: 3, think_ms: 10, duration_s: 60}", Load(concurrency=3, think_ms=10, duration_s=60)),
        ("{shape: constant, rate_per_s: 5}", Load(shape="constant", rate_per_s=5)),
        (
            "{shape: poisson, rate_per_s: 0.5, duration_s: 60, warmup: {seconds: 5}, seed: 3}",
            Load(shape="poisson", rate_per_s=0.5, duration_s=60, warmup=Warmup(seconds=5), seed=3),
        ),
        (
            "{shape: poisson, rate_per_s: 5, order: sequential}",
            Load(shape="poisson", rate_per_s=5, order=Order.SEQUENTIAL),
        ),
        (
            "{shape: ramp, from_per_s: 0, to_per_s: 9, over_s: 30}",
            Load(shape="ramp", from_per_s=0, to_per_s=9, over_s=30),
        ),
        ("{shape: burst, size: 9, every_s: 2.5}", Load(shape="burst", size=9, every_s=2.5)),
        (
            "{shape: steps, concurrency: [4, 1, 16]}",
            Load(shape="steps", levels=(4, 1, 16), level_unit=LevelUnit.CONCURRENCY),
        ),
        (
            "{shape: steps, rate_per_s: [0.5, 2], each_s: 30}",
            Load(shape="steps", levels=(0.5, 2), level_unit=LevelUnit.RATE_PER_S, each_s=30),
        ),
        (
            "{shape: trace, file: starts.txt, speed: 2}",
            Load(shape="trace", file="starts.txt", offsets_s=(0, 1.5), speed=2),
        ),
    ],
)
def test_each_shape_is_read_with_its_keys_and_nothing_else(written, read):
    assert load_of(written, {"starts.txt": b"3\n4.5\n"}) == read


def test_whole_numbers_and_fractions_are_one_plan():
    hashes = {
        make_plan(
            parsed(HEAD + ONE_CASE + f"load: {{shape: poisson, rate_per_s: {rate}, duration_s: {length}}}\n")
        ).plan_hash
        for rate, length in (("5", "60.0"), ("5.0", "60"))
    }
    assert len(hashes) == 1


def test_the_shapes_of_a_key_are_known():
    assert shapes_with("concurrency") == ("closed", "steps") and shapes_with("nothing") == ()
    assert shapes_with("seed") == tuple(SHAPES)


def test_a_pause_belongs_to_conversations_wherever_they_are():
    head = HEAD.replace('"{{ question }}"', '{turns: ["{{ question }}", "Sure?"]}')
    text = head + ONE_CASE + "load: {shape: poisson, rate_per_s: 5, think_ms: 100}\n"
    assert parsed(text).load.think_ms == 100
    with pytest.raises(SuiteError, match="no prompt is a conversation"):
        parsed(text.replace(head, HEAD))


ISO = "2026-11-22T14:02:16"


@pytest.mark.parametrize(
    ("file", "content", "offsets_s"),
    [
        ("a.json", "[10, 12.5, 11]", (0, 1, 2.5)),
        ("a.json", '[{"at_s": 5, "id": "x"}, {"at_s": 6}]', (0, 1)),
        ("a.json", f'[{{"timestamp": "{ISO}Z"}}, {{"timestamp": "{ISO}.25Z"}}]', (0, 0.25)),
        ("a.jsonl", '{"timestamp": 1795356136.5}\n\n{"timestamp": 1795356136.75}\n', (0, 0.25)),
        ("a.jsonl", "3\n-1\n", (0, 4)),
        ("a.jsonl", '{"at_s": 1, "timestamp": "yesterday"}\n{"at_s": 2}\n', (0, 1)),
        ("a.csv", "id,timestamp\r\na,2026-11-22T16:02:17+02:00\r\nb,2026-11-22T14:02:16Z\r\n", (0, 1)),
        ("a.csv", "at_s\n1\n1\n1e1\n", (0, 0, 9)),
        ("a.TXT", f"{ISO}Z\n{ISO}.000001+00:00\n", (0, 0.000001)),
        ("a.txt", "\ufeff7", (0,)),
    ],
)
def test_a_trace_is_sorted_and_begins_at_its_first_start(file, content, offsets_s):
    assert load_of(f"{{shape: trace, file: {file}}}", {file: content.encode()}).offsets_s == offsets_s


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.json", '{"at_s": 1}', "must hold a JSON list"),
        ("a.json", "[1, NaN]", "NaN is no JSON number"),
        ("a.json", f"[{'9' * 400}]", "row 1: too large"),
        ("a.json", "[]", "the trace is empty"),
        ("a.csv", "", "the trace is empty"),
        ("a.csv", "a,b\n1,2\n", r"neither `at_s` nor `timestamp` \(its columns: a, b\)"),
        ("a.csv", 'at_s\n"1\n', "not CSV"),
        ("a.csv", "at_s\n\n1\n\ninf\n", r"a\.csv:5: too large"),
        ("a.txt", "1\n\n2 s\n", r"a\.txt:3: a start must be"),
        ("a.txt", "nan\n", r"a\.txt:1: a start must be"),
        ("a.txt", "2026-11-22\n", "no time zone"),
        ("a.txt", b"\xff", "not UTF-8"),
    ],
)
def test_a_trace_that_cannot_be_read_says_where_and_why(file, content, message):
    with pytest.raises(SuiteError, match=message):
        load_of(f"{{shape: trace, file: {file}}}", {file: content if isinstance(content, bytes) else content.encode()})


def test_a_trace_of_endless_rows_is_refused(monkeypatch):
    monkeypatch.setattr(trace, "MAX_STARTS", 3)
    assert len(load_of("{shape: trace, file: a.json}", {"a.json": b"[1, 2, 3]"}).offsets_s) == 3
    with pytest.raises(SuiteError, match="more than 3 rows"):
        load_of("{shape: trace, file: a.json}", {"a.json": b"[1, 2, 3, 4]"})


def test_mistakes_of_a_trace_hide_no_mistake_of_the_cases():
    with pytest.raises(SuiteError) as caught:
        parsed(HEAD + "cases: [{file: none.jsonl}]\nload: {shape: trace, file: a.txt}\n", {"a.txt": b"x\n" * 99})
    messages = [problem.message for problem in caught.value.problems]
    assert messages[0] == "none.jsonl does not exist"
    assert len(messages) == 51 and messages[-1] == "from here on nothing more is listed"


def test_another_trace_is_another_plan_and_the_file_is_named():
    text = HEAD + ONE_CASE + "load: {shape: trace, file: a.json}\n"
    plans = [make_plan(parsed(text, {"a.json": json.dumps(starts).encode()})) for starts in ([0, 1], [0, 2])]
    assert plans[0].plan_hash != plans[1].plan_hash
    assert [file.path for file in plans[0].suite.files] == ["a.json"] and "files.a.json" in plans[0].hashed
    assert not any("offsets" in key for key in plans[0].hashed)
