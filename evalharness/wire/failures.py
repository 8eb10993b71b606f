"""Errors of a service, in whatever shape it sends them, as ``Failure``: by status, then by the service's own code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Json
from evalharness.core.ports import ResponseHead
from evalharness.wire.hints import retry_after_ms, should_retry
from evalharness.wire.redact import redact
from evalharness.wire.strict_json import MalformedJsonError, parse_json

MAX_EXCERPT_BYTES = 2048
MAX_MESSAGE_CHARS = 500

_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_RATE_LIMIT = frozenset({"rate_limit_exceeded", "rate_limit_error", "rate_limit", "too_many_requests"})
_AUTH = frozenset({"invalid_api_key", "authentication_error", "invalid_authentication", "permission_denied"})
_REQUEST = frozenset(
    {
        "invalid_request_error",
        "invalid_request",
        "invalid_prompt",
        "invalid_value",
        "context_length_exceeded",
        "model_not_found",
        "not_found",
        "not_found_error",
        "unsupported_value",
        "unsupported_parameter",
    }
)
#: 408 and 409 are the service's own troubles: the same request may well succeed a moment later.
_TRANSIENT_STATUS = frozenset({408, 409})


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorObject:
    """The service's own words. ``code`` is text whatever it came as (llama.cpp and some gateways send a number)."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None


def error_object(body: Json) -> ErrorObject | None:
    """The error in a JSON value: ``{"error": {…}}``, ``{"error": "…"}``, ``{"detail": …}`` or flat. None: no error."""
    if not isinstance(body, dict):
        return None
    inner = body.get("error")
    if isinstance(inner, dict):
        return _flat(inner)
    if isinstance(inner, str) and inner:
        return ErrorObject(message=inner)
    if "detail" in body:
        return ErrorObject(message=_detail(body["detail"]))
    if isinstance(body.get("message"), str):
        return _flat(body)
    return None


def _flat(fields: Mapping[str, Json]) -> ErrorObject:
    return ErrorObject(
        message=_text(fields.get("message")) or "",
        type=_text(fields.get("type")),
        code=_text(fields.get("code")),
        param=_text(fields.get("param")),
    )


def _detail(detail: Json) -> str:
    """FastAPI's ``detail``: a text, or a list of ``{loc, msg}``."""
    if isinstance(detail, dict):
        return _text(detail.get("message") or detail.get("msg")) or str(dict(detail))
    if not isinstance(detail, Sequence) or isinstance(detail, str):
        return str(detail)
    return "; ".join(_validation_error(entry) for entry in detail)


def _validation_error(entry: Json) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    place = entry.get("loc")
    where = ".".join(str(part) for part in place) if isinstance(place, list | tuple) else ""
    message = _text(entry.get("msg")) or "invalid"
    return f"{where}: {message}" if where else message


def _text(value: Json) -> str | None:
    if value is None or isinstance(value, bool | dict | list):
        return None
    return str(value)


def kind_of_status(status: int, error: ErrorObject | None) -> FailureKind:
    """The class of an HTTP error. A status of 5xx is the server's whatever its body says."""
    words = _words(error)
    if status >= 500 or status in _TRANSIENT_STATUS:
        return FailureKind.SERVER
    if 300 <= status < 400:
        return FailureKind.REDIRECT
    if not 400 <= status < 500:
        return FailureKind.PROTOCOL
    if status == 402 or words & _QUOTA:
        return FailureKind.QUOTA
    if status == 429:
        return FailureKind.RATE_LIMIT
    if status in (401, 403) or words & _AUTH:
        return FailureKind.AUTH
    return FailureKind.REQUEST


def kind_of_event(error: ErrorObject) -> FailureKind:
    """The class of an error inside a stream, where there is no status to go by: the server's, unless its code says
    otherwise."""
    words = _words(error)
    for kind, known in (
        (FailureKind.QUOTA, _QUOTA),
        (FailureKind.RATE_LIMIT, _RATE_LIMIT),
        (FailureKind.AUTH, _AUTH),
        (FailureKind.REQUEST, _REQUEST),
    ):
        if words & known:
            return kind
    return FailureKind.SERVER


def _words(error: ErrorObject | None) -> frozenset[str]:
    return frozenset(word for word in (error.code, error.type) if word) if error else frozenset()


def event_failure(error: ErrorObject, *, http_status: int, secrets: Sequence[str]) -> Failure:
    """An ``error`` event, or the error of a ``response.failed``."""
    return Failure(
        kind=kind_of_event(error),
        message=one_line(error.message, secrets) or "the service reported a failure without a message",
        http_status=http_status,
        code=_label(error, secrets),
        param=_short(error.param, secrets),
    )


def http_failure(head: ResponseHead, body: bytes, *, secrets: Sequence[str]) -> Failure:
    """The failure of a response whose status is not 2xx. ``body`` may be its beginning only."""
    value = _json_of(body)
    error = error_object(value)
    kind = kind_of_status(head.status, error)
    return Failure(
        kind=kind,
        message=one_line(_http_message(head, body, error), secrets),
        http_status=head.status,
        code=_label(error, secrets) if error else None,
        param=_short(error.param, secrets) if error else None,
        retry_after_ms=retry_after_ms(head.headers),
        should_retry=should_retry(head.headers),
    )


def _http_message(head: ResponseHead, body: bytes, error: ErrorObject | None) -> str:
    if 300 <= head.status < 400:
        return f"HTTP {head.status}: redirected to {head.headers.get('location', 'nowhere')}, which is never followed"
    if error and error.message:
        return f"HTTP {head.status}: {error.message}"
    if error:
        return f"HTTP {head.status} with an error object that has no message"
    if looks_like_html(body):
        return f"HTTP {head.status} with an HTML page instead of an API error: check base_url"
    if head.status == 404:
        return "HTTP 404 and no API error: check base_url (most end in /v1)"
    text = body[:MAX_MESSAGE_CHARS].decode("utf-8", "backslashreplace").strip()
    return f"HTTP {head.status}: {text}" if text else f"HTTP {head.status} with an empty body"


def _json_of(body: bytes) -> Json:
    """The body as JSON; some gateways send an error of a streamed request as one ``data:`` line."""
    text = body.strip()
    if text.startswith(b"data:"):
        text = text.splitlines()[0].removeprefix(b"data:")
    try:
        return parse_json(text)
    except MalformedJsonError:
        return None


def looks_like_html(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower().startswith((b"<!doctype", b"<html", b"<head", b"<body"))


def one_line(text: str, secrets: Sequence[str]) -> str:
    """Safe to print: without secrets, control characters and line ends, bounded in length."""
    plain = "".join(char if char.isprintable() else " " for char in redact(text, secrets))
    words = " ".join(plain.split())
    return words if len(words) <= MAX_MESSAGE_CHARS else words[: MAX_MESSAGE_CHARS - 1] + "…"


def excerpt(body: bytes, secrets: Sequence[str]) -> str:
    """The first 2 KiB as text, invalid bytes as ``\\xNN``. Redacted before the cut: no half key stays."""
    text = redact(body[: 2 * MAX_EXCERPT_BYTES].decode("utf-8", "backslashreplace"), secrets)
    return text.encode("utf-8")[:MAX_EXCERPT_BYTES].decode("utf-8", "ignore")


def _label(error: ErrorObject, secrets: Sequence[str]) -> str | None:
    return _short(error.code or error.type, secrets)


def _short(word: str | None, secrets: Sequence[str]) -> str | None:
    return one_line(word, secrets)[:100] if word else None
