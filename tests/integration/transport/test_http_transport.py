"""Every transport over real sockets, against a server that writes exactly what it is told to."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import subprocess
import sys

import pytest

from evalharness.core.clock import SystemClock
from evalharness.core.errors import EndpointError
from evalharness.core.failure import Clock, FailureKind
from evalharness.core.model import Limits, Status
from evalharness.core.ports import Tape
from evalharness.transport import origin
from evalharness.transport.settings import HttpSettings
from evalharness.wire import codec
from tests.support.scripted_server import (
    ANSWER,
    COMPLETE,
    LAST_CHUNK,
    STREAM_HEAD,
    Do,
    Script,
    ScriptedServer,
    chunk,
    head,
    scripted,
    silent_place,
    whole,
)
from tests.support.tapes import decode_tape
from tests.support.transports import EVERY_WAY, KEY, Way, body_of, exchange
from tests.support.wire_bytes import decode, sse

MS = 1_000_000


@pytest.fixture(params=EVERY_WAY, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


# ---------------------------------------------------------------- what is sent, what is stamped


def test_the_request_is_what_it_was_given_plus_the_key(way: Way):
    _, server = way.tapes(COMPLETE)
    (request,) = server.requests
    assert request.line == "POST /v1/responses HTTP/1.1"
    assert json.loads(request.body) == {"model": "m", "input": "hi", "stream": True}
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "content-type": "application/json",
        "x-client-request-id": "run.trial.0",
        "accept-encoding": "identity",
        "authorization": f"Bearer {KEY}",
        "content-length": str(len(request.body)),
    }


def test_without_a_key_no_key_is_sent(way: Way):
    _, server = way.tapes(COMPLETE, key=None)
    assert "authorization" not in server.requests[0].headers


def test_stamps_follow_the_exchange(way: Way):
    deltas = [sse("response.output_text.delta", delta=text) for text in "abc"]
    tape = way.tape_of(STREAM_HEAD, 0.05, chunk(deltas[0]), 0.05, chunk(deltas[1]) + chunk(deltas[2]), 0.05, LAST_CHUNK)
    assert tape.failure is None
    assert tape.head is not None
    assert (tape.head.status, tape.head.headers["content-type"]) == (200, "text/event-stream")
    assert tape.connect_ns is not None and 0 < tape.connect_ns < 2_000 * MS
    (first_ns, first), (second_ns, second) = tape.reads
    # Two chunks that came in one segment are one read, with one stamp.
    assert (first, second) == (deltas[0], deltas[1] + deltas[2])
    assert tape.headers_ns is not None
    assert tape.sent_ns < tape.headers_ns
    assert first_ns - tape.headers_ns >= 45 * MS
    assert second_ns - first_ns >= 45 * MS
    assert tape.closed_ns - second_ns >= 45 * MS


def test_a_connection_is_kept_and_said_to_be_reused(way: Way):
    (first, second), server = way.tapes(COMPLETE, COMPLETE, n=2)
    assert [request.connection for request in server.requests] == [1, 1]
    assert (first.connection_reused, second.connection_reused) == (False, True)
    assert second.connect_ns is None


def test_an_answer_is_decoded_from_its_tape(way: Way):
    decoded = decode_tape(codec("responses"), way.tape_of(*COMPLETE), stream=True)
    assert (decoded.status, decoded.answer.text, decoded.anomalies) == (Status.OK, "The answer is 7.", ())


def test_as_many_exchanges_as_the_settings_say_never_wait_for_each_other(way: Way):
    async def run() -> tuple[list[Tape], int]:
        slow: Script = [STREAM_HEAD, 0.3, chunk(ANSWER), LAST_CHUNK]
        async with scripted(*[slow] * 40) as server:
            transport = way.to(server.base_url, concurrency=20)
            first = await asyncio.gather(*(exchange(transport) for _ in range(20)))
            second = await asyncio.gather(*(exchange(transport) for _ in range(20)))
            await transport.close()
            return [*first, *second], server.n_connections

    done, n_connections = way.run(run())
    assert all(tape.failure is None for tape in done)
    assert n_connections == 20
    assert max(tape.sent_ns for tape in done[:20]) < min(tape.reads[0][0] for tape in done[:20])


# ---------------------------------------------------------------- the four clocks


def test_a_head_without_data_runs_into_the_first_event_clock(way: Way):
    tape = way.tape_of(STREAM_HEAD, Do.HANG, first_event=150)
    assert tape.failure is not None
    assert (tape.failure.kind, tape.failure.clock) == (FailureKind.TIMEOUT, Clock.FIRST_EVENT)
    assert tape.head is not None
    assert 140 * MS <= tape.closed_ns - tape.sent_ns < 2000 * MS


def test_no_head_at_all_runs_into_the_first_event_clock(way: Way):
    tape = way.tape_of(Do.HANG, first_event=150)
    assert tape.failure is not None
    assert (tape.failure.clock, tape.head) == (Clock.FIRST_EVENT, None)


def test_comments_do_not_hold_up_the_first_event_clock(way: Way):
    comment = chunk(b": keep-alive\n\n")
    tape = way.tape_of(STREAM_HEAD, *[comment, 0.05] * 20, Do.HANG, first_event=300)
    assert tape.failure is not None
    assert tape.failure.clock is Clock.FIRST_EVENT
    assert tape.closed_ns - tape.sent_ns < 900 * MS


def test_comments_do_not_hold_up_the_idle_clock_and_data_do(way: Way):
    comment, delta = chunk(b": keep-alive\n\n"), chunk(sse("response.output_text.delta", delta="x"))
    tape = way.tape_of(STREAM_HEAD, *[delta, 0.1] * 5, *[comment, 0.05] * 20, Do.HANG, idle=300)
    assert tape.failure is not None
    assert tape.failure.clock is Clock.IDLE
    assert tape.failure.message.endswith("for 0.3 s (timeouts_ms.idle)")
    assert body_of(tape).count(b"delta") >= 5


def test_a_stream_that_never_ends_runs_into_the_total_clock(way: Way):
    delta = chunk(sse("response.output_text.delta", delta="x"))
    tape = way.tape_of(STREAM_HEAD, *[delta, 0.05] * 40, total=400)
    assert tape.failure is not None
    assert tape.failure.clock is Clock.TOTAL


def test_a_connection_that_is_not_accepted_runs_into_the_connect_clock(way: Way):
    with silent_place() as (host, port):
        tape = way.tape_from(f"http://{host}:{port}/v1", connect=200)
    assert tape.failure is not None
    assert (tape.failure.kind, tape.failure.clock) == (FailureKind.TIMEOUT, Clock.CONNECT)
    assert (tape.connection_reused, tape.headers_ns, tape.connect_ns) == (None, None, None)


def test_after_the_terminal_event_the_end_of_the_body_is_awaited_for_a_second_and_not_longer(way: Way):
    tape = way.tape_of(STREAM_HEAD, chunk(ANSWER), Do.HANG, idle=60_000, total=60_000)
    assert tape.failure is None
    assert 900 * MS <= tape.closed_ns - tape.reads[-1][0] < 4000 * MS


# ---------------------------------------------------------------- what breaks on the way


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([Do.RESET], "reset the connection"),
        ([Do.CLOSE], "gave no HTTP answer"),
        ([b"HTTP/1.1 200 O", Do.CLOSE], "gave no HTTP answer"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n", Do.CLOSE], "gave no HTTP answer"),
        ([b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", Do.CLOSE], "gave no HTTP answer"),
    ],
    ids=["RST", "FIN", "half a status line", "garbage", "bad header"],
)
def test_what_breaks_before_an_answer_is_a_connection_failure(way: Way, script: Script, words: str):
    (tape,), server = way.tapes(script)
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.CONNECTION
    assert words in tape.failure.message
    assert (tape.head, len(server.requests)) == (None, 1)


@pytest.mark.parametrize(
    "script",
    [
        [STREAM_HEAD, chunk(ANSWER[:300]), 0.05, Do.RESET],
        [STREAM_HEAD, chunk(ANSWER[:300]), Do.CLOSE],
        [STREAM_HEAD, chunk(ANSWER[:300]), b"zz\r\n", Do.CLOSE],
        [head(content_type="text/event-stream", content_length="9999"), ANSWER[:300], Do.CLOSE],
    ],
    ids=["RST", "FIN without last chunk", "broken chunk", "short body"],
)
def test_what_breaks_in_the_middle_is_a_cut_stream_with_what_had_come(way: Way, script: Script):
    (tape,), server = way.tapes(script)
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.STREAM_CUT
    assert body_of(tape) == ANSWER[:300]
    assert len(server.requests) == 1


def test_a_clean_end_without_terminal_event_is_no_failure_of_the_transport_but_no_answer_either(way: Way):
    tape = way.tape_of(head(content_type="text/event-stream"), ANSWER[:600], Do.CLOSE)
    assert tape.failure is None
    failure = decode_tape(codec("responses"), tape, stream=True).failure
    assert failure is not None
    assert failure.kind is FailureKind.STREAM_CUT


def test_a_break_after_the_terminal_event_leaves_the_answer(way: Way):
    tape = way.tape_of(STREAM_HEAD, chunk(ANSWER), Do.CLOSE)
    decoded = decode_tape(codec("responses"), tape, stream=True)
    assert (decoded.status, decoded.anomalies) == (Status.OK, ("cut_after_end",))


def test_a_closed_port_says_where_to_look(way: Way):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tape = way.tape_from(f"http://127.0.0.1:{port}/v1")
    assert tape.failure is not None
    assert tape.failure.message == (
        f"nothing listens at 127.0.0.1:{port}: check base_url and that the server is running"
    )


def test_a_host_nobody_knows_is_named(way: Way):
    tape = way.tape_from("http://no-such-host.invalid/v1")
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.CONNECTION
    assert tape.failure.message.startswith("cannot find the host of no-such-host.invalid:80")


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:99999/v1", "ftp://127.0.0.1/v1", "127.0.0.1/v1", "http:///v1", ""]
)
def test_a_base_url_that_is_no_address_is_refused_at_once(way: Way, base_url: str):
    with pytest.raises(EndpointError, match="no address"):
        way.to(base_url)


def to_https(way: Way, *script: bytes | float | Do) -> Tape:
    """The server takes the TLS greeting for the beginning of a request and plays the script at once."""

    async def run() -> Tape:
        async with scripted(script, read_request=False) as server:
            transport = way.to(server.base_url.replace("http:", "https:"))
            tape = await exchange(transport, connect=300)
            await transport.close()
            return tape

    return way.run(run())


def test_https_to_a_plain_port_asks_whether_it_is_http(way: Way):
    failure = to_https(way, b"HTTP/1.1 400 Bad Request\r\n\r\n", Do.CLOSE).failure
    assert failure is not None
    assert failure.kind is FailureKind.CONNECTION
    assert "is it http rather than https?" in failure.message


def test_a_tls_handshake_that_stalls_runs_into_the_connect_clock_and_leaves_no_socket(way: Way):
    failure = to_https(way, Do.HANG).failure
    assert failure is not None
    assert failure.clock is Clock.CONNECT


# ---------------------------------------------------------------- keep-alive that ran out


@pytest.mark.parametrize("end", [Do.CLOSE, Do.RESET])
def test_a_reused_connection_that_dies_without_an_answer_is_tried_once_more(
    way: Way, end: Do, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(origin, "_STALE_AFTER_NS", 0)
    (first, second), server = way.tapes(COMPLETE, [end], COMPLETE, n=2)
    assert (first.failure, second.failure) == (None, None)
    assert (first.resent, second.resent) == (False, True)
    assert [request.connection for request in server.requests] == [1, 1, 2]
    assert second.connection_reused is False


def test_but_only_once(way: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(origin, "_STALE_AFTER_NS", 0)

    async def run() -> tuple[list[Tape], int]:
        async with scripted(COMPLETE, [0.2, *COMPLETE], [Do.CLOSE], [0.2, Do.CLOSE]) as server:
            transport = way.to(server.base_url)
            await exchange(transport)
            tape = await exchange(transport)
            tape = await exchange(transport)
            await transport.close()
            return [tape], len(server.requests)

    (tape,), n_requests = way.run(run())
    assert tape.failure is not None
    assert (tape.failure.kind, n_requests) == (FailureKind.CONNECTION, 4)


def test_a_new_connection_that_dies_is_not_tried_again(way: Way):
    (tape,), server = way.tapes([Do.CLOSE], COMPLETE)
    assert tape.failure is not None
    assert len(server.requests) == 1


def test_a_connection_the_server_closed_while_idle_is_not_used(way: Way):
    async def run() -> tuple[Tape, ScriptedServer]:
        async with scripted([*COMPLETE, Do.CLOSE], COMPLETE) as server:
            transport = way.to(server.base_url)
            await exchange(transport)
            await asyncio.sleep(0.1)
            tape = await exchange(transport)
            await transport.close()
            return tape, server

    tape, server = way.run(run())
    assert (tape.failure, tape.connection_reused, len(server.requests)) == (None, False, 2)


# ---------------------------------------------------------------- limits and borders


def test_an_endless_body_is_cut_off_at_its_limit(way: Way):
    tape = way.tape_of(STREAM_HEAD, *[chunk(b": " + b"x" * 60_000 + b"\n")] * 100, limits=Limits(max_body_bytes=10**6))
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.TOO_LARGE
    assert len(body_of(tape)) <= 10**6


def test_a_bomb_is_cut_off_at_its_limit(way: Way):
    bomb = gzip.compress(b"x" * 10**7)
    tape = way.tape_of(whole(bomb, content_encoding="gzip"), limits=Limits(max_body_bytes=10**6))
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.TOO_LARGE


def test_an_endless_head_is_too_large(way: Way):
    tape = way.tape_of(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000, Do.CLOSE)
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.TOO_LARGE


def test_a_compressed_stream_is_undone_though_none_was_asked_for(way: Way):
    tape = way.tape_of(whole(gzip.compress(ANSWER), content_encoding="gzip", content_type="text/event-stream"))
    assert body_of(tape) == ANSWER


@pytest.mark.parametrize(("encoding", "body"), [("gzip", ANSWER), ("zstd", b"x")])
def test_a_body_that_cannot_be_undone_is_a_protocol_failure(way: Way, encoding: str, body: bytes):
    tape = way.tape_of(whole(body, content_encoding=encoding))
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(way: Way, status: int):
    async def run() -> tuple[Tape, ScriptedServer, ScriptedServer]:
        async with scripted() as elsewhere:
            script = [whole(b"moved", status, location=f"{elsewhere.base_url}/responses")]
            async with scripted(script) as server:
                transport = way.to(server.base_url, api_key=KEY)
                tape = await exchange(transport)
                await transport.close()
                return tape, server, elsewhere

    tape, server, elsewhere = way.run(run())
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.REDIRECT
    assert f"redirected to {elsewhere.base_url}/responses" in tape.failure.message
    assert (len(server.requests), elsewhere.n_connections) == (1, 0)


def test_a_redirect_to_no_address_is_a_redirect_still(way: Way):
    tape = way.tape_of(whole(b"moved", 307, location="http://[::1/"))
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.REDIRECT


def test_an_error_status_is_no_failure_of_the_transport(way: Way):
    tape = way.tape_of(whole(b'{"error": {"message": "slow down"}}', 429, retry_after="3", x_request_id="r1"))
    assert tape.failure is None
    assert tape.head is not None
    assert (tape.head.status, tape.head.headers["retry-after"]) == (429, "3")


def test_a_date_is_added_where_the_service_sends_none(way: Way):
    tape = way.tape_of(whole(b"", 429, retry_after="Fri, 31 Dec 2100 23:59:59 GMT"))
    assert tape.head is not None
    failure = decode(b"", status=429, headers=tape.head.headers).failure
    assert failure is not None
    assert failure.retry_after_ms is not None
    assert failure.retry_after_ms > 70 * 365 * 86_400_000
    sent = way.tape_of(whole(b"", 200, date="Sun, 22 Nov 2026 14:02:16 GMT"))
    assert sent.head is not None
    assert sent.head.headers["date"] == "Sun, 22 Nov 2026 14:02:16 GMT"


def test_repeated_headers_are_joined(way: Way):
    tape = way.tape_of(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n")
    assert tape.head is not None
    assert tape.head.headers["x-a"] == "1, 2"


def test_a_cancellation_passes_through_and_closes_the_connection(way: Way):
    async def run() -> int:
        async with scripted([STREAM_HEAD, chunk(ANSWER[:300]), Do.HANG], COMPLETE) as server:
            transport = way.to(server.base_url)
            running = asyncio.create_task(exchange(transport))
            await asyncio.sleep(0.2)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            tape = await exchange(transport)
            await transport.close()
            assert tape.failure is None
            return server.n_connections

    assert way.run(run()) == 2


# ---------------------------------------------------------------- secrets and start-up


@pytest.mark.parametrize("key", ["", "sk-a\nb", "sk a", "sk-é", '"sk-a" '])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(way: Way, key: str):
    with pytest.raises(EndpointError) as caught:
        way.to("http://127.0.0.1:1/v1", api_key=key)
    assert "sk" not in str(caught.value)


def test_the_key_is_in_no_repr_and_in_no_failure(way: Way):
    settings = HttpSettings(base_url="http://127.0.0.1:1/v1", clock=SystemClock(), api_key=KEY)
    assert KEY not in repr(settings)
    tape = way.tape_of(whole(b"", 302, location=f"https://x/?key={KEY}"))
    assert tape.failure is not None
    assert tape.failure.message.startswith("HTTP 302: redirected to https://x/?key=[redacted]")


def test_the_user_part_of_an_address_is_in_no_message(way: Way):
    tape = way.tape_from("http://user:secret@no-such-host.invalid/v1")
    assert tape.failure is not None
    assert "secret" not in tape.failure.message


def test_a_run_over_the_measuring_transport_never_imports_httpx():
    script = (
        "import sys, asyncio; from evalharness.core.clock import SystemClock; from evalharness.core.model import *;"
        "from evalharness.core.ports import *; from evalharness.transport.http import *;"
        "from evalharness.transport.exchanger import *; from evalharness.transport.loop import *;"
        "from evalharness.wire import codec;"
        "t = HttpTransport(HttpSettings(base_url='http://127.0.0.1:9/v1', clock=SystemClock()));"
        "e = DirectExchanger(t, codec('responses'), timeouts=Timeouts(), limits=Limits());"
        "r = HttpRequest(path='/x', headers={}, body=b'');"
        "runner = asyncio.Runner(loop_factory=new_event_loop);"
        "done = runner.run(e.exchange(r, stream=True)); runner.run(e.close()); runner.close();"
        "assert done.decoded.failure.kind == 'connection', done;"
        "late = {'httpx', 'httpcore', 'h11', 'anyio', 'certifi', 'numpy', 'rich', 'click'} & set(sys.modules);"
        "assert not late, late"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_httpx_comes_without_its_command_line():
    script = (
        "import sys; from evalharness.transport.httpx_transport import _httpx;"
        "assert 'httpx' not in sys.modules; _httpx();"
        "assert not {'rich', 'pygments', 'click'} & set(sys.modules);"
        "import httpx._main"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
