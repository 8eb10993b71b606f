from __future__ import annotations

import pytest

from evalharness.core.ports import Activity
from evalharness.wire import codec
from tests.support.wire_bytes import answer_stream, captured, data_only, sse

NOTHING, DATA, TERMINAL = Activity.NOTHING, Activity.DATA, Activity.TERMINAL


def seen(*reads: bytes, protocol: str = "responses") -> list[Activity]:
    watch = codec(protocol).watch(stream=True)
    return [watch.saw(read) for read in reads]


def test_comments_blank_lines_and_frame_lines_are_nothing():
    assert (
        seen(b": keep-alive\n\n", b"\n", b"event: x\n", b"id: 4\r\n", b"retry: 10\n", b": a", b"b\n") == [NOTHING] * 7
    )


@pytest.mark.parametrize("size", [1, 5, 7, 1_000])
def test_data_among_comments_without_end_is_data_however_it_is_split(size: int):
    stream = b": keep-alive\n\n" * 50 + b"data: {}\n\n" + b": keep-alive\n\n" * 50
    reads = [stream[at : at + size] for at in range(0, len(stream), size)]
    worth = seen(*reads)
    assert set(worth) == {NOTHING, DATA}
    first, last = worth.index(DATA), len(worth) - 1 - worth[::-1].index(DATA)
    line = stream.index(b"data"), stream.index(b"}") + 1
    assert (first + 1) * size > line[0] and last * size <= line[1]


def test_the_end_may_be_followed_by_comments():
    stream = sse("response.completed", response={}) + b": bye\n\n"
    assert seen(stream) == [TERMINAL]
    assert seen(stream[:-9], stream[-9:-8], stream[-8:])[-1] is TERMINAL


def test_data_is_data_also_in_the_middle_of_a_line():
    assert seen(b"da", b'ta: {"x":', b'"y"', b"}\n", b"\n") == [DATA, DATA, DATA, DATA, NOTHING]


def test_a_frame_line_in_pieces_is_still_nothing():
    assert seen(b"e", b"vent", b": response.created\n", b"data: {}\n\n") == [NOTHING, NOTHING, NOTHING, DATA]


def test_a_body_without_lines_is_data():
    assert seen(b'{"id": 1,', b'"output": []}') == [DATA, DATA]


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_the_end_of_the_terminal_event_is_the_end_however_it_is_split(size: int, end: bytes):
    stream = answer_stream("7").replace(b"\n", end)
    watch = codec("responses").watch(stream=True)
    activities = [watch.saw(stream[at : at + size]) for at in range(0, len(stream), size)]
    seen_bytes = size * (activities.index(TERMINAL) + 1)
    # The CR of the last CRLF is enough.
    assert seen_bytes >= len(stream) - (end == b"\r\n")


def test_a_terminal_event_still_arriving_is_waited_for():
    stream = sse("response.completed", response={"output": "x" * 1000})
    assert seen(stream[:200], stream[200:-1], stream[-1:]) == [DATA, DATA, TERMINAL]


def test_a_terminal_event_without_event_line_and_with_its_type_last_is_found():
    assert seen(data_only(response={"output": []}, type="response.completed")) == [TERMINAL]
    assert seen(b'data: {"response":{},"type" : "response.incomplete"}\r\n\r\n') == [TERMINAL]


@pytest.mark.parametrize(
    "event",
    [
        sse("response.failed", response={}),
        sse("error", message="x"),
        data_only(error={"message": "x"}),
        b"data: [DONE]\n",
    ],
)
def test_errors_and_the_marker_end_a_stream(event: bytes):
    assert seen(event) == [TERMINAL]


def test_words_inside_a_text_end_nothing():
    text = '"type": "response.completed" and data: [DONE]\n\n{"error":'
    assert seen(sse("response.output_text.delta", delta=text)) == [DATA]
    assert seen(sse("response.output_item.done", item={"type": "mcp_call", "error": {"type": "error"}})) == [DATA]


def test_words_inside_a_comment_end_nothing_however_it_is_split():
    comment = b':"type":"response.completed"\n'
    assert seen(comment + b"\n") == seen(comment, b"\n")[1:] == [NOTHING]
    assert seen(comment[:9], comment[9:], b"\n") == [NOTHING] * 3


def test_chat_ends_with_the_marker_since_usage_follows_the_finish_reason():
    _, _, body = captured("llamacpp_chat_stream")
    before, marker, _ = body.partition(b"data: [DONE]\n")
    assert seen(before, marker, protocol="chat") == [DATA, TERMINAL]


def test_what_follows_the_end_does_not_begin_again():
    assert seen(answer_stream("7"), data_only(x=1), b": ping\n\n") == [TERMINAL, TERMINAL, TERMINAL]


def test_an_error_that_is_not_the_first_event_of_its_read_ends_the_stream():
    assert seen(sse("response.created", response={}) + data_only(error={"message": "x"})) == [TERMINAL]
