"""What went wrong on the way, said so that a person knows what to check. Works on exceptions, not on messages alone."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.units import NS_PER_S

_H11_TOO_LONG_STATUS = 431
_MAX_CAUSES = 20
#: OpenSSL's words for an answer that is no TLS at all.
_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}
)


class NoAnswerError(OSError):
    """A connection that ended, or on which something else than HTTP was spoken."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and the members of groups among them."""
    pending: list[BaseException | None] = [error]
    seen = 0
    while pending and seen < _MAX_CAUSES:
        current = pending.pop(0)
        if current is None:
            continue
        seen += 1
        yield current
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        pending.append(current.__cause__ or current.__context__)


def is_header_bomb(error: BaseException) -> bool:
    """h11 bounds the response head; it hints at status 431 where a head is longer."""
    return any(getattr(cause, "error_status_hint", None) == _H11_TOO_LONG_STATUS for cause in causes(error))


def is_bad_location(error: BaseException) -> bool:
    """httpx reads the address of a redirect it will not follow, and refuses one that is no address."""
    return any("location header" in str(cause) for cause in causes(error))


def connection_failure(error: BaseException, place: str) -> Failure:
    """No byte of an answer came. ``place`` is ``host:port``."""
    return Failure(kind=FailureKind.CONNECTION, message=_message(error, place))


def _message(error: BaseException, place: str) -> str:
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return f"cannot find the host of {place}: check base_url and the network"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {place} is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return _tls_message(cause, place)
        if isinstance(cause, FileNotFoundError):
            return f"there is no socket file {place}: check unix_socket and that the server is running"
        if isinstance(cause, ConnectionRefusedError):
            return f"nothing listens at {place}: check base_url and that the server is running"
        if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return f"{place} cannot be reached: check base_url and the network"
        if isinstance(cause, OSError) and cause.errno == errno.EMFILE:
            return "this process has no file descriptor left: raise the limit (`ulimit -n 8192`) or lower the load"
        if isinstance(cause, OSError) and cause.errno == errno.EADDRNOTAVAIL:
            return f"no free local port for another connection to {place}: lower the load or reuse connections"
        if isinstance(cause, ConnectionResetError):
            return f"{place} reset the connection before it answered"
    detail = " ".join(str(error).split())[:200]
    return f"{place} gave no HTTP answer: {detail or type(error).__name__}"


def _tls_message(error: ssl.SSLError, place: str) -> str:
    said = str(error)[:100]
    if error.reason in _NO_TLS:
        return f"no TLS with {place}: is it http rather than https? ({said})"
    return f"TLS with {place} failed: {said}"


def cut_failure(error: BaseException, place: str) -> Failure:
    """The body broke off."""
    detail = " ".join(str(error).split())[:200]
    return Failure(
        kind=FailureKind.STREAM_CUT,
        message=f"{place} broke off in the middle of its answer: {detail or type(error).__name__}",
    )


def broken(error: BaseException, place: str, *, has_head: bool) -> Failure:
    """The connection ended or spoke no HTTP: before the head there was no answer, after it the answer is cut."""
    return cut_failure(error, place) if has_head else connection_failure(error, place)


_CLOCK_WORDS = {
    Clock.CONNECT: "no connection to {place} within {limit}",
    Clock.FIRST_EVENT: "no data from {place} within {limit} of the request",
    Clock.IDLE: "no data from {place} for {limit}",
    Clock.TOTAL: "the answer of {place} took longer than {limit}",
}


def clock_failure(clock: Clock, limit_ns: int, place: str) -> Failure:
    limit = f"{limit_ns / NS_PER_S:g} s"
    message = _CLOCK_WORDS[clock].format(place=place, limit=limit)
    return Failure(kind=FailureKind.TIMEOUT, message=f"{message} (timeouts_ms.{clock})", clock=clock)
