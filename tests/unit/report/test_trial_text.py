"""What is told of one trial: where its time went, by hand from its stamps; its turns; the request it sent."""

from __future__ import annotations

import json
from array import array
from dataclasses import replace

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.record import Answer, Attempt, AttemptStatus, Call, Purpose, Stamps, ToolCall
from evalharness.report.charts.timeline import WIDTH, timeline_bars
from evalharness.report.curl import body_text
from evalharness.report.embedded_texts import MOST_CHARACTERS, texts_blob
from evalharness.report.phases import phases
from evalharness.report.settings import ReportSettings
from evalharness.report.trial_rows import TrialRows
from evalharness.report.trial_table import TrialTable
from evalharness.report.trial_text import trial_text
from evalharness.report.view import make_view
from tests.support.reports import analysed
from tests.unit.report.test_page import unpacked

MS = 1_000_000
#: A moment of the monotonic clock.
START = 5_000 * MS


def stamps(**at_ms: float) -> Stamps:
    """By the names of the fields without ``_ns``, in milliseconds after ``START``."""
    known = {f"{name}_ns": START + round(ms * MS) for name, ms in at_ms.items()}
    return Stamps(**known, deltas_ns=array("q"))


def call(*attempts: Attempt, turn: int = 0, intended_ms: float = 0.0, **changed: object) -> Call:
    fields = {
        "purpose": Purpose.SUBJECT,
        "turn_index": turn,
        "request": {"model": "m", "input": "2 + 2?"},
        "status": Status.OK,
        "intended_ns": START + round(intended_ms * MS),
        "intended_utc_ns": 0,
        "attempts": attempts,
    }
    return Call(**{**fields, **changed})


def told(*calls: Call) -> list[tuple[str, float, float]]:
    return [(phase.title, phase.begin_ms, phase.end_ms) for phase in phases(calls)]


def ok(index: int = 0, wait_ms: float = 0.0, **at_ms: float) -> Attempt:
    return Attempt(index=index, status=AttemptStatus.OK, wait_ms=wait_ms, stamps=stamps(**at_ms))


LIMITED = Failure(kind=FailureKind.RATE_LIMIT, message="too many requests", http_status=429)


# ---------------------------------------------------------------- where the time went


def test_a_streamed_call_that_thinks_goes_through_every_stretch():
    whole = ok(
        sent=2, headers=20, first_event=21, first_reasoning=30, first_output=500, last_output=690, done=700, closed=701
    )
    assert told(call(whole)) == [
        ("before it was sent", 0, 2),
        ("to the response head", 2, 20),
        ("to the first event", 20, 21),
        ("to the first reasoning", 21, 30),
        ("reasoning", 30, 500),
        ("answer", 500, 700),
    ]


def test_a_pause_and_the_try_before_it_come_first():
    refused = Attempt(
        index=0,
        status=AttemptStatus.ERROR,
        http_status=429,
        failure=LIMITED,
        stamps=stamps(sent=0, headers=5, closed=6),
    )
    assert told(call(refused, ok(index=1, wait_ms=94, sent=100, headers=110, first_output=150, done=160))) == [
        ("to the response head (attempt 1, rate limit, HTTP 429)", 0, 5),
        ("until it failed (attempt 1, rate limit, HTTP 429)", 5, 6),
        ("pause before another attempt (attempt 2)", 6, 100),
        ("to the response head (attempt 2)", 100, 110),
        ("to the first output (attempt 2)", 110, 150),
        ("answer (attempt 2)", 150, 160),
    ]


def test_turns_are_told_apart_with_the_time_between_them():
    first, second = ok(sent=1, headers=2, done=10), ok(sent=31, headers=32, done=40)
    assert told(call(first), call(second, turn=1, intended_ms=30)) == [
        ("before it was sent (turn 1)", 0, 1),
        ("to the response head (turn 1)", 1, 2),
        ("to the end (turn 1)", 2, 10),
        ("between two turns (turn 2)", 10, 30),
        ("before it was sent (turn 2)", 30, 31),
        ("to the response head (turn 2)", 31, 32),
        ("to the end (turn 2)", 32, 40),
    ]


@pytest.mark.parametrize(
    "attempt",
    [
        Attempt(index=0, status=AttemptStatus.ERROR, failure=LIMITED),
        Attempt(index=0, status=AttemptStatus.UNKNOWN, stamps=stamps(sent=0)),
    ],
)
def test_what_nobody_saw_the_end_of_is_not_drawn(attempt):
    assert told(call(attempt)) == []


def test_reasoning_that_an_answer_never_followed_lasts_to_the_end():
    thought = ok(sent=0, headers=1, first_reasoning=4, done=90)
    assert told(call(thought))[-2:] == [("to the first reasoning", 1, 4), ("reasoning", 4, 90)]


def test_bars_lie_on_one_axis_and_inside_of_it_the_shortest_still_seen():
    bars = [str(bar) for bar in timeline_bars([(0, 25, "queue"), (25, 99.99, "answer"), (99.99, 100, "waiting")])]
    assert f'x="0" y="1" width="{WIDTH // 4}"' in bars[0]
    assert f'x="{WIDTH // 4}" y="1" width="{3 * WIDTH // 4}"' in bars[1]
    assert f'x="{WIDTH - 1}" y="1" width="1"' in bars[2]
    assert timeline_bars([]) == ()


# ---------------------------------------------------------------- turns, and what is embedded of a trial


def seen(*calls: Call, full_text: bool = False, **changed: object):
    """A view whose first trial has these calls."""
    run, analysis = analysed("one trial")
    (trial_id,) = run.results
    result = replace(run.results[trial_id], calls=calls, **changed)
    return make_view(replace(run, results={trial_id: result}), analysis, ReportSettings(full_text=full_text))


def embedded(*calls: Call, **changed: object) -> dict:
    """What the page holds of the trial, with its request put together again as ``body``."""
    texts = unpacked(texts_blob(TrialTable(view=seen(*calls, **changed)))[0])
    row = texts["rows"]["0"]
    if "body" in row:
        around, *own = row["body"]
        row["body"] = (own[0] if own else json.dumps(row["turns"][-1]["input"], ensure_ascii=False)).join(
            texts["bodies"][around]
        )
    return row


def test_every_turn_of_a_conversation_is_there_with_what_it_adds():
    reply = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4"}]}
    said = [{"role": "user", "content": "2 + 2?"}, reply, {"role": "user", "content": "times 3?"}]
    tool = ToolCall(name="multiply", arguments='{"a": 4, "b": 3}')
    row = TrialRows(
        seen(
            call(ok(sent=0, done=9), answer=Answer(text="4", reasoning_summary="easy")),
            call(ok(sent=20, done=30), turn=1, request={"input": said}, answer=Answer(text="12", tool_calls=(tool,))),
            call(ok(sent=40, done=50), purpose=Purpose.JUDGE, answer=Answer(text="a judge's word")),
        )
    )[0]
    text = trial_text(row.case, row.result)
    assert [(turn.asked, turn.answer, turn.summary, turn.tools) for turn in text.turns] == [
        ("2 + 2?", "4", "easy", ""),
        ("times 3?", "12", "", 'multiply({"a": 4, "b": 3})'),
    ]


@pytest.mark.parametrize(
    "request_",
    [
        {"model": "m", "input": "2 + 2?", "reasoning": {"effort": "low"}},
        {"input": 'quotes " and \\ and\nlines', "stream": True},
        {"input": "left\u202eright \x7f \u2028 \ud800 nul \x00"},
        {"input": [{"role": "user", "content": "a\nb"}, {"type": "item", "deep": [1, {"x": None}]}], "model": "m"},
        {"messages": [{"role": "user", "content": "chat"}], "model": "m"},
        {"model": "no input at all"},
    ],
)
def test_the_request_in_the_page_is_the_one_that_was_sent(request_):
    body = embedded(call(ok(sent=0, done=9), request=request_))["body"]
    assert json.loads(body) == request_
    assert body == body_text(request_)
    assert not any(ord(char) in (0x7F, 0x202E, 0x2028) for char in body)


def test_requests_that_differ_in_their_input_alone_share_what_is_around_it():
    run, analysis = analysed("sweep")
    texts = unpacked(texts_blob(TrialTable(view=make_view(run, analysis, ReportSettings())))[0])
    assert len(texts["bodies"]) == len(run.plan.arms)
    view_rows = TrialRows(make_view(run, analysis, ReportSettings()))
    for place, row in texts["rows"].items():
        around, *own = row["body"]
        assert own == []
        whole = json.dumps(row["turns"][-1]["input"]).join(texts["bodies"][around])
        assert whole == body_text(view_rows[int(place)].result.calls[-1].request)


def test_a_long_text_is_cut_and_says_so_and_its_request_is_left_to_show():
    long = "x" * 1_000_000
    row = embedded(call(ok(sent=0, done=9), request={"input": long}, answer=Answer(text=long)))
    for text in (row["turns"][0]["input"], row["turns"][0]["output"]):
        assert len(text) < MOST_CHARACTERS + 100
        assert text.endswith("and 980,000 characters more")
    assert "body" not in row


def test_a_photograph_in_a_request_is_named_and_not_repeated():
    photo = "data:image/png;base64," + "A" * 4_000
    row = embedded(call(ok(sent=0, done=9), request={"input": [{"role": "user", "content": photo}]}))
    assert "4,000 characters, sha256 of them" in row["body"]
    assert "A" * 100 not in row["body"]


def test_of_a_plain_call_only_what_the_columns_lack_is_embedded():
    plain = embedded(call(ok(sent=2, headers=20, first_event=21.4, first_output=80, done=90)))
    assert plain["at"] == [18, 19]
    assert "line" not in plain
    failed = Attempt(index=0, status=AttemptStatus.ERROR, failure=LIMITED, stamps=stamps(sent=0, headers=5, closed=6))
    row = embedded(call(failed, status=Status.ERROR, failure=LIMITED), failure=LIMITED, status=Status.ERROR)
    assert row["line"] == [[3, 0, 5, "rate limit, HTTP 429"], [2, 5, 6, "rate limit, HTTP 429"]]
