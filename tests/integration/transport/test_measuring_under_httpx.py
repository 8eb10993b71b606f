"""The measuring transport under httpx.AsyncClient: what httpx does over its own transport it does over ours."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from aiohttp import web

from evalharness.core.failure import Clock, FailureKind
from evalharness.core.model import Status
from evalharness.core.ports import Tape
from evalharness.transport import origin
from evalharness.transport.measuring import TAPE, TERMS, MeasuringTransport
from evalharness.wire import codec
from tests.support.scripted_server import (
    ANSWER,
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
from tests.support.servers import simulator
from tests.support.tapes import decode_tape
from tests.support.transports import MEASURING, Way, body_of, request_of, terms_of

T = TypeVar("T")


def client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=MeasuringTransport(), **options)


def over(
    way: Way, *scripts: Script, do: Callable[[httpx.AsyncClient, ScriptedServer], Awaitable[T]], **options: Any
) -> T:
    async def run() -> T:
        async with scripted(*scripts) as server, client(**options) as http:
            return await do(http, server)

    return way.run(run())


# ---------------------------------------------------------------- as any other client


def test_requests_of_every_kind_arrive_as_they_were_made(way: Way):
    async def parts() -> AsyncIterator[bytes]:
        yield b"one, "
        yield b"two"

    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> list[int]:
        url = server.base_url
        answers = [
            await http.get(url, params={"a": "b c"}, headers={"X-Many": "1"}),
            await http.post(url, json={"a": 1}),
            await http.post(url, content=parts()),
            await http.put(url, content=b"x" * 3_000_000),
            await http.head(url),
            await http.delete(url),
        ]
        assert [request.line for request in server.requests] == [
            "GET /v1?a=b+c HTTP/1.1",
            "POST /v1 HTTP/1.1",
            "POST /v1 HTTP/1.1",
            "PUT /v1 HTTP/1.1",
            "HEAD /v1 HTTP/1.1",
            "DELETE /v1 HTTP/1.1",
        ]
        assert server.requests[0].headers["x-many"] == "1"
        assert json.loads(server.requests[1].body) == {"a": 1}
        assert server.requests[2].body == b"one, two"
        assert len(server.requests[3].body) == 3_000_000
        assert {request.connection for request in server.requests} == {1}
        return [answer.status_code for answer in answers]

    scripts: list[Script] = [[whole(b"hi")]] * 4 + [[head(content_length="5")], [head(204)]]
    assert over(way, *scripts, do=do) == [200, 200, 200, 200, 200, 204]


def test_repeated_headers_and_cookies_stay_apart(way: Way):
    script = [b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"]

    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> tuple[list[str], str]:
        first = await http.get(server.base_url)
        await http.get(server.base_url)
        return first.headers.get_list("set-cookie"), server.requests[1].headers["cookie"]

    assert over(way, script, [whole(b"")], do=do) == (["a=1", "b=2"], "a=1; b=2")


def test_a_body_is_streamed_as_it_comes(way: Way):
    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> list[tuple[float, bytes]]:
        async with http.stream("GET", server.base_url) as response:
            assert response.status_code == 200
            return [(time.perf_counter(), part) async for part in response.aiter_bytes()]

    parts = over(way, [STREAM_HEAD, chunk(b"one"), 0.1, chunk(b"two"), 0.1, LAST_CHUNK], do=do)
    assert [part for _, part in parts] == [b"one", b"two"]
    assert parts[1][0] - parts[0][0] > 0.08


def test_httpx_undoes_the_content_encoding(way: Way):
    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> tuple[bytes, bytes]:
        answer = await http.get(server.base_url)
        async with http.stream("GET", server.base_url) as response:
            raw = b"".join([part async for part in response.aiter_raw()])
        return answer.content, raw

    script = [whole(gzip.compress(ANSWER), content_encoding="gzip")]
    content, raw = over(way, script, script, do=do)
    assert (content, gzip.decompress(raw)) == (ANSWER, ANSWER)


def test_redirects_are_followed_by_httpx_where_it_is_asked_to(way: Way):
    async def run() -> tuple[str, list[int], str]:
        async with scripted([whole(b"here")]) as there:
            script = [whole(b"moved", 307, location=f"{there.base_url}/x")]
            scripts: list[Script] = [script, [whole(b"", 302, location="/v1/y")], [whole(b"back")]]
            async with scripted(*scripts) as server, client(follow_redirects=True) as http:
                first = await http.post(server.base_url, content=b"prompt")
                second = await http.get(server.base_url)
                assert there.requests[0].body == b"prompt"
                return first.text, [answer.status_code for answer in first.history], second.text

    assert way.run(run()) == ("here", [307], "back")


def test_an_auth_object_answers_its_challenge(way: Way):
    challenge = whole(b"who?", 401, www_authenticate='Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')

    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> tuple[str, str, int]:
        answer = await http.get(server.base_url, auth=httpx.DigestAuth("user", "secret"))
        return answer.text, server.requests[1].headers["authorization"].split(" ")[0], server.n_connections

    assert over(way, [challenge], [whole(b"welcome")], do=do) == ("welcome", "Digest", 1)


def test_hooks_see_request_and_response(way: Way):
    seen: list[object] = []

    async def note_request(request: httpx.Request) -> None:
        seen.append(request.method)

    async def note_response(response: httpx.Response) -> None:
        seen.append(response.status_code)

    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> str:
        return (await http.get(server.base_url)).text

    hooks = {"request": [note_request], "response": [note_response]}
    assert over(way, [whole(b"hi")], do=do, event_hooks=hooks) == "hi"
    assert seen == ["GET", 200]


def test_many_at_once_share_what_connections_there_are(way: Way):
    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> tuple[list[str], int]:
        for _ in range(2):
            answers = await asyncio.gather(*(http.get(server.base_url) for _ in range(30)))
        return [answer.text for answer in answers], server.n_connections

    assert over(way, *[[0.05, whole(b"hi")]] * 60, do=do) == (["hi"] * 30, 30)


def test_a_body_that_is_not_read_to_its_end_closes_its_connection(way: Way):
    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> tuple[str, int]:
        async with http.stream("GET", server.base_url):
            pass
        return (await http.get(server.base_url)).text, server.n_connections

    assert over(way, [STREAM_HEAD, chunk(b"one"), Do.HANG], [whole(b"hi")], do=do) == ("hi", 2)


def test_a_reader_that_takes_its_time_lets_the_server_wait(way: Way):
    part = chunk(b"x" * 2**16)

    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> tuple[int, int]:
        n_bytes = 0
        most = 0
        async with http.stream("GET", server.base_url) as response:
            await asyncio.sleep(0.3)
            stream: Any = response.stream
            reception = stream._stream._attempt.reception
            async for data in response.aiter_raw():
                most = max(most, reception._kept_bytes)
                n_bytes += len(data)
        return n_bytes, most

    n_bytes, most = over(way, [STREAM_HEAD, *[part] * 300, LAST_CHUNK], do=do)
    assert n_bytes == 300 * 2**16
    assert most < 2 * 2**20


def test_a_stale_connection_is_replaced_once(way: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(origin, "_STALE_AFTER_NS", 0)

    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> tuple[str, int]:
        await http.get(server.base_url)
        return (await http.get(server.base_url)).text, server.n_connections

    assert over(way, [whole(b"one")], [Do.CLOSE], [whole(b"two")], do=do) == ("two", 2)


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([Do.RESET], httpx.ReadError),
        ([Do.CLOSE], httpx.RemoteProtocolError),
        ([b"SSH-2.0\r\n", Do.CLOSE], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 99_999, Do.CLOSE], httpx.RemoteProtocolError),
        ([head(content_length="9"), b"half", Do.CLOSE], httpx.RemoteProtocolError),
        ([STREAM_HEAD, chunk(b"half"), Do.CLOSE], httpx.RemoteProtocolError),
        ([STREAM_HEAD, chunk(b"half"), 0.05, Do.RESET], httpx.ReadError),
        ([Do.HANG], httpx.ReadTimeout),
        ([STREAM_HEAD, chunk(b"half"), Do.HANG], httpx.ReadTimeout),
    ],
    ids=["RST", "FIN", "garbage", "endless head", "short", "cut", "RST in body", "no head", "stall"],
)
def test_errors_are_those_of_httpx(way: Way, script: Script, error: type[Exception]):
    """The same as httpx raises over its own transport."""

    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> None:
        await http.get(server.base_url)

    async def do_theirs() -> None:
        async with scripted(script) as server, httpx.AsyncClient(timeout=0.3, trust_env=False) as http:
            await http.get(server.base_url)

    with pytest.raises(error):
        over(way, script, do=do, timeout=0.3)
    with pytest.raises(error):
        way.run(do_theirs())


def run_alone(way: Way, do: Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]], **options: Any) -> None:
    async def run() -> None:
        async with client(**options) as http:
            await do(http)

    way.run(run())


def test_connections_that_cannot_be_had_are_errors_of_connecting(way: Way):
    with pytest.raises(httpx.ConnectError, match="nothing listens at"):
        run_alone(way, lambda http: http.get("http://127.0.0.1:9/"))
    with pytest.raises(httpx.ConnectError, match="cannot find the host"):
        run_alone(way, lambda http: http.get("http://no-such-host.invalid/"))
    with pytest.raises(httpx.UnsupportedProtocol):
        run_alone(way, lambda http: http.get("ftp://127.0.0.1/"))
    with pytest.raises(httpx.LocalProtocolError):
        run_alone(way, lambda http: http.get("http://127.0.0.1:9/", headers={"x": "a\r\nhost: b"}))


def test_a_connection_that_is_not_accepted_in_time_is_a_connect_timeout(way: Way):
    with silent_place() as (host, port), pytest.raises(httpx.ConnectTimeout):
        run_alone(way, lambda http: http.get(f"http://{host}:{port}/"), timeout=0.2)


def test_a_request_nobody_reads_is_a_write_timeout(way: Way):
    async def run() -> None:
        patience = httpx.Timeout(5, write=0.2)
        async with scripted([5.0, Do.CLOSE], read_request=False) as server, client(timeout=patience) as http:
            await http.post(server.base_url, content=b"x" * 12 * 2**20)

    with pytest.raises(httpx.WriteTimeout):
        way.run(run())


def test_a_slow_upload_is_no_timeout_while_it_goes_on(way: Way):
    """httpx counts from the last piece that was sent, and for the answer from the end of the request."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = await reader.readuntil(b"\r\n\r\n")
        left = int(raw.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while left:
            await asyncio.sleep(0.05)
            left -= len(await reader.read(min(left, 2**19)))
        writer.write(whole(b"thanks"))
        await writer.drain()
        writer.close()

    async def run() -> str:
        server = await asyncio.start_server(slow, "127.0.0.1", 0, limit=2**20)
        async with server, client(timeout=0.8) as http:
            port = server.sockets[0].getsockname()[1]
            return (await http.post(f"http://127.0.0.1:{port}/", content=b"x" * 12 * 2**20)).text

    assert way.run(run()) == "thanks"


def test_a_cancelled_request_leaves_no_socket(way: Way):
    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> int:
        for step in range(30):
            running = asyncio.ensure_future(http.get(server.base_url))
            await asyncio.sleep(step * 0.0007)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return server.n_connections

    script: Script = [0.004, STREAM_HEAD, 0.004, chunk(b"one"), 0.004, LAST_CHUNK]
    assert over(way, *[script] * 40, do=do) > 1


# ---------------------------------------------------------------- with terms


def send_with_terms(way: Way, *script: bytes | float | Do, **options: Any) -> httpx.Response:
    async def do(http: httpx.AsyncClient, server: ScriptedServer) -> httpx.Response:
        return await http.post(server.base_url, content=b"{}", extensions={TERMS: terms_of(**options)})

    return over(way, script, do=do)


def tape_of(response: httpx.Response) -> Tape:
    tape: Tape = response.extensions[TAPE]
    return tape


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_request_with_terms_is_answered_with_its_tape(way: Way, encoding: str):
    body, names = (gzip.compress(ANSWER), {"content_encoding": "gzip"}) if encoding else (ANSWER, {})
    date = "Sun, 22 Nov 2026 14:02:16 GMT"
    script = [whole(body, content_type="text/event-stream", date=date, **names)]
    response = send_with_terms(way, *script)
    tape, direct = tape_of(response), way.tape_of(*script)
    assert response.content == ANSWER
    assert (body_of(tape), tape.head, tape.failure, tape.source) == (
        body_of(direct),
        direct.head,
        direct.failure,
        direct.source,
    )
    assert len(tape.read_ns) == len(tape.earliest_ns) == len(tape.reads)
    assert tape.head is not None and tape.headers_ns is not None
    assert tape.sent_ns < tape.headers_ns <= tape.reads[0][0] <= tape.closed_ns


def test_what_breaks_after_the_head_is_told_by_the_tape(way: Way):
    response = send_with_terms(way, STREAM_HEAD, chunk(ANSWER[:300]), Do.HANG, idle=200)
    failure = tape_of(response).failure
    assert failure is not None
    assert (response.status_code, failure.clock) == (200, Clock.IDLE)


def test_without_a_head_the_tape_is_found_in_the_request(way: Way):
    with pytest.raises(httpx.ReadTimeout) as caught:
        send_with_terms(way, Do.HANG, first_event=200)
    failure = caught.value.request.extensions[TAPE].failure
    assert (failure.kind, failure.clock) == (FailureKind.TIMEOUT, Clock.FIRST_EVENT)


def test_a_redirect_is_a_failure_of_the_tape_and_a_response_still(way: Way):
    response = send_with_terms(way, whole(b"moved", 307, location="http://elsewhere/"))
    failure = tape_of(response).failure
    assert failure is not None
    assert (response.status_code, failure.kind) == (307, FailureKind.REDIRECT)


def test_against_the_simulator_both_ways_to_the_same_answer(tmp_path: Path):
    with simulator(folder=tmp_path) as served:
        body = json.dumps({"model": "sim-small", "input": "What is 3 + 4?", "stream": True}).encode()

        async def run() -> tuple[Tape, Tape]:
            async with client() as http:
                headers = {"content-type": "application/json", "x-client-request-id": "run.trial.0"}
                response = await http.post(
                    f"{served.base_url}/responses", content=body, headers=headers, extensions={TERMS: terms_of()}
                )
            transport = MEASURING.to(served.base_url)
            direct = await transport.exchange(request_of(body), terms_of())
            await transport.close()
            return tape_of(response), direct

        through_httpx, direct = (decode_tape(codec("responses"), tape, stream=True) for tape in MEASURING.run(run()))
    assert through_httpx.status is Status.OK
    assert (through_httpx.answer.text, through_httpx.usage) == (direct.answer.text, direct.usage)


# ---------------------------------------------------------------- a server nobody here wrote


@asynccontextmanager
async def aiohttp_server(path: Path) -> AsyncIterator[str]:
    async def echo(request: web.Request) -> web.Response:
        answer = web.json_response({"method": request.method, "body": (await request.read()).decode()})
        answer.enable_compression()
        return answer

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(3):
            await answer.write(b"data: %d\n\n" % number)
            await asyncio.sleep(0.02)
        return answer

    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/stream", stream)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_with_aiohttp_on_the_other_side(way: Way, tmp_path: Path):
    async def run() -> None:
        async with aiohttp_server(tmp_path) as url, client() as http:
            for method in ("GET", "POST", "PATCH"):
                answer = await http.request(method, f"{url}/echo", content=b"hello")
                assert answer.json() == {"method": method, "body": "hello"}
                assert answer.headers["content-encoding"] in ("gzip", "deflate", "br", "zstd")
            assert (await http.head(f"{url}/echo")).status_code == 200
            assert (await http.get(f"{url}/none")).status_code == 404
            async with http.stream("GET", f"{url}/stream") as response:
                parts = [part async for part in response.aiter_bytes()]
            assert b"".join(parts) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
            assert len(parts) == 3

    way.run(run())
