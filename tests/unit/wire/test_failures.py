"""Error bodies as real services send them (wire.md lists where each was seen), and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.core.failure import Failure, FailureKind
from tests.support.wire_bytes import captured, data_only, decode, sse

KEY = "sk-canary-0123456789"


def failure_of(status: int, body: Any, headers: dict[str, str] | None = None, **options: Any) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    failure = decode(raw, status=status, headers=headers or {}, **options).failure
    assert failure is not None
    assert failure.http_status == status
    return failure


def openai_error(message: str = "no", type: str = "invalid_request_error", code: Any = None, param: Any = None) -> Any:
    return {"error": {"message": message, "type": type, "code": code, "param": param}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, openai_error(code="unsupported_value", param="reasoning.effort"), FailureKind.REQUEST),
        (400, openai_error(code="context_length_exceeded"), FailureKind.REQUEST),
        (400, openai_error(type="no_db_connection", code="400"), FailureKind.REQUEST),
        (400, openai_error(code="invalid_api_key"), FailureKind.AUTH),
        (401, openai_error(code="invalid_api_key"), FailureKind.AUTH),
        (403, {"detail": "Forbidden"}, FailureKind.AUTH),
        (403, openai_error(type="insufficient_quota"), FailureKind.QUOTA),
        (402, {"error": "pay first"}, FailureKind.QUOTA),
        (404, openai_error(code="model_not_found"), FailureKind.REQUEST),
        (405, {"detail": "Method Not Allowed"}, FailureKind.REQUEST),
        (408, b"", FailureKind.SERVER),
        (409, openai_error(), FailureKind.SERVER),
        (413, b"", FailureKind.REQUEST),
        (422, {"detail": [{"loc": ["body", "input"], "msg": "Field required"}]}, FailureKind.REQUEST),
        (429, openai_error(type="requests", code="rate_limit_exceeded"), FailureKind.RATE_LIMIT),
        (429, {"error": {"type": "too_many_requests", "message": "slow down"}}, FailureKind.RATE_LIMIT),
        (429, b"slow down", FailureKind.RATE_LIMIT),
        (429, openai_error(type="insufficient_quota", code="insufficient_quota"), FailureKind.QUOTA),
        (500, b"Internal Server Error", FailureKind.SERVER),
        (500, openai_error(type="invalid_request_error"), FailureKind.SERVER),
        (502, b"<html><body>Bad Gateway</body></html>", FailureKind.SERVER),
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, FailureKind.SERVER),
        (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, FailureKind.SERVER),
        (302, b"", FailureKind.REDIRECT),
        (101, b"", FailureKind.PROTOCOL),
    ],
)
def test_the_class_of_an_http_error(status: int, body: Any, kind: FailureKind):
    assert failure_of(status, body).kind is kind


def test_the_service_s_own_words_are_kept():
    body = openai_error("Unsupported value: 'minimal'.", code="unsupported_value", param="reasoning.effort")
    failure = failure_of(400, body)
    assert failure.message == "HTTP 400: Unsupported value: 'minimal'."
    assert (failure.code, failure.param) == ("unsupported_value", "reasoning.effort")
    assert failure.body_excerpt == json.dumps(body)


def test_a_code_that_is_a_number_is_kept_as_text():
    assert failure_of(503, {"error": {"code": 503, "message": "Loading model"}}).code == "503"


def test_a_list_of_validation_errors_is_said_in_one_line():
    body = {"detail": [{"loc": ["body", "input"], "msg": "Field required"}, {"loc": ["body"], "msg": "bad"}]}
    assert failure_of(422, body).message == "HTTP 422: body.input: Field required; body: bad"


def test_an_error_inside_an_event_of_a_failed_request_is_read():
    body = data_only(error={"message": "mocked", "code": "500"}) + b"data: [DONE]\n\n"
    assert failure_of(500, body).message == "HTTP 500: mocked"


def test_a_web_page_says_to_check_the_address():
    failure = failure_of(404, b"\n<!DOCTYPE html><title>Not here</title>")
    assert failure.message == "HTTP 404 with an HTML page instead of an API error: check base_url"
    assert failure.body_excerpt is not None
    assert failure.body_excerpt.startswith("\n<!DOCTYPE html>")


def test_a_redirect_names_its_target():
    failure = failure_of(307, b"", {"location": "https://elsewhere/v1"})
    assert failure.message == "HTTP 307: redirected to https://elsewhere/v1, which is never followed"


def test_hints_come_with_the_failure():
    failure = failure_of(429, b"", {"retry-after": "20", "x-should-retry": "true"})
    assert (failure.retry_after_ms, failure.should_retry) == (20_000.0, True)


def test_a_key_that_the_service_echoes_is_written_nowhere():
    message = f"Incorrect API key provided: {KEY}."
    assert failure_of(401, openai_error(message), secrets=[KEY]).message == (
        "HTTP 401: Incorrect API key provided: [redacted]."
    )
    # The key lies across the end of the excerpt.
    plain = failure_of(500, b"x" * 2040 + KEY.encode(), secrets=[KEY])
    assert plain.body_excerpt is not None
    assert "sk-canary" not in plain.body_excerpt + plain.message


def test_messages_are_one_line_without_control_characters():
    failure = failure_of(500, openai_error("a\x1b[31m\nb\u2028c\ud800" + "x" * 1000))
    assert failure.message.startswith("HTTP 500: a [31m b c xxx")
    assert failure.message.isprintable()
    assert len(failure.message) == 500


def test_an_excerpt_is_at_most_two_kilobytes_and_shows_bad_bytes():
    failure = failure_of(500, b"\xff\x00" + "é".encode() * 5000)
    assert failure.body_excerpt is not None
    assert failure.body_excerpt.startswith("\\xff\x00é")
    assert 2040 <= len(failure.body_excerpt.encode()) <= 2048


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("llamacpp_401", FailureKind.AUTH, "HTTP 401: Invalid API Key"),
        ("llamacpp_404", FailureKind.REQUEST, "HTTP 404: File Not Found"),
        ("llamacpp_400", FailureKind.REQUEST, "HTTP 400: [json.exception.parse_error.101] parse error"),
    ],
)
def test_errors_recorded_from_llama_cpp(name: str, kind: FailureKind, message: str):
    status, headers, body = captured(name)
    failure = failure_of(status, body, headers)
    assert failure.kind is kind
    assert failure.message.startswith(message)
    assert failure.code == str(status)


def test_an_error_whose_message_shows_nothing_still_says_something():
    decoded = decode(sse("error", error={"message": "\ud800\u200b \n"}))
    assert decoded.failure is not None
    assert decoded.failure.message == "the service reported a failure without a message"
