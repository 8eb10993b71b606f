"""Where the measuring transport connects to: names, both families, Unix sockets."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.core.failure import FailureKind
from evalharness.core.model import Route
from evalharness.core.ports import Tape
from evalharness.core.record import StampSource
from evalharness.transport import connecting
from tests.support.scripted_server import (
    ANSWER,
    COMPLETE,
    scripted,
    silent_place,
)
from tests.support.transports import Way, body_of, exchange

MS = 1_000_000


def addresses(*found: tuple[socket.AddressFamily, Any]):
    async def look_up(to: Any) -> Sequence[Any]:
        return found

    return look_up


def test_where_the_first_address_is_silent_the_second_answers(way: Way, monkeypatch: pytest.MonkeyPatch):
    async def run(silent: Any) -> Tape:
        async with scripted(COMPLETE) as server:
            found = addresses((socket.AF_INET, silent), (socket.AF_INET, ("127.0.0.1", server.port)))
            monkeypatch.setattr("evalharness.transport.connecting.addresses_of", found)
            transport = way.to("http://name.example/v1")
            tape = await exchange(transport)
            await transport.close()
            return tape

    with silent_place() as silent:
        tape = way.run(run(silent))
    assert tape.failure is None
    assert tape.connect_ns is not None
    # Source: RFC 8305, section 8: 250 ms between two attempts.
    assert 240 * MS < tape.connect_ns < 1_000 * MS


def test_where_the_first_address_refuses_the_second_is_tried_at_once(way: Way, monkeypatch: pytest.MonkeyPatch):
    async def run() -> Tape:
        async with scripted(COMPLETE) as server:
            found = addresses((socket.AF_INET, ("127.0.0.1", 9)), (socket.AF_INET, ("127.0.0.1", server.port)))
            monkeypatch.setattr("evalharness.transport.connecting.addresses_of", found)
            transport = way.to("http://name.example/v1")
            tape = await exchange(transport)
            await transport.close()
            return tape

    tape = way.run(run())
    assert tape.failure is None
    assert tape.connect_ns is not None
    assert tape.connect_ns < 200 * MS


def test_of_several_failures_the_most_telling_is_told(way: Way, monkeypatch: pytest.MonkeyPatch):
    # A documentation prefix (RFC 3849) that no route leads to, then a port where nothing listens.
    found = addresses((socket.AF_INET6, ("2001:db8::1", 9)), (socket.AF_INET, ("127.0.0.1", 9)))
    monkeypatch.setattr("evalharness.transport.connecting.addresses_of", found)
    tape = way.tape_from("http://name.example/v1", connect=5000)
    assert tape.failure is not None
    assert tape.failure.message.startswith("nothing listens at name.example:80")


def test_both_families_are_tried_in_turn():
    six, four = socket.AF_INET6, socket.AF_INET
    found = [(six, "a"), (six, "b"), (six, "c"), (four, "d")]
    assert connecting._alternating(found) == [(six, "a"), (four, "d"), (six, "b"), (six, "c")]


def test_over_ipv6(way: Way):
    (tape,), server = way.tapes_over({"host": "::1"}, COMPLETE)
    assert (tape.failure, body_of(tape)) == (None, ANSWER)
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
    assert tape.source is (StampSource.KERNEL if sys.platform == "linux" else StampSource.USER)


def test_a_place_of_ipv6_is_written_with_brackets(way: Way):
    tape = way.tape_from("http://[::1]:9/v1")
    assert tape.failure is not None
    assert tape.failure.message.startswith("nothing listens at [::1]:9:")


def test_over_a_unix_socket_the_stamps_are_the_client_s_own(way: Way, tmp_path: Path):
    path = tmp_path / "s"
    listening = {"unix_socket": path}
    settings = {"route": Route(unix_socket=str(path))}
    (first, second), _ = way.tapes_over(listening, COMPLETE, COMPLETE, n=2, settings=settings)
    assert (first.failure, body_of(first), first.source) == (None, ANSWER, StampSource.USER)
    assert second.connection_reused


def test_a_unix_socket_whose_queue_is_full_is_waited_for(way: Way, tmp_path: Path):
    path = str(tmp_path / "s")

    async def run() -> Tape:
        loop = asyncio.get_running_loop()
        listener = socket.socket(socket.AF_UNIX)
        fillers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        listener.bind(path)
        listener.listen(0)
        listener.setblocking(False)
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(path)
        transport = way.to("http://localhost/v1", route=Route(unix_socket=path))
        running = asyncio.create_task(exchange(transport))
        await asyncio.sleep(0.1)
        accepted = []
        while len(accepted) < 4:
            accepted.append((await asyncio.wait_for(loop.sock_accept(listener), 5))[0])
            if len(accepted) == 1:
                for filler in fillers:
                    filler.close()
            if any(is_ours(sock) for sock in accepted):
                break
        ours = next(sock for sock in accepted if is_ours(sock))
        await loop.sock_sendall(ours, b"".join(part for part in COMPLETE if isinstance(part, bytes)))
        tape = await running
        await transport.close()
        for sock in (*accepted, *fillers, listener):
            sock.close()
        return tape

    def is_ours(sock: socket.socket) -> bool:
        sock.setblocking(True)
        sock.settimeout(0.3)
        try:
            return bool(sock.recv(10, socket.MSG_PEEK))
        except TimeoutError:
            return False
        finally:
            sock.setblocking(False)

    assert way.run(run()).failure is None


def test_a_missing_socket_file_is_said(way: Way, tmp_path: Path):
    tape = way.tape_from("http://localhost/v1", settings={"route": Route(unix_socket=str(tmp_path / "none"))})
    assert tape.failure is not None
    assert (tape.failure.kind, str(tmp_path / "none") in tape.failure.message) == (FailureKind.CONNECTION, True)
