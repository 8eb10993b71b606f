"""Workers that meet a defect: it ends the run, loudly, and nothing waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from evalharness.transport.crew import Crew, DefectError
from tests.support.breaking import BreakingAccess
from tests.support.transports import request_of


def test_a_defect_in_a_worker_is_raised_where_the_answer_is_waited_for():
    async def run() -> None:
        crew = Crew({"e": BreakingAccess()})
        try:
            await crew.hire()
            await asyncio.wait_for(crew.exchange("e", request_of(), stream=True, at_ns=None), 30)
        finally:
            await crew.close()

    with pytest.raises(DefectError, match=r"(?s)Traceback.*breaking\.py.*ZeroDivisionError: the codec is broken"):
        asyncio.run(run())


def test_connections_that_cannot_be_opened_ahead_are_waited_for_no_longer_than_that():
    async def run() -> None:
        crew = Crew({"e": BreakingAccess()})
        try:
            await crew.hire()
            await asyncio.wait_for(crew.open("e", 4), 30)
        finally:
            await crew.close()

    asyncio.run(run())
