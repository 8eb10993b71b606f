"""Two network namespaces and a bad link between them: packets come late, are lost, or stop to come.

Not every kernel has ``netem``: the link is this process, which carries each packet from one TUN device to the other. It
needs ``unshare``, ``nsenter`` and ``ip``, user namespaces or root, and ``/dev/net/tun``.
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

#: Where the server is, at the far end.
FAR = "10.66.0.2"
_NEAR = "10.66.0.1"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_MOST_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Link:
    """``near`` and ``far`` go before a command to run it at that end."""

    near: Sequence[str]
    far: Sequence[str]
    process: subprocess.Popen[str]

    def end(self) -> dict[str, int]:
        """Takes it down; how many packets were carried, lost, and cut off."""
        told, _ = self.process.communicate(timeout=10)
        return dict(json.loads(told))


@contextmanager
def bad_link(
    *, delay_ms: float = 0, loss: float = 0, cut_after_bytes: int = 0, cut_s: float | None = None, seed: int = 1
) -> Iterator[Link]:
    """``delay_ms`` is one way, ``loss`` a share of the packets, ``cut_after_bytes`` what the far end may send before
    nothing passes for ``cut_s``, or ever again where that is None. Where the machine makes no such link, a test fails
    in CI, and is skipped with the reason elsewhere."""
    command = [sys.executable, "-m", "tests.support.bad_link", "--delay-ms", str(delay_ms), "--loss", str(loss)]
    command += ["--cut-after-bytes", str(cut_after_bytes), "--seed", str(seed)]
    command += [] if cut_s is None else ["--cut-s", str(cut_s)]
    process = subprocess.Popen(
        ["unshare", "-Urn", *command], cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            assert not os.environ.get("CI"), "this machine makes no link"
            pytest.skip("this machine makes no link: it needs user namespaces and /dev/net/tun")
        near, far = (["nsenter", "-t", pid, "-U", "-n", "--preserve-credentials"] for pid in line.split())
        yield Link(near=near, far=far, process=process)
    finally:
        if process.poll() is None:
            process.communicate(timeout=10)


# ---------------------------------------------------------------- the link itself


class _Carrier:
    """Carries packets until standard input closes."""

    def __init__(self, near: int, far: int, options: argparse.Namespace) -> None:
        self._other = {near: far, far: near}
        self._far = far
        self._options = options
        self._random = Random(options.seed)
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._n_far_bytes = 0
        self._cut_at_s: float | None = None
        self.counts = {"carried": 0, "lost": 0, "cut": 0}

    def carry(self) -> None:
        stdin = sys.stdin.fileno()
        while True:
            wait_s = max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None
            ready, _, _ = select.select([*self._other, stdin], [], [], wait_s)
            if stdin in ready:
                return
            for end in ready:
                self._take(end, os.read(end, _MOST_BYTES))
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                *_, end, packet = heapq.heappop(self._under_way)
                os.write(end, packet)

    def _take(self, end: int, packet: bytes) -> None:
        now_s = time.monotonic()
        if end == self._far:
            self._n_far_bytes += len(packet)
        if self._options.cut_after_bytes and self._n_far_bytes > self._options.cut_after_bytes:
            self._cut_at_s = self._cut_at_s or now_s
        if self._is_cut(now_s):
            self.counts["cut"] += 1
        elif self._random.random() < self._options.loss:
            self.counts["lost"] += 1
        else:
            self.counts["carried"] += 1
            due_s = now_s + self._options.delay_ms / 1000
            heapq.heappush(self._under_way, (due_s, self.counts["carried"], self._other[end], packet))

    def _is_cut(self, now_s: float) -> bool:
        if self._cut_at_s is None:
            return False
        return self._options.cut_s is None or now_s < self._cut_at_s + self._options.cut_s


def _tun(name: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return end


def _ip(*arguments: str, pid: int | None = None) -> None:
    there = [] if pid is None else ["nsenter", "-t", str(pid), "-n"]
    subprocess.run([*there, "ip", *arguments], check=True, stdin=subprocess.DEVNULL)


def _up(device: str, address: str, pid: int | None = None) -> None:
    _ip("addr", "add", f"{address}/24", "dev", device, pid=pid)
    _ip("link", "set", device, "up", pid=pid)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--delay-ms", "--loss", "--cut-s"):
        parser.add_argument(name, type=float)
    for name in ("--cut-after-bytes", "--seed"):
        parser.add_argument(name, type=int)
    near, far = _tun("near"), _tun("far")
    # Holds the other namespace, and ends with this process.
    holder = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None and holder.stdout is not None
    holder.stdout.readline()
    _ip("link", "set", "far", "netns", str(holder.pid))
    _up("near", _NEAR)
    _up("far", FAR, holder.pid)
    print(os.getpid(), holder.pid, flush=True)
    carrier = _Carrier(near, far, parser.parse_args())
    carrier.carry()
    holder.stdin.close()
    holder.wait(10)
    print(json.dumps(carrier.counts))


if __name__ == "__main__":
    main()
