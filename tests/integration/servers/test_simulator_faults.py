"""Every fault of the simulator, met by codec and transport: its class, and that no fault becomes a short answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from evalharness.core.failure import Clock, FailureKind
from evalharness.core.model import Status, Timeouts
from evalharness.core.ports import Decoded
from evalharness.simulator.faults import CATALOGUE
from tests.support.live import ask
from tests.support.servers import simulator

K = FailureKind
#: fault -> status, and the failure's kind or the anomalies.
EXPECTED: dict[str, tuple[Status, FailureKind | set[str]]] = {
    "rate_limit": (Status.ERROR, K.RATE_LIMIT),
    "quota": (Status.ERROR, K.QUOTA),
    "status": (Status.ERROR, K.SERVER),
    "status;code=503;body=html": (Status.ERROR, K.SERVER),
    "status;code=529;body=empty": (Status.ERROR, K.SERVER),
    "status;code=400;body=text": (Status.ERROR, K.REQUEST),
    "html": (Status.ERROR, K.PROTOCOL),
    "redirect": (Status.ERROR, K.REDIRECT),
    "reset": (Status.ERROR, K.CONNECTION),
    "refusal": (Status.REFUSED, set()),
    "incomplete": (Status.INCOMPLETE, set()),
    "incomplete;reason=content_filter": (Status.INCOMPLETE, set()),
    "failed": (Status.ERROR, K.SERVER),
    "error": (Status.ERROR, K.SERVER),
    "error;shape=nested;then_failed=true": (Status.ERROR, K.SERVER),
    "malformed": (Status.ERROR, K.PROTOCOL),
    "no_usage": (Status.OK, {"usage_missing"}),
    "no_terminal": (Status.ERROR, K.STREAM_CUT),
    "no_terminal;done=true": (Status.ERROR, K.STREAM_CUT),
    "duplicate": (Status.OK, {"sequence"}),
    "swapped": (Status.OK, {"sequence"}),
    "unknown": (Status.OK, set()),
    "cut": (Status.ERROR, K.STREAM_CUT),
    "cut;how=reset": (Status.ERROR, K.STREAM_CUT),
    "cut;how=clean": (Status.ERROR, K.STREAM_CUT),
    "stall": (Status.ERROR, K.TIMEOUT),
    "stall;keepalive=50": (Status.ERROR, K.TIMEOUT),
    "stall;where=head": (Status.ERROR, K.TIMEOUT),
    "stall;where=first;keepalive=50": (Status.ERROR, K.TIMEOUT),
    "newline": (Status.OK, set()),
    "newline;kind=cr": (Status.OK, set()),
    "bom": (Status.OK, set()),
    "together": (Status.OK, set()),
    "bytewise": (Status.OK, set()),
    "gzip": (Status.OK, set()),
    "gzip;flush=false": (Status.OK, set()),
    "encoding": (Status.OK, set()),
    "encoding;kind=bare-deflate": (Status.OK, set()),
    "framing": (Status.OK, set()),
    "framing;kind=close": (Status.OK, set()),
    "interim": (Status.OK, set()),
    "interim;code=100;times=3": (Status.OK, set()),
}

_RUNS = count(1)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with simulator() as running:
        yield running.base_url


def met(base_url: str, fault: str) -> Decoded:
    timeouts = Timeouts(first_event=500, idle=500)
    # Another run each time: the first attempt of the same trial, so that it is hit and draws the same answer.
    headers = {"x-sim-fault": fault, "x-client-request-id": f"run{next(_RUNS)}.trial.0"}
    return ask(base_url, "What is 4 + 3?", model="sim-mini", timeouts=timeouts, headers=headers)


def test_every_fault_of_the_catalogue_is_met_here():
    assert {fault.partition(";")[0] for fault in EXPECTED} == set(CATALOGUE)


@pytest.mark.parametrize("fault", EXPECTED)
def test_a_fault_has_its_class(base_url: str, fault: str):
    status, expected = EXPECTED[fault]
    decoded = met(base_url, fault)
    assert decoded.status is status, decoded
    if isinstance(expected, FailureKind):
        assert decoded.failure is not None
        assert decoded.failure.kind is expected
        assert decoded.answer.text == ""
    else:
        assert set(decoded.anomalies) - {"deltas_differ"} == expected


@pytest.mark.parametrize(
    "fault",
    [
        "duplicate",
        "swapped",
        "unknown",
        "newline",
        "bytewise",
        "gzip",
        "together",
        "bom",
        "encoding",
        "framing",
        "interim",
    ],
)
def test_a_harmless_fault_changes_nothing_of_the_answer(base_url: str, fault: str):
    plain, faulty = met(base_url, "unknown"), met(base_url, fault)
    assert faulty.answer.text == plain.answer.text
    assert faulty.usage == plain.usage


def test_what_a_stall_ran_into(base_url: str):
    clocks = {fault: met(base_url, fault).failure for fault in ("stall", "stall;where=first", "stall;where=head")}
    assert [failure.clock if failure else None for failure in clocks.values()] == [
        Clock.IDLE,
        Clock.FIRST_EVENT,
        Clock.FIRST_EVENT,
    ]
