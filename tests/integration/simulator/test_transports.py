"""Other ways to the same service: a Unix socket, TLS, and framings that few servers send."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.servers import SimulatorProcess, simulator

COMMAND = [sys.executable, "-m", "evalharness.simulator", "--profile", "instant"]
BODY = json.dumps({"model": "sim-mini", "input": "What is 17 * 23?", "stream": True}).encode()


class UnixConnection(http.client.HTTPConnection):
    """The standard library's client over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def asked(connection: http.client.HTTPConnection, fault: str = "") -> tuple[Any, bytes]:
    headers = {"Content-Type": "application/json", "X-Client-Request-Id": f"r.{fault or 'none'}.0"}
    headers |= {"X-Sim-Fault": f"{fault};attempts=every"} if fault else {}
    connection.request("POST", "/v1/responses", BODY, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def is_whole(raw: bytes) -> bool:
    return json.loads(raw.strip().rpartition(b"data: ")[2])["type"] == "response.completed"


# ---------------------------------------------------------------- Unix sockets


def test_a_unix_socket_serves_many_requests_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "sim.sock"
    with simulator(arguments=["--unix", str(path)], truth_log=tmp_path / "log.jsonl") as server:
        assert server.base_url == "http://localhost/v1"
        connection = UnixConnection(path)
        assert all(is_whole(asked(connection)[1]) for _ in range(3))
        connection.close()
        entries = server.log(at_least=3)
    assert {entry["stamp"] for entry in entries} == {"user"}
    assert len({entry["connection"] for entry in entries}) == 1
    assert not path.exists()


def test_a_socket_that_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sim.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with simulator(arguments=["--unix", str(path)]):
        connection = UnixConnection(path)
        assert is_whole(asked(connection)[1])
        connection.close()


def test_a_path_that_is_served_or_is_no_socket_is_refused(tmp_path: Path) -> None:
    path, file = tmp_path / "sim.sock", tmp_path / "file"
    file.write_text("mine")
    with simulator(arguments=["--unix", str(path)]):
        for taken in (path, file, tmp_path / ("long" * 40)):
            done = subprocess.run(
                [*COMMAND, "--unix", str(taken)], capture_output=True, text=True, timeout=20, check=False
            )
            assert done.returncode == 5
            assert str(taken) in done.stderr and "Traceback" not in done.stderr
        connection = UnixConnection(path)
        assert is_whole(asked(connection)[1])
        connection.close()
    assert file.read_text() == "mine"


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    arguments = ["--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")]
    with simulator(arguments=arguments, truth_log=folder / "log.jsonl") as server:
        yield server


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def secured(server: SimulatorProcess, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(server.root_url.removeprefix("https://"), timeout=10, context=context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_https_serves_many_requests(secure: SimulatorProcess, authority: trustme.CA, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    connection = secured(secure, context)
    assert all(is_whole(asked(connection)[1]) for _ in range(3))
    assert connection.sock.selected_alpn_protocol() == "http/1.1"  # type: ignore[attr-defined]
    connection.close()
    assert secure.base_url.startswith("https://127.0.0.1:")


def test_faults_and_stamps_are_those_of_plain_http(secure: SimulatorProcess, trusting: ssl.SSLContext) -> None:
    for fault, error in (("reset", ConnectionResetError), ("cut", http.client.IncompleteRead)):
        connection = secured(secure, trusting)
        with pytest.raises(error):
            asked(connection, fault)
        connection.close()
    entries = [*secure.log(run="r.reset", at_least=1), *secure.log(run="r.cut", at_least=1)]
    assert [(entry["fault"], entry["ended"]) for entry in entries] == [("reset", "reset"), ("cut", "fin")]
    if sys.platform == "linux":
        assert {entry["stamp"] for entry in entries} == {"kernel"}


def test_a_body_until_close_ends_with_a_farewell_that_tells_it_from_a_cut(
    secure: SimulatorProcess, trusting: ssl.SSLContext
) -> None:
    connection = secured(secure, trusting)
    answer, raw = asked(connection, "framing;kind=close")
    assert answer.headers.get("content-length") is None and is_whole(raw)
    connection.close()


def test_who_does_not_trust_or_speak_tls_hurts_nobody_else(secure: SimulatorProcess, trusting: ssl.SSLContext) -> None:
    stranger = secured(secure, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        asked(stranger)
    stranger.close()
    host, _, port = secure.root_url.removeprefix("https://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        plain.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
        assert not plain.recv(4096).startswith(b"HTTP")
    connection = secured(secure, trusting)
    assert is_whole(asked(connection)[1])
    connection.close()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--tls-key", "key.pem"], 2, "--tls-cert"),
        (["--tls-cert", "missing.pem"], 5, "missing.pem"),
        (["--tls-cert", __file__], 5, Path(__file__).name),
    ],
)
def test_a_certificate_that_cannot_be_used_is_explained(arguments: list[str], code: int, words: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == code
    assert words in done.stderr and "Traceback" not in done.stderr


# ---------------------------------------------------------------- framings


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorProcess]:
    with simulator() as running:
        yield running


def plainly(server: SimulatorProcess, fault: str) -> tuple[Any, bytes]:
    connection = http.client.HTTPConnection(server.root_url.removeprefix("http://"), timeout=10)
    try:
        return asked(connection, fault)
    finally:
        connection.close()


@pytest.mark.parametrize("fault", ["framing;kind=extensions", "framing;kind=close", "interim;code=100;times=2"])
def test_unusual_framings_are_read_by_the_standard_library(server: SimulatorProcess, fault: str) -> None:
    assert is_whole(plainly(server, fault)[1])


@pytest.mark.parametrize(
    ("fault", "coding", "unpack"),
    [
        ("gzip;flush=false", "gzip", gzip.decompress),
        ("encoding;kind=gzip", "gzip", gzip.decompress),
        ("encoding", "deflate", zlib.decompress),
        ("encoding;kind=bare-deflate", "deflate", lambda raw: zlib.decompress(raw, -15)),
    ],
)
def test_codings_are_named_and_unpack(server: SimulatorProcess, fault: str, coding: str, unpack: Any) -> None:
    answer, raw = plainly(server, fault)
    assert answer.headers["content-encoding"] == coding
    assert is_whole(unpack(raw))


def test_early_hints_come_before_the_head(server: SimulatorProcess) -> None:
    """By hand: the standard library's client takes 103 for the answer itself."""
    host, _, port = server.root_url.removeprefix("http://").partition(":")
    head = "POST /v1/responses HTTP/1.1\r\nX-Sim-Fault: interim;times=2\r\nConnection: close\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        opened.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        raw = b"".join(iter(lambda: opened.recv(65_536), b""))
    heads = raw.split(b"\r\n\r\n")[:3]
    assert [head.split(b"\r\n")[0].split()[1] for head in heads] == [b"103", b"103", b"200"]
    assert heads[0].split(b"\r\n")[1].startswith(b"link: ")


def test_a_client_that_expects_100_gets_it_before_it_sends_its_body(server: SimulatorProcess) -> None:
    host, _, port = server.root_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        head = f"POST /v1/responses HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {len(BODY)}\r\n\r\n"
        opened.sendall(head.encode())
        assert opened.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(BODY)
        assert opened.recv(4096).startswith(b"HTTP/1.1 200 OK")
