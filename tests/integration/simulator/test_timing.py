"""The simulator as a clock: what its log says against what a client on the same monotonic clock saw.

No test here asserts how fast anything is: only orders that hold on the busiest machine.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any

import pytest

from tests.support.servers import SimulatorProcess, simulator

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="kernel stamps are Linux's")


def request(fault: str = "", ident: str = "r.1.0", **changes: Any) -> bytes:
    body = json.dumps({"model": "sim-mini", "input": "What is 17 * 23?", "stream": True} | changes).encode()
    lines = ["POST /v1/responses HTTP/1.1", f"Content-Length: {len(body)}", f"X-Client-Request-Id: {ident}"]
    lines += [f"X-Sim-Fault: {fault}"] if fault else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def connect(server: SimulatorProcess) -> socket.socket:
    host, _, port = server.root_url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def read_whole(connection: socket.socket) -> bytes:
    raw = b""
    while not raw.endswith(b"0\r\n\r\n"):
        part = connection.recv(1 << 20)
        assert part, "the stream was cut"
        raw += part
    return raw


@on_linux
def test_a_request_arrives_when_the_kernel_has_it_and_not_when_a_busy_server_reads_it(tmp_path: Path) -> None:
    """The server is stopped while the request comes in: its log must say so, and own the lateness."""
    with simulator(profile="latency", truth_log=tmp_path / "log.jsonl") as server, connect(server) as opened:
        opened.sendall(request(ident="r.warm.0"))
        read_whole(opened)
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            before_ns = perf_counter_ns()
            opened.sendall(request(ident="r.stopped.0"))
            sleep(0.4)
        finally:
            resumed_ns = perf_counter_ns()
            os.kill(server.process.pid, signal.SIGCONT)
        read_whole(opened)
        entry = server.log(run="r.stopped", at_least=1)[0]
        late_ms = server.truth()["served"]["lateness_ms"]["max"]
    assert entry["stamp"] == "kernel"
    # The stamp was made on another clock: 1 ms covers what two readings of both can differ by.
    assert before_ns - 1_000_000 <= entry["read_ns"] < resumed_ns - 200_000_000
    assert entry["head_ns"] >= resumed_ns
    # First output is planned for 200 ms after the arrival, the server was away for 400.
    assert late_ms > 150


def test_the_log_and_the_client_agree_on_the_order_of_things(tmp_path: Path) -> None:
    with simulator(profile="latency", truth_log=tmp_path / "log.jsonl") as server, connect(server) as opened:
        for turn in range(3):
            before_ns = perf_counter_ns()
            opened.sendall(request(ident=f"r.{turn}.0"))
            read_whole(opened)
            after_ns = perf_counter_ns()
            entry = server.log(at_least=turn + 1)[-1]
            assert before_ns - 1_000_000 <= entry["read_ns"] <= entry["head_ns"] <= after_ns
            assert entry["queued_ns"] == 0
            for _, planned_ns, sent_ns, send_us in entry["events"]:
                assert planned_ns <= sent_ns <= after_ns
                assert send_us >= 0


def test_latency_plans_its_constant_times_for_every_stream(tmp_path: Path) -> None:
    def one(number: int) -> None:
        with connect(server) as opened:
            opened.sendall(request(ident=f"r.{number}.0"))
            read_whole(opened)

    with simulator(profile="latency", truth_log=tmp_path / "log.jsonl") as server:
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(one, range(12)))
        log = server.log(at_least=12)
    for entry in log:
        planned = [planned for label, planned, _, _ in entry["events"] if label == "response.output_text.delta"]
        assert planned[0] - entry["read_ns"] == 200_000_000
        assert [later - earlier for earlier, later in pairwise(planned)] == [10_000_000] * 49


def test_a_service_with_slots_works_on_no_more_at_once_and_keeps_the_order(tmp_path: Path) -> None:
    profile = tmp_path / "two.json"
    profile.write_text(json.dumps({"extends": "queueing", "capacity": {"slots": 2}}))
    with simulator(profile=str(profile), truth_log=tmp_path / "log.jsonl") as server:
        opened = [connect(server) for _ in range(6)]
        for number, connection in enumerate(opened):
            connection.sendall(request(ident=f"r.{number}.0"))
            sleep(0.005)
        # Refused requests need nobody's work, and wait for none.
        with connect(server) as wrong:
            wrong.sendall(request(ident="r.wrong.0", model="gpt-x"))
            assert wrong.recv(100).startswith(b"HTTP/1.1 404")
        for connection in opened:
            read_whole(connection)
            connection.close()
        log = server.log(at_least=7)
        truth = server.truth()
    assert next(entry for entry in log if entry["status"] == 404)["queued_ns"] == 0
    work = [
        (entry["read_ns"] + entry["queued_ns"], entry["events"][-1][1], entry["client_request_id"])
        for entry in log
        if entry["status"] == 200
    ]
    for start, _, _ in work:
        assert sum(other_start <= start < other_end for other_start, other_end, _ in work) <= 2
    assert [ident for _, _, ident in sorted(work)] == [f"r.{number}.0" for number in range(6)]
    assert all(end - start == 200_000_000 for start, end, _ in work)
    assert truth["population"]["none"]["capacity_per_s"] == pytest.approx(10)


def test_who_leaves_the_line_is_logged_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    profile = tmp_path / "one.json"
    long_work = {"none": {"ttfo_ms": {"median": 1_500}}}  # so that who leaves leaves before it, on a busy machine too
    profile.write_text(json.dumps({"extends": "queueing", "capacity": {"slots": 1}, "efforts": long_work}))
    with simulator(profile=str(profile), truth_log=tmp_path / "log.jsonl") as server:
        first, leaver, last = connect(server), connect(server), connect(server)
        for name, connection in (("first", first), ("leaver", leaver), ("last", last)):
            connection.sendall(request(ident=f"r.{name}.0"))
            sleep(0.02)
        leaver.close()
        read_whole(first)
        read_whole(last)
        first.close()
        last.close()
        log = {entry["client_request_id"]: entry for entry in server.log(at_least=3)}
    assert log["r.leaver.0"]["ended"] == "left"
    assert (log["r.leaver.0"]["queued_ns"], log["r.leaver.0"]["events"]) == (None, [])
    assert log["r.last.0"]["ended"] == "complete" and log["r.last.0"]["queued_ns"] > 0


def test_who_leaves_in_the_middle_is_logged_with_what_was_sent(tmp_path: Path) -> None:
    with simulator(truth_log=tmp_path / "log.jsonl") as server:
        with connect(server) as opened:
            opened.sendall(request("stall;where=middle;after=4"))
            while b"response.content_part.added" not in opened.recv(65_536):
                pass
        entry = server.log(at_least=1)[0]
    assert entry["ended"] == "left"
    assert len(entry["events"]) == 4


def test_a_client_that_does_not_read_gets_everything_in_the_end(tmp_path: Path) -> None:
    """Three snapshots of 1.5 MB are more than the buffers of both sides hold: the rest waits for room, in order."""
    with simulator(truth_log=tmp_path / "log.jsonl") as server, socket.socket() as opened:
        opened.settimeout(20)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        host, _, port = server.root_url.removeprefix("http://").partition(":")
        opened.connect((host, int(port)))
        opened.sendall(request(instructions="x" * 1_500_000))
        opened.recv(1, socket.MSG_PEEK)
        sleep(0.5)
        raw = read_whole(opened)
        entry = server.log(at_least=1)[0]
    assert raw.count(b"event: response.") == len(entry["events"])
    assert len(raw) > 4_500_000
    assert entry["ended"] == "complete"
    assert max(send_us for _, _, _, send_us in entry["events"]) > 50_000


def test_requests_that_came_in_one_read_are_answered_one_after_the_other(tmp_path: Path) -> None:
    with simulator(profile="latency", truth_log=tmp_path / "log.jsonl") as server, connect(server) as opened:
        opened.sendall(request(ident="r.0.0") + request(ident="r.1.0"))
        raw = read_whole(opened)
        if raw.count(b"HTTP/1.1 200 OK") < 2:
            raw += read_whole(opened)
        first, second = server.log(at_least=2)
    assert (first["client_request_id"], second["client_request_id"]) == ("r.0.0", "r.1.0")
    assert second["read_ns"] == first["read_ns"]
    assert second["queued_ns"] == first["events"][-1][1] - first["read_ns"]


def test_what_was_served_is_told_at_the_end() -> None:
    command = [sys.executable, "-m", "evalharness.simulator", "--profile", "instant"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    base_url = json.loads(process.stdout.readline())["base_url"]
    server = SimulatorProcess(base_url=base_url, process=process, truth_log=None)
    with connect(server) as opened:
        opened.sendall(request())
        n_events = read_whole(opened).count(b"event: ")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    assert said.decode().startswith(f"served 1 request and {n_events} events, which left late by ")
