"""Against fastresponses, an engine of the Open Responses specification that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evalharness.core.failure import FailureKind
from evalharness.core.model import Status
from evalharness.core.record import Usage
from tests.support.live import ask
from tests.support.third_party import open_responses_app, served

KEY = "sk-test-0123456789"


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with served(open_responses_app(KEY)) as root:
        yield f"{root}/v1"


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_with_its_reasoning_and_usage(base_url: str, stream: bool):
    decoded = ask(base_url, "What is 4 + 3?", key=KEY, request={"stream": stream, "reasoning": {"effort": "low"}})
    assert decoded.status is Status.OK
    assert (decoded.answer.text, decoded.answer.reasoning_summary) == ("The answer is 7.", "Four and three.")
    assert decoded.usage == Usage(input_tokens=9, cached_tokens=2, output_tokens=11, reasoning_tokens=4)
    assert (decoded.answer.effort_reported, decoded.answer.stop_reason) == ("low", "completed")
    assert (decoded.anomalies, decoded.unknown_events) == ((), {})


def test_reasoning_and_answer_have_their_own_times(base_url: str):
    stamps = ask(base_url, "What is 4 + 3?", key=KEY).stamps
    times = (stamps.first_event_ns, stamps.first_reasoning_ns, stamps.first_output_ns, stamps.last_output_ns)
    assert all(time is not None for time in times)
    assert list(times) == sorted(times)  # type: ignore[type-var]
    assert len(stamps.deltas_ns) == 2


def test_an_answer_cut_short_is_incomplete(base_url: str):
    decoded = ask(base_url, "cut short, please", key=KEY)
    assert (decoded.status, decoded.answer.stop_reason) == (Status.INCOMPLETE, "max_output_tokens")
    assert decoded.answer.text == "The answer is 7."


def test_a_nested_error_event_and_the_failed_response_after_it(base_url: str):
    decoded = ask(base_url, "fail", key=KEY)
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.failure.message) == (FailureKind.SERVER, "the agent broke")
    assert decoded.partial_text == "The answer "


def test_an_effort_it_does_not_know_is_refused_in_its_own_words(base_url: str):
    decoded = ask(base_url, "What is 4 + 3?", key=KEY, request={"reasoning": {"effort": "maximal"}})
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.failure.http_status) == (FailureKind.REQUEST, 400)
    assert decoded.failure.param is not None


def test_a_wrong_key_is_refused(base_url: str):
    decoded = ask(base_url, "What is 4 + 3?", key="sk-wrong-0123456789")
    assert decoded.failure is not None
    assert decoded.failure.kind is FailureKind.AUTH
    assert "sk-wrong" not in str(decoded.failure)


def test_a_wrong_path_says_what_to_check(base_url: str):
    decoded = ask(base_url.removesuffix("/v1"), "What is 4 + 3?", key=KEY)
    assert decoded.failure is not None
    assert (decoded.failure.kind, decoded.failure.http_status) == (FailureKind.REQUEST, 404)
