"""Examples of the WHATWG standard (9.2.6) and its rules one by one; any split is in tests/property."""

from __future__ import annotations

import tracemalloc

import pytest

from evalharness.wire.sse import SseEvent, SseParser


def parse(*reads: bytes, max_event_bytes: int = 1000) -> list[tuple[bytes, bytes]]:
    parser = SseParser(max_event_bytes=max_event_bytes)
    return [(event.name, event.data) for read in reads for event in parser.feed(read)]


def test_the_stock_example_of_the_standard_is_one_event_of_three_lines():
    assert parse(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [(b"", b"YHOO\n+2\n10")]


def test_the_comment_example_of_the_standard_gives_its_three_events():
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    assert [data for _, data in parse(stream)] == [b"first event", b"second event", b" third event"]


def test_the_empty_data_example_of_the_standard_gives_two_events_and_drops_the_pending_one():
    assert [data for _, data in parse(b"data\n\ndata\ndata\n\ndata:")] == [b"", b"\n"]


def test_one_space_after_the_colon_is_optional_and_only_one_is_taken():
    assert [data for _, data in parse(b"data:test\n\ndata: test\n\ndata:  test\n\n")] == [b"test", b"test", b" test"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_each_line_end_ends_a_line(end: bytes):
    assert parse(b"event: a" + end + b"data: 1" + end + end + b"data: 2" + end + end) == [(b"a", b"1"), (b"", b"2")]


def test_a_lone_cr_dispatches_at_once_and_a_following_lf_of_the_next_read_adds_no_line():
    parser = SseParser(max_event_bytes=100)
    assert parser.feed(b"data: 1\r\n\r") == [SseEvent(b"", b"1")]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"data: 2\r\n\r\n") == [SseEvent(b"", b"2")]


def test_line_separators_that_are_text_split_nothing():
    inside = "a\u2028b\u0085c\x0bd\x0ce".encode()
    assert parse(b"data: " + inside + b"\n\n") == [(b"", inside)]


def test_a_byte_order_mark_is_taken_off_the_start_alone():
    assert parse(b"\xef", b"\xbb", b"\xbfdata: 1\n\n") == [(b"", b"1")]
    assert parse(b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n") == [(b"", b"1")]


def test_an_event_without_data_is_not_dispatched_and_leaves_no_name_behind():
    assert parse(b"event: ping\n\ndata: 1\n\n") == [(b"", b"1")]


def test_comments_ids_and_retries_are_accepted_and_give_nothing():
    assert parse(b": keep-alive\n\nid: 4\nretry: 10\nunknown: x\n\n") == []


def test_an_event_over_the_bound_stops_the_parser_but_not_the_events_before_it():
    parser = SseParser(max_event_bytes=20)
    assert parser.feed(b"data: 1\n\ndata: " + b"x" * 30 + b"\n\ndata: 2\n\n") == [SseEvent(b"", b"1")]
    assert parser.too_large
    assert parser.feed(b"data: 3\n\n") == []


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_the_bound_does_not_depend_on_how_the_bytes_are_split(size: int):
    for n, fits in ((14, True), (15, False)):
        parser = SseParser(max_event_bytes=20)
        stream = b"data: " + b"x" * n + b"\n\n"
        events = [event for at in range(0, len(stream), size) for event in parser.feed(stream[at : at + size])]
        assert (bool(events), parser.too_large) == (fits, not fits)


def test_an_endless_line_does_not_fill_the_memory():
    parser = SseParser(max_event_bytes=100_000)
    tracemalloc.start()
    for _ in range(2000):
        parser.feed(b"x" * 1000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parser.too_large
    assert held < 500_000


def test_eight_megabytes_in_one_event_of_many_reads_come_out_whole():
    text = bytes(range(32, 127)) * (8 * 2**20 // 95)
    stream = b"data: " + text + b"\n\n"
    reads = [stream[at : at + 1000] for at in range(0, len(stream), 1000)]
    assert parse(*reads, max_event_bytes=2**24) == [(b"", text)]


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"data: x\n\n", 0),
        (b"\n\n\n", 3),
        (b": a\n\n:\n: b\ndata: x\n\n", 11),
        (b": a\r\n\r\r\r\ndata: x", 9),
        (b": a\r", 4),
        (b": not whole", 0),
        (b": a\n: not whole", 4),
    ],
)
def test_silence_ends_where_a_line_is_no_whole_comment(data: bytes, end: int):
    assert SseParser(max_event_bytes=1000).skip_silence(data, 0) == end


def test_a_byte_order_mark_after_silence_is_no_mark():
    parser = SseParser(max_event_bytes=1000)
    data = b": a\n" + b"\xef\xbb\xbfdata: 1\n\ndata: 2\n\n"
    assert [event.data for event in parser.feed(data[parser.skip_silence(data, 0) :])] == [b"2"]
    assert [data for _, data in parse(data)] == [b"2"]


def test_the_second_half_of_a_line_end_after_silence_ends_no_line_of_its_own():
    parser = SseParser(max_event_bytes=1000)
    assert parser.skip_silence(b": a\r", 0) == 4
    assert [event.data for event in parser.feed(b"\ndata: 1\r\n\r\n")] == [b"1"]
