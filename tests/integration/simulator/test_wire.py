"""What leaves the socket, read with the standard library's client and bare sockets."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import SimulatorProcess, simulator

HEADERS = {"Content-Type": "application/json"}


def ask(**changes: Any) -> bytes:
    return json.dumps({"model": "sim-mini", "input": "What is 1017 * 23?", "stream": True} | changes).encode()


def connect(server: SimulatorProcess) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.root_url.removeprefix("http://"), timeout=10)


def post(server: SimulatorProcess, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any, bytes]:
    connection = connect(server)
    try:
        connection.request("POST", "/v1/responses", body, HEADERS | (headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def final(raw: bytes) -> dict[str, Any]:
    return dict(json.loads(raw.strip().rpartition(b"data: ")[2])["response"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with simulator(truth_log=tmp_path_factory.mktemp("truth") / "log.jsonl") as running:
        yield running


def test_headers_are_those_of_the_service(server: SimulatorProcess) -> None:
    status, headers, _ = post(server, ask())
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-request-id"].startswith("req_")
    assert headers["x-ratelimit-reset-requests"] == "6ms"
    assert headers["openai-processing-ms"] == "0"


def test_one_connection_serves_many_requests(server: SimulatorProcess) -> None:
    connection = connect(server)
    for n in range(3):
        connection.request("POST", "/v1/responses", ask(), HEADERS | {"X-Client-Request-Id": f"r.keep{n}.0"})
        connection.getresponse().read()
    connection.close()
    assert len({entry["connection"] for entry in server.log(run="r.keep", at_least=3)}) == 1


def test_a_cut_stream_has_no_last_chunk(server: SimulatorProcess) -> None:
    with pytest.raises(http.client.IncompleteRead):
        post(server, ask(), {"X-Sim-Fault": "cut"})


def test_a_cut_body_is_shorter_than_announced(server: SimulatorProcess) -> None:
    with pytest.raises(http.client.IncompleteRead):
        post(server, ask(stream=False), {"X-Sim-Fault": "cut"})


def test_a_clean_cut_looks_whole_to_http(server: SimulatorProcess) -> None:
    status, _, raw = post(server, ask(), {"X-Sim-Fault": "cut;how=clean"})
    assert status == 200
    assert b"response.created" in raw
    assert b"response.completed" not in raw


@pytest.mark.parametrize("fault", ["reset", "cut;how=reset"])
def test_a_reset_is_a_reset(server: SimulatorProcess, fault: str) -> None:
    with pytest.raises(ConnectionResetError):
        post(server, ask(), {"X-Sim-Fault": fault})


def test_a_stalled_head_is_silence_and_a_stalled_body_is_not(server: SimulatorProcess) -> None:
    address = server.root_url.removeprefix("http://").split(":")
    for fault, sent in (("stall;where=head", False), ("stall;where=first", True)):
        with socket.create_connection((address[0], int(address[1])), timeout=10) as opened:
            body = ask()
            head = f"POST /v1/responses HTTP/1.1\r\nX-Sim-Fault: {fault}\r\nContent-Length: {len(body)}\r\n\r\n"
            opened.sendall(head.encode() + body)
            if sent:
                assert opened.recv(4096).startswith(b"HTTP/1.1 200 OK")
            opened.settimeout(0.3)
            with pytest.raises(TimeoutError):
                opened.recv(4096)


def test_a_stall_with_comments_sends_comments(server: SimulatorProcess) -> None:
    _, _, raw = post(server, ask(), {"X-Sim-Fault": "stall;where=first;ms=60;keepalive=20"})
    assert raw.startswith(b": keep-alive\n\n: keep-alive\n\n")
    assert final(raw)["status"] == "completed"


def test_a_fault_spares_the_second_attempt_and_the_log_knows(server: SimulatorProcess) -> None:
    headers = {"X-Sim-Fault": "status;code=500", "X-Client-Request-Id": "r.again.0"}
    assert [post(server, ask(), headers)[0] for _ in range(2)] == [500, 200]
    entries = server.log(run="r.again", at_least=2)
    assert [(entry["attempt"], entry["fault"]) for entry in entries] == [(1, "status"), (2, None)]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /v1/responses HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /v1/responses HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /v1/nothing HTTP/1.1\r\n\r\n", 404),
        (b"GET /v1/responses HTTP/1.1\r\n\r\n", 404),
        (b"POST /v1/responses HTTP/1.1\r\nContent-Length: 1\r\n\r\n{", 400),
    ],
)
def test_bad_http_gets_an_error_object(server: SimulatorProcess, raw: bytes, status: int) -> None:
    address = server.root_url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=10) as opened:
        opened.sendall(raw)
        answer = http.client.HTTPResponse(opened)
        answer.begin()
        assert answer.status == status
        assert json.loads(answer.read())["error"]["message"]


def test_draws_follow_the_request_id_without_its_run_and_outlive_a_restart() -> None:
    def texts(run: str, order: range) -> dict[int, str]:
        with simulator(seed=5) as server:
            return {
                n: final(post(server, ask(), {"X-Client-Request-Id": f"{run}.t{n}.0"})[2])["output"][0]["content"][0][
                    "text"
                ]
                for n in order
            }

    first, second = texts("20260301T120000Z-aa", range(12)), texts("20260302T120000Z-bb", range(11, -1, -1))
    assert first == second
    assert len(set(first.values())) > 1


def test_many_streams_at_once_are_all_whole_and_logged(tmp_path: Path) -> None:
    """All 64 requests are in flight together: none may end before the barrier has seen all heads."""
    barrier = threading.Barrier(64, timeout=30)

    def one(number: int) -> str:
        connection = connect(server)
        headers = HEADERS | {"X-Client-Request-Id": f"r.{number}.0"}
        connection.request("POST", "/v1/responses", ask(), headers)
        answer = connection.getresponse()
        barrier.wait()
        raw = answer.read()
        connection.close()
        return str(final(raw)["status"])

    faults = {"rules": [{"fault": "stall;where=first;ms=1000"}]}
    with simulator(truth_log=tmp_path / "log.jsonl", faults=faults, folder=tmp_path) as server:
        with ThreadPoolExecutor(64) as pool:
            assert set(pool.map(one, range(64))) == {"completed"}
        log = server.log(at_least=64)
    assert len({entry["client_request_id"] for entry in log}) == 64
    assert {entry["ended"] for entry in log} == {"complete"}


def test_the_log_has_the_time_of_every_event_and_whether_the_answer_was_right(tmp_path: Path) -> None:
    with simulator(profile="default", truth_log=tmp_path / "log.jsonl") as server:
        for n in range(8):
            _, _, raw = post(server, ask(), {"X-Client-Request-Id": f"r.{n}.0"})
            entry = server.log(at_least=n + 1)[-1]
            assert entry["right"] == ("23391" in json.dumps(final(raw)["output"]))
            assert [event[0] for event in entry["events"]] == [
                line.removeprefix("event: ") for line in raw.decode().split("\n") if line.startswith("event: ")
            ]
            sent = [event[2] for event in entry["events"]]
            assert entry["read_ns"] <= entry["head_ns"] <= sent[0]
            assert sent == sorted(sent)
        served = server.truth()["served"]
    assert served["n_requests"] == 8
    assert served["lateness_ms"]["max"] >= served["lateness_ms"]["0.5"] >= 0


def test_first_outputs_are_planned_by_the_declared_law_and_never_leave_early(tmp_path: Path) -> None:
    """Of 150 times, the number under the declared median is binomial: 40 to 110 is 5.7 standard deviations each way."""
    prompt = "What is 1017 * 23?"
    with simulator(profile="default", truth_log=tmp_path / "log.jsonl", seed=3) as server:
        median = server.truth([prompt])["suite"]["none"]["ttfo_ms"]["0.5"]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: post(server, ask(), {"X-Client-Request-Id": f"r.{n}.0"}), range(150)))
        log = server.log(at_least=150)
    first = [next(event for event in entry["events"] if event[0] == "response.output_text.delta") for entry in log]
    waits = [planned - entry["read_ns"] for (_, planned, _, _), entry in zip(first, log, strict=True)]
    assert 40 < sum(wait <= median * 1e6 for wait in waits) < 110
    assert all(sent >= planned for _, planned, sent, _ in first)


def test_the_truth_never_reaches_a_response(server: SimulatorProcess) -> None:
    _, headers, raw = post(server, ask(reasoning={"effort": "high", "summary": "detailed"}))
    sent = (str(headers) + raw.decode()).lower()
    for word in ("truth", "right", "difficulty", "ability", "accuracy", "seed"):
        assert word not in sent
    assert post(server, b"", {})[0] == 400
    connection = connect(server)
    connection.request("GET", "/v1/truth")
    assert connection.getresponse().status == 404
    connection.close()


def test_a_wrong_fault_header_is_refused(server: SimulatorProcess) -> None:
    status, _, raw = post(server, ask(), {"X-Sim-Fault": "explode"})
    assert status == 400
    assert "one of rate_limit" in json.loads(raw)["error"]["message"]


def test_a_long_prompt_is_cached_the_second_time(server: SimulatorProcess) -> None:
    body = ask(stream=False, input="word " * 1500 + "What is 3 + 4?")
    cached = [json.loads(post(server, body)[2])["usage"]["input_tokens_details"]["cached_tokens"] for _ in range(2)]
    assert cached[0] == 0
    assert cached[1] >= 1024 and cached[1] % 128 == 0
