"""Broken answers over real sockets; thousands more are played by hand in ``tests/property/transport``."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from evalharness.core.ports import Tape
from tests.support.broken_http import example
from tests.support.scripted_server import Do, Script, scripted
from tests.support.transports import MEASURED_WAYS, Way, exchange


@pytest.mark.parametrize("way", MEASURED_WAYS, ids=lambda way: way.name)
def test_broken_answers_over_sockets_end_in_tapes(way: Way):
    """Every one ends, and not by the clock alone where the connection ended; what is left open is an error."""
    random = Random(7)
    made = [example(random) for _ in range(150)]
    scripts: list[Script] = [
        [*(read for read in one.reads[:40] if read), 0.001, Do.RESET if one.reset else Do.CLOSE] for one in made
    ]

    async def run() -> list[Tape]:
        async with scripted(*scripts) as server:
            transport = way.to(server.base_url)
            tapes: list[Tape] = []
            while len(server.requests) < len(scripts) - 10:
                tapes += await asyncio.gather(*(exchange(transport, total=4000) for _ in range(5)))
            await transport.close()
            return tapes

    tapes = way.run(run())
    assert all(tape.failure is not None or tape.head is not None for tape in tapes)
    assert all(tape.failure is None or tape.failure.clock is None for tape in tapes)
    assert any(tape.failure is None for tape in tapes)
