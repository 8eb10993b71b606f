"""200,000 broken responses through parser and decoder; millions more by ``poe fuzz``."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.wire.sse import SseParser
from tests.fuzz.__main__ import reduced, seeded
from tests.fuzz.mutations import Example, example, recordings
from tests.fuzz.reading import Codecs, check

_PARTS, _OF_A_PART = 4, 50_000
_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("part", range(_PARTS))
def test_no_promise_is_broken(part: int):
    """In a process of its own, whose memory is that of the reading alone. One in twenty is checked thoroughly."""
    command = ["-m", "tests.fuzz", "--count", str(_OF_A_PART), "--first", str(part * _OF_A_PART), "--every", "20"]
    done = subprocess.run([sys.executable, *command], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ended = {name: int(count.replace(",", "")) for count, name in re.findall(r"^ *([\d,]+) (\w+)$", done.stdout, re.M)}
    # Neither all broken nor hardly touched.
    assert all(ended[name] > 1_000 for name in ("ok", "protocol", "stream_cut", "request")), ended
    assert all(ended[name] > 10 for name in ("incomplete", "server", "too_large", "redirect", "rate_limit")), ended
    most_mib = re.search(r"most memory (\d+) MiB", done.stdout)
    assert most_mib is not None and int(most_mib[1]) < 150


def test_a_recording_that_nothing_is_done_to_is_read_without_a_break_of_any_promise():
    async def play() -> set[str]:
        whole = [Example(each.protocol, (each.head + b"\r\n\r\n" + each.body,), reset=False) for each in recordings()]
        return {check(made, Codecs.fresh(), thoroughly=True) for made in whole}

    assert asyncio.run(play()) == {"ok", "incomplete", "server", "request"}


def test_a_defect_is_found(monkeypatch: pytest.MonkeyPatch):
    """A parser that loses what was pending at the end of a read breaks the promise that splits mean nothing."""
    feed = SseParser.feed

    def forgetful(parser: SseParser, data: bytes) -> object:
        events = feed(parser, data)
        parser._line.clear()
        return events

    monkeypatch.setattr(SseParser, "feed", forgetful)

    async def play() -> None:
        for index in range(100):
            check(example(seeded(1, index)), Codecs.fresh(), thoroughly=True)

    with pytest.raises(AssertionError, match="in parts"):
        asyncio.run(play())


def test_what_is_left_is_needed():
    left = reduced(b"a long text with a needle in it", lambda text: b"e" in text and b"d" in text)
    assert sorted(left) == sorted(b"ed")


def test_the_same_seed_makes_the_same_reads():
    assert example(seeded(3, 4)) == example(seeded(3, 4)) != example(seeded(3, 5))
