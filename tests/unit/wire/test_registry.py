from __future__ import annotations

import subprocess
import sys

import pytest

from evalharness.core.errors import UsageError
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Status
from evalharness.core.ports import ResponseHead, Tape
from evalharness.wire import codec, names
from tests.support.tapes import decode_tape
from tests.support.wire_bytes import EVENT_STREAM, answer_stream


def test_the_protocols_are_those_of_the_folder():
    assert names() == ("chat", "responses")


@pytest.mark.parametrize("name", ["respones", "sse", "os", "../chat", ""])
def test_a_typo_lists_the_valid_names(name: str):
    with pytest.raises(UsageError) as caught:
        codec(name)
    assert caught.value.hint == "valid names: chat, responses"


def test_a_codec_is_imported_alone_and_brings_nothing_heavy():
    script = (
        "import sys; from evalharness.wire import codec; codec('responses');"
        "heavy = {'pydantic', 'numpy', 'httpx', 'email', 'evalharness.wire.chat'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_tape_is_played_to_a_decoder():
    head = ResponseHead(status=200, headers=EVENT_STREAM)
    tape = Tape(sent_ns=1, closed_ns=9, head=head, reads=[(5, answer_stream("7"))])
    decoded = decode_tape(codec("responses"), tape, stream=True)
    assert (decoded.answer.text, decoded.stamps.done_ns) == ("7", 5)


def test_a_tape_without_a_head_is_the_transport_s_failure():
    failure = Failure(kind=FailureKind.CONNECTION, message="refused")
    decoded = decode_tape(codec("chat"), Tape(sent_ns=1, closed_ns=2, failure=failure), stream=True)
    assert (decoded.status, decoded.failure) == (Status.ERROR, failure)
