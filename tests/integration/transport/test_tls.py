"""TLS over the measured socket, with certificates of an authority of our own."""

from __future__ import annotations

import asyncio
import datetime
import os
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from evalharness.core.failure import FailureKind
from evalharness.core.ports import Tape
from evalharness.core.record import StampSource
from evalharness.transport.measuring import MeasuringTransport
from evalharness.transport.settings import verifying_context
from tests.support.scripted_server import (
    ANSWER,
    COMPLETE,
    STREAM_HEAD,
    Do,
    Script,
    chunk,
    head,
    scripted,
    whole,
)
from tests.support.transports import EVERY_WAY, MEASURED_WAYS, MEASURING, Way, body_of, exchange

every_way = pytest.mark.parametrize("way", EVERY_WAY, ids=lambda way: way.name)
measured_ways = pytest.mark.parametrize("way", MEASURED_WAYS, ids=lambda way: way.name)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an office gateway's authority is made known: by a file that a variable names."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    verifying_context.cache_clear()
    yield
    verifying_context.cache_clear()


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def listening(authority: trustme.CA) -> dict[str, Any]:
    return {"tls": serving(authority.issue_cert("127.0.0.1", "localhost"))}


# ---------------------------------------------------------------- what works


@every_way
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_an_exchange_over_tls(way: Way, version: ssl.TLSVersion, listening: dict[str, Any]):
    listening["tls"].minimum_version = listening["tls"].maximum_version = version
    (first, second), server = way.tapes_over(listening, COMPLETE, COMPLETE, n=2)
    assert (first.failure, body_of(first)) == (None, ANSWER)
    assert (second.failure, body_of(second), second.connection_reused) == (None, ANSWER, True)
    assert server.n_connections == 1
    assert first.connect_ns is not None


def test_the_stamps_are_those_of_the_ciphertext(listening: dict[str, Any]):
    script: Script = [STREAM_HEAD, chunk(b"data: 1\n\n"), 0.05, chunk(b"data: 2\n\n"), 0.05, *COMPLETE[1:]]
    (tape,), _ = MEASURING.tapes_over(listening, script)
    assert tape.source is StampSource.KERNEL
    assert [data for _, data in tape.reads[:2]] == [b"data: 1\n\n", b"data: 2\n\n"]
    assert all(
        earliest_ns <= at_ns <= read_ns
        for (at_ns, _), earliest_ns, read_ns in zip(tape.reads, tape.earliest_ns, tape.read_ns, strict=True)
    )


@measured_ways
def test_large_bodies_in_both_directions(way: Way, listening: dict[str, Any]):
    body = b"q" * (5 * 2**20)
    script: Script = [whole(b"a" * (5 * 2**20))]
    (tape,), server = way.tapes_over(listening, script, body=body)
    assert (tape.failure, len(body_of(tape)), server.requests[0].body == body) == (None, 5 * 2**20, True)


@measured_ways
def test_session_tickets_on_an_idle_connection_are_nothing_said(way: Way, listening: dict[str, Any]):
    """TLS 1.3 sends them after the handshake, when the connection may already lie in the pool."""
    listening["tls"].num_tickets = 5

    async def run() -> tuple[Tape, int]:
        async with scripted(COMPLETE, **listening) as server:
            transport = way.to(server.base_url)
            await transport.open(1)
            await asyncio.sleep(0.05)
            tape = await exchange(transport)
            await transport.close()
            return tape, server.n_connections

    tape, n_connections = way.run(run())
    assert (tape.failure, tape.connection_reused, n_connections) == (None, True, 1)


@measured_ways
def test_a_connection_whose_tls_ended_while_idle_is_not_used(way: Way, listening: dict[str, Any]):
    async def run() -> tuple[Tape, int]:
        async with scripted([*COMPLETE, Do.CLOSE], COMPLETE, **listening) as server:
            transport = way.to(server.base_url)
            await exchange(transport)
            await asyncio.sleep(0.1)
            tape = await exchange(transport)
            await transport.close()
            return tape, server.n_connections

    tape, n_connections = way.run(run())
    assert (tape.failure, tape.connection_reused, n_connections) == (None, False, 2)


def test_through_httpx_with_a_context_of_its_own(authority: trustme.CA, listening: dict[str, Any]):
    context = ssl.create_default_context()
    authority.configure_trust(context)

    async def run() -> str:
        async with (
            scripted([whole(b"hi")], **listening) as server,
            httpx.AsyncClient(transport=MeasuringTransport(verify=context)) as http,
        ):
            return (await http.get(server.base_url)).text

    assert MEASURING.run(run()) == "hi"


# ---------------------------------------------------------------- certificates that are refused


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))


@every_way
@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (expired, "certificate has expired"),
        (lambda authority: authority.issue_cert("elsewhere.example"), "IP address mismatch"),
        (lambda authority: trustme.CA().issue_cert("127.0.0.1"), "unable to get local issuer certificate"),
    ],
    ids=["expired", "wrong host", "unknown authority"],
)
def test_a_certificate_that_is_not_good_is_refused_with_the_reason(
    way: Way, authority: trustme.CA, certificate: Callable[[trustme.CA], trustme.LeafCert], words: str
):
    (tape,), server = way.tapes_over({"tls": serving(certificate(authority))}, COMPLETE)
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.CONNECTION
    assert "the certificate of 127.0.0.1:" in tape.failure.message
    assert words in tape.failure.message
    assert server.requests == []


# ---------------------------------------------------------------- how TLS ends, by hand


class Peer:
    """The server's side of one TLS connection, for what asyncio's cannot be made to do."""

    def __init__(self, context: ssl.SSLContext, sock: socket.socket) -> None:
        self.sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def until_request(self) -> None:
        self._do(self.session.do_handshake)
        self._do(lambda: self.session.read(65536))

    def _do(self, step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                self.flush()
                self._incoming.write(self.sock.recv(65536))
            else:
                self.flush()
                return

    def records(self, data: bytes) -> bytes:
        self.session.write(data)
        return self._outgoing.read()

    def say(self, data: bytes) -> None:
        self.sock.sendall(self.records(data))

    def say_goodbye(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self.session.unwrap()
        self.flush()

    def flush(self) -> None:
        if self._outgoing.pending:
            self.sock.sendall(self._outgoing.read())

    def wait_for_end(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.recv(65536):
            pass


@contextmanager
def peer(context: ssl.SSLContext, play: Callable[[Peer], None]) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        sock, _ = listener.accept()
        with sock, suppress(OSError):
            sock.settimeout(5)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            side = Peer(context, sock)
            try:
                side.until_request()
            except ssl.SSLError:
                side.flush()
            else:
                play(side)
            side.wait_for_end()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        thread.join(10)
        listener.close()


def by_hand(way: Way, listening: dict[str, Any], play: Callable[[Peer], None]) -> Tape:
    with peer(listening["tls"], play) as base_url:
        return way.tape_from(base_url)


@measured_ways
def test_a_server_that_wants_a_certificate_of_ours_says_so(way: Way, authority: trustme.CA, listening: dict[str, Any]):
    """In TLS 1.3 the refusal comes when the handshake is over for the client: as the answer to its request."""
    listening["tls"].verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(listening["tls"])
    tape = by_hand(way, listening, lambda peer: None)
    assert tape.failure is not None
    assert tape.failure.kind is FailureKind.CONNECTION
    assert "certificate required" in tape.failure.message
    assert "http rather than https" not in tape.failure.message


@measured_ways
def test_a_body_without_a_length_is_whole_only_where_tls_says_goodbye(way: Way, listening: dict[str, Any]):
    """Source: RFC 9112, section 9.8. Otherwise whoever sits in between could cut an answer."""

    def with_goodbye(peer: Peer) -> None:
        peer.say(head() + b"hi")
        peer.say_goodbye()

    def without(peer: Peer) -> None:
        peer.say(head() + b"hi")

    good, cut = by_hand(way, listening, with_goodbye), by_hand(way, listening, without)
    assert (good.failure, body_of(good), body_of(cut)) == (None, b"hi", b"hi")
    assert cut.failure is not None
    assert cut.failure.kind is FailureKind.STREAM_CUT


@measured_ways
def test_a_body_with_a_length_is_whole_without_a_goodbye(way: Way, listening: dict[str, Any]):
    tape = by_hand(way, listening, lambda peer: peer.say(whole(b"hi")))
    assert (tape.failure, body_of(tape)) == (None, b"hi")


@measured_ways
def test_what_was_received_before_a_broken_record_is_kept(way: Way, listening: dict[str, Any]):
    def broken(peer: Peer) -> None:
        good = peer.records(STREAM_HEAD + chunk(ANSWER[:300]))
        peer.sock.sendall(good + b"\x17\x03\x03\x00\x20" + b"?" * 32)

    tape = by_hand(way, listening, broken)
    assert tape.failure is not None
    assert (tape.failure.kind, body_of(tape)) == (FailureKind.STREAM_CUT, ANSWER[:300])


@measured_ways
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_records_that_come_in_pieces(way: Way, listening: dict[str, Any], size: int):
    def in_pieces(peer: Peer) -> None:
        raw = peer.records(whole(b"hi"))
        for at in range(0, len(raw), size):
            peer.sock.sendall(raw[at : at + size])

    tape = by_hand(way, listening, in_pieces)
    assert (tape.failure, body_of(tape)) == (None, b"hi")


@pytest.mark.skipif(shutil.which("openssl") is None and not os.environ.get("CI"), reason="needs the openssl command")
@measured_ways
def test_a_key_update_in_the_middle_of_an_answer(way: Way, authority: trustme.CA, tmp_path: Path):
    """Sent by ``openssl s_server``, which takes a line that begins with K for the wish to update both keys."""
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(tmp_path / "server.pem"), "-tls1_3"]

    async def run() -> list[Tape]:
        server = await asyncio.create_subprocess_exec(*command, stdin=-1, stdout=-1, stderr=-2)
        assert server.stdin is not None and server.stdout is not None
        try:
            while b"ACCEPT" not in await server.stdout.readline():
                pass
            transport = way.to(f"https://127.0.0.1:{port}/v1")
            tapes = []
            for _ in range(2):
                running = asyncio.create_task(exchange(transport))
                while b'"stream"' not in await server.stdout.read(65536):
                    pass
                for said in (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", b"K\n", b"world"):
                    server.stdin.write(said)
                    await asyncio.sleep(0.1)
                tapes.append(await running)
            await transport.close()
            return tapes
        finally:
            server.kill()
            await server.communicate()

    first, second = way.run(run())
    assert (first.failure, body_of(first)) == (None, b"helloworld")
    assert (second.failure, body_of(second), second.connection_reused) == (None, b"helloworld", True)
