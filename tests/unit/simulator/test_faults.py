from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from evalharness.simulator.ask import from_responses
from evalharness.simulator.behaviour import DrawKey, reply_to
from evalharness.simulator.byte_effects import stream_script
from evalharness.simulator.effects import bend_events, bend_reply, instead
from evalharness.simulator.exchange import Ending, Identity, Script
from evalharness.simulator.faults import CATALOGUE, Asked, Fault, FaultPlan, Rule, load_faults, parse_fault
from evalharness.simulator.framing import timetable
from evalharness.simulator.profile import ProfileError, Quirks, load_profile
from evalharness.simulator.responses import response_body, response_events

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WHO = Identity(token="0123456789abcdef" * 3, created_at=1_700_000_000)


def asked(**changes: Any) -> Asked:
    facts = {"seed": 1, "draw": "t.0", "problem": "p", "attempt": 1, "ordinal": 1, "model": "sim-mini", "effort": "low"}
    return Asked(**(facts | {"question": "3 + 4?"} | changes))


def script_with(fault: Fault | None) -> Script:
    ask = from_responses({"model": "sim-mini", "input": "What is 17 * 23?", "stream": True})
    reply = bend_reply(reply_to(ask, load_profile("default"), DrawKey(seed=1, draw="0.0")), fault)
    events = bend_events(response_events(ask, reply, WHO, response_body(ask, reply, WHO, 0), Quirks()), fault)
    return stream_script(events, reply.schedule.head_ms, {}, fault)


def body(script: Script) -> bytes:
    return b"".join(write.body for write in script.writes)


def types(script: Script) -> list[str]:
    return [write.label for write in script.writes]


PLAIN = script_with(None)


def test_by_default_a_fault_spares_the_second_attempt() -> None:
    fault = parse_fault("cut")
    assert fault.hits(1) and not fault.hits(2)
    assert parse_fault("cut;attempts=every").hits(7)
    assert [parse_fault("cut;attempts=1,3").hits(n) for n in (1, 2, 3)] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("explode", "one of rate_limit"),
        ("cut;wher=3", "no setting 'wher'"),
        ("cut;how=gently", "fin, reset, clean"),
        ("cut;after=soon", "after is a number"),
        ("cut;attempts=first", "the word every"),
    ],
)
def test_a_wrong_fault_says_what_is_known(text: str, words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        parse_fault(text)


def test_rules_hit_a_seeded_share_of_requests_whatever_their_order() -> None:
    plan = FaultPlan(rules=(Rule(fault=parse_fault("cut"), share=0.2),))
    hit = {n for n in range(2_000) if plan.choose(asked(draw=f"{n}.0", ordinal=n))}
    assert 330 < len(hit) < 470  # 400 expected, standard deviation 17.9
    assert hit == {n for n in reversed(range(2_000)) if plan.choose(asked(draw=f"{n}.0", ordinal=1))}


def test_rules_look_at_effort_text_attempt_and_number() -> None:
    rule = Rule(fault=parse_fault("reset"), effort="high", contains="4", requests=(3,))
    fits = {"effort": "high", "ordinal": 3}
    assert rule.hits(asked(**fits), 0)
    for change in ({"effort": "low"}, {"ordinal": 2}, {"question": "3 + 5?"}, {"attempt": 2}):
        assert not rule.hits(asked(**(fits | change)), 0)


def test_the_first_rule_that_hits_decides() -> None:
    plan = FaultPlan(rules=(Rule(fault=parse_fault("reset"), model="sim-large"), Rule(fault=parse_fault("cut"))))
    chosen = plan.choose(asked())
    assert chosen is not None and chosen.name == "cut"


def test_a_fault_file_is_read_and_a_wrong_one_explained(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"rules": [{"fault": "status;code=503;body=html", "share": 0.5, "requests": [1]}]}))
    assert load_faults(path).rules[0].fault.settings["code"] == 503
    for content in (
        "[]",
        "{",
        '{"rules": [{}]}',
        '{"rules": [{"fault": "cut", "shar": 1}]}',
        '{"rules": [{"fault": "x"}]}',
    ):
        path.write_text(content)
        with pytest.raises(ProfileError, match=r"faults\.json"):
            load_faults(path)
    with pytest.raises(ProfileError, match="No such file"):
        load_faults(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("text", "header", "value"),
    [
        ("rate_limit;retry_after=2", "retry-after", "2"),
        ("rate_limit;retry_after=86400", "retry-after", "86400"),
        ("rate_limit;retry_after=soon", "retry-after", "soon"),
        ("rate_limit;retry_after_ms=1500", "retry-after-ms", "1500"),
        ("rate_limit;should_retry=false", "x-should-retry", "false"),
        ("status;code=503;retry_after=1", "retry-after", "1"),
    ],
)
def test_every_form_of_a_hint_is_sent(text: str, header: str, value: str) -> None:
    script = instead(parse_fault(text), NOW)
    assert script is not None
    assert script.headers[header] == value


def test_a_hint_may_be_a_date() -> None:
    script = instead(parse_fault("rate_limit;retry_after_date=3"), NOW)
    assert script is not None
    assert (parsedate_to_datetime(script.headers["retry-after"]) - NOW).total_seconds() == 3


def test_quota_and_rate_limit_differ_by_code_alone() -> None:
    scripts = [instead(parse_fault(name), NOW) for name in ("quota", "rate_limit")]
    assert [script.status for script in scripts if script] == [429, 429]
    codes = [json.loads(body(script))["error"]["code"] for script in scripts if script]
    assert codes == ["insufficient_quota", "rate_limit_exceeded"]


@pytest.mark.parametrize(
    ("kind", "start"), [("json", b'{"error"'), ("html", b"<!doctype"), ("text", b"Int"), ("empty", b"")]
)
def test_a_status_comes_with_each_kind_of_body(kind: str, start: bytes) -> None:
    script = instead(parse_fault(f"status;code=502;body={kind}"), NOW)
    assert script is not None and script.status == 502
    assert body(script).startswith(start)
    assert bool(body(script)) == (kind != "empty")


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_cut_stream_ends_inside_an_event(how: str) -> None:
    script = script_with(parse_fault(f"cut;how={how};after=5"))
    assert len(script.writes) == 6
    assert script.ending is (Ending.FIN if how == "fin" else Ending.RESET)
    assert not body(script).endswith(b"\n\n")
    assert body(PLAIN).startswith(body(script))


def test_a_clean_cut_ends_after_a_whole_event_without_a_terminal_one() -> None:
    script = script_with(parse_fault("cut;how=clean"))
    assert script.ending is Ending.COMPLETE
    assert body(script).endswith(b"\n\n")
    assert "response.completed" not in types(script)


def test_a_stall_moves_everything_after_it() -> None:
    script = script_with(parse_fault("stall;where=middle;ms=500;after=4"))
    moved = [late.at_ms - plain.at_ms for late, plain in zip(script.writes, PLAIN.writes, strict=True)]
    assert moved == pytest.approx([0] * 4 + [500] * (len(moved) - 4))
    assert script_with(parse_fault("stall;where=head;ms=500")).head_ms == pytest.approx(PLAIN.head_ms + 500)
    first = script_with(parse_fault("stall;where=first;ms=500"))
    assert first.head_ms == PLAIN.head_ms
    assert first.writes[0].at_ms == pytest.approx(PLAIN.writes[0].at_ms + 500)


def test_a_stall_may_send_comments() -> None:
    script = script_with(parse_fault("stall;where=first;ms=500;keepalive=100"))
    assert types(script)[:6] == ["comment"] * 5 + ["response.created"]
    assert script.writes[0].body.startswith(b":")


def test_malformed_json_takes_the_place_of_one_event() -> None:
    script = script_with(parse_fault("malformed;after=4"))
    broken = []
    for index, write in enumerate(script.writes):
        try:
            json.loads(write.body.split(b"data: ")[1])
        except ValueError:
            broken.append(index)
    assert broken == [4]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("failed", ["response.failed"]),
        ("error", ["error"]),
        ("error;shape=nested;then_failed=true", ["error", "response.failed"]),
        ("no_terminal;done=true", ["[DONE]"]),
        ("incomplete;reason=content_filter", ["response.incomplete"]),
        ("refusal", ["response.completed"]),
    ],
)
def test_how_a_stream_ends(text: str, last: list[str]) -> None:
    assert types(script_with(parse_fault(text)))[-len(last) :] == last


def test_an_error_is_flat_or_nested() -> None:
    flat, nested = (
        json.loads(script_with(parse_fault(f"error;shape={shape}")).writes[-1].body.split(b"data: ")[1])
        for shape in ("flat", "nested")
    )
    assert flat["code"] == nested["error"]["code"] == "server_error"
    assert "error" not in flat


def test_without_usage_nothing_else_is_missing() -> None:
    last = json.loads(script_with(parse_fault("no_usage")).writes[-1].body.split(b"data: ")[1])["response"]
    assert (last["status"], last["usage"]) == ("completed", None)


def test_order_duplicates_and_unknown_events() -> None:
    plain = types(PLAIN)
    assert types(script_with(parse_fault("duplicate;after=1"))) == [*plain[:2], *plain[1:]]
    assert types(script_with(parse_fault("swapped;after=0"))) == [plain[1], plain[0], *plain[2:]]
    unknown = script_with(parse_fault("unknown;after=2"))
    assert types(unknown)[2] == "response.future_thing.happened"
    numbers = [json.loads(write.body.split(b"data: ")[1])["sequence_number"] for write in unknown.writes]
    assert numbers == list(range(len(plain) + 1))


def test_the_same_content_is_written_in_other_ways() -> None:
    whole = body(PLAIN)
    assert body(script_with(parse_fault("newline"))) == whole.replace(b"\n", b"\r\n")
    assert body(script_with(parse_fault("newline;kind=cr"))) == whole.replace(b"\n", b"\r")
    assert body(script_with(parse_fault("bom"))) == b"\xef\xbb\xbf" + whole
    assert [write.body for write in script_with(parse_fault("together")).writes] == [whole]
    bytewise = script_with(parse_fault("bytewise"))
    assert body(bytewise) == whole and {len(write.body) for write in bytewise.writes} == {1}
    packed = script_with(parse_fault("gzip"))
    assert gzip.decompress(body(packed)) == whole
    first = zlib.decompressobj(wbits=31).decompress(packed.writes[0].body)
    assert first == PLAIN.writes[0].body


def test_a_cut_may_be_inside_a_chunk_or_a_character() -> None:
    chunk, character = (script_with(parse_fault(f"cut;where={where};after=5")) for where in ("chunk", "character"))
    sent = timetable(chunk, start_ns=0, keep_alive=True).bodies
    announced, _, begun = sent[-1].partition(b"\r\n")
    assert int(announced, 16) == len(PLAIN.writes[5].body) > len(begun)
    with pytest.raises(UnicodeDecodeError, match="unexpected end of data"):
        body(character).decode()


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("garbage", b"\x16"),
        ("cut;where=head", b"HTTP/1.1 200 OK\r\ncontent-"),
        ("endless;what=head", b"HTTP/1.1 200 OK"),
    ],
)
def test_a_head_may_be_none_or_half(text: str, begun: bytes) -> None:
    fault = parse_fault(text)
    sent = timetable(instead(fault, NOW) or script_with(fault), start_ns=0, keep_alive=True).bodies
    assert sent[0].startswith(begun)
    assert text == "garbage" or b"\r\n\r\n" not in b"".join(sent)


def last_response(text: str) -> dict[str, Any]:
    raw = script_with(parse_fault(text)).writes[-1].body.split(b"data: ")[1]
    return dict(json.loads(raw)["response"])


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("sum", lambda usage: usage["total_tokens"] != usage["input_tokens"] + usage["output_tokens"]),
        ("negative", lambda usage: usage["output_tokens"] < 0),
        ("nan", lambda usage: usage["output_tokens"] != usage["output_tokens"]),
        ("text", lambda usage: usage["output_tokens"].isdigit()),
        ("huge", lambda usage: usage["output_tokens"] > 2**53),
    ],
)
def test_a_count_that_cannot_be(kind: str, wrong: Callable[[dict[str, Any]], bool]) -> None:
    assert wrong(last_response(f"usage;kind={kind}")["usage"])


def test_without_deltas_the_text_is_whole_and_the_numbers_rise_by_one() -> None:
    script = script_with(parse_fault("no_deltas"))
    assert "response.output_text.delta" not in types(script)
    numbers = [json.loads(write.body.split(b"data: ")[1])["sequence_number"] for write in script.writes]
    assert numbers == list(range(len(numbers)))
    assert last_response("no_deltas")["output"] == last_response("unknown")["output"]


def test_a_missing_event_leaves_a_gap_in_the_numbers() -> None:
    script = script_with(parse_fault("missing;after=4"))
    numbers = [json.loads(write.body.split(b"data: ")[1])["sequence_number"] for write in script.writes]
    assert numbers == [*range(4), *range(5, len(numbers) + 1)]


def test_what_comes_before_a_long_or_hostile_answer() -> None:
    plain = last_response("unknown")["output"][0]["content"][0]["text"]
    for text, begins in (
        ("text;kind=ansi", "\x1b[31m"),
        ("text;kind=nul", "a\0b"),
        ("text;kind=surrogate", "\ud800"),
        ("text;kind=brackets", "[" * 100_000),
    ):
        answer = last_response(text)["output"][0]["content"][0]["text"]
        assert answer.startswith(begins) and answer.endswith(plain)
    long = script_with(parse_fault("long;deltas=1000;bytes=50"))
    assert types(long).count("response.output_text.delta") == 1_000 + types(PLAIN).count("response.output_text.delta")
    assert len(last_response("long;deltas=1000;bytes=50")["output"][0]["content"][0]["text"]) == 50_000 + len(plain)


def test_events_in_parts_with_other_fields_or_a_byte_too_many() -> None:
    split = script_with(parse_fault("split;parts=4"))
    assert body(split) == body(PLAIN) and len(split.writes) == 4 * len(PLAIN.writes)
    first = script_with(parse_fault("fields")).writes[0].body.decode()
    data = [line[6:] for line in first.split("\n") if line.startswith("data: ")]
    assert len(data) == 2 and json.loads("\n".join(data)) == json.loads(PLAIN.writes[0].body.split(b"data: ")[1])
    assert "\nid: 7\n" in first and "\nretry: " in first
    with pytest.raises(UnicodeDecodeError, match="invalid start byte"):
        body(script_with(parse_fault("invalid_utf8"))).decode()


def test_a_bomb_is_small_and_unpacks_to_what_it_says() -> None:
    packed = body(script_with(parse_fault("bomb;mib=8")))
    unpacked = zlib.decompressobj(wbits=31).decompress(packed)
    assert len(unpacked) == pytest.approx(8 * 2**20, rel=0.001)
    assert len(packed) < len(unpacked) / 200
    assert set(unpacked.split(b"\n\n")) == {b": keep-alive", b""}


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_of_the_catalogue_changes_the_response(name: str) -> None:
    fault = parse_fault(name)
    # An id is no part of the answer, so that fault is up to the service.
    assert name == "repeated_id" or instead(fault, NOW) is not None or script_with(fault) != PLAIN
