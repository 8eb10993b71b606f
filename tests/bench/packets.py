"""What a server answered and when, out of packets that tcpdump captured: a log of a server that keeps none.

On the loopback a packet is dated when its sender hands it to the kernel.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MAGIC_NS = 0xA1B23C4D
_FILE_HEADER_BYTES, _RECORD_HEADER_BYTES, _ETHERNET_BYTES = 24, 16, 14
_NS_PER_S = 1_000_000_000
_EVENT = re.compile(rb"event: ([\w.]+)\ndata: (.*)\n\n")


def why_not() -> str | None:
    """None: packets can be captured here."""
    return None if shutil.which("tcpdump") else "needs tcpdump, and the right to capture (root)"


@contextmanager
def capturing(port: int, path: Path) -> Iterator[None]:
    """All that goes to and from ``port`` on the loopback is in ``path`` afterwards."""
    command = [
        "tcpdump",
        "-i",
        "lo",
        "-U",
        "--immediate-mode",
        "-w",
        str(path),
        "--time-stamp-precision=nano",
        f"tcp port {port}",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = next((line for line in process.stderr if "listening" in line), None)
        if said is None:
            raise RuntimeError(f"tcpdump ended with {process.wait()}")
        yield
        process.send_signal(signal.SIGINT)


@dataclass(slots=True)
class _Answer:
    """``ends``: (bytes of the answer so far, when the packet left that brought them)."""

    asked_ns: int
    content: bytes = b""
    ends: list[tuple[int, int]] = field(default_factory=list)

    def left_ns(self, position: int) -> int:
        return next(at_ns for end, at_ns in self.ends if end >= position)


def log_of(path: Path, port: int) -> list[dict[str, Any]]:
    """One entry per answered call, in the form of the simulator's truth log, by the id of the response."""
    return [_entry(answer) for answer in _answers(path, port) if b"response.completed" in answer.content]


def _entry(answer: _Answer) -> dict[str, Any]:
    events = [(match[1].decode(), answer.left_ns(match.end())) for match in _EVENT.finditer(answer.content)]
    *_, last = (match[2] for match in _EVENT.finditer(answer.content) if match[1] == b"response.completed")
    response = json.loads(last)["response"]
    return {
        "response_id": response["id"],
        "read_ns": answer.asked_ns,
        "events": [(name, left_ns, left_ns, 0) for name, left_ns in events],
        "output_tokens": response["usage"]["output_tokens"],
    }


def _answers(path: Path, port: int) -> list[_Answer]:
    """In the order they were asked; a request is one packet, or begins with its first."""
    open_at: dict[int, _Answer] = {}
    found: list[_Answer] = []
    seen: set[tuple[int, int, int]] = set()
    for at_ns, source, target, number, payload in _segments(path):
        if (source, target, number) in seen:
            continue  # sent again
        seen.add((source, target, number))
        if source == port:
            answer = open_at[target]
            answer.content += payload
            answer.ends.append((len(answer.content), at_ns))
        elif payload.startswith(b"POST "):
            open_at[source] = _Answer(at_ns)
            found.append(open_at[source])
    return found


def _segments(path: Path) -> Iterator[tuple[int, int, int, int, bytes]]:
    """(when, source port, target port, sequence number, payload) of each TCP segment that carries something."""
    content = path.read_bytes()
    if struct.unpack_from("=I", content)[0] != _MAGIC_NS:
        raise ValueError(f"{path}: no capture in nanoseconds of this machine")
    at = _FILE_HEADER_BYTES
    while at < len(content):
        seconds, nanoseconds, size = struct.unpack_from("=III", content, at)
        at += _RECORD_HEADER_BYTES
        packet = content[at + _ETHERNET_BYTES : at + size]
        at += size
        segment = packet[4 * (packet[0] & 15) : struct.unpack_from("!H", packet, 2)[0]]
        source, target, number = struct.unpack_from("!HHI", segment)
        if payload := segment[4 * (segment[12] >> 4) :]:
            yield seconds * _NS_PER_S + nanoseconds, source, target, number, payload
