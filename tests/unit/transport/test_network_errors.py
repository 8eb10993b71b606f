from __future__ import annotations

import errno
import socket
import ssl

import pytest

from evalharness.core.failure import Clock, FailureKind
from evalharness.transport.network_errors import causes, clock_failure, connection_failure, cut_failure, is_header_bomb


def tls_error(reason: str, text: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] {text}")
    error.reason = reason
    return error


def raised_from(outer: Exception, inner: BaseException) -> Exception:
    try:
        raise outer from inner
    except Exception as error:
        return error


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (socket.gaierror(-2, "Name or service not known"), "cannot find the host of h:1: check base_url"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens at h:1: check base_url"),
        (OSError(errno.EHOSTUNREACH, "x"), "h:1 cannot be reached"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "h:1 reset the connection before it answered"),
        (tls_error("WRONG_VERSION_NUMBER", "wrong version number"), "no TLS with h:1: is it http rather than https?"),
        (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate required"), "TLS with h:1 failed: "),
        (FileNotFoundError(errno.ENOENT, "x"), "there is no socket file h:1"),
        (OSError(errno.EMFILE, "x"), "this process has no file descriptor left"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "no free local port for another connection to h:1"),
        (ValueError("something\nelse"), "h:1 gave no HTTP answer: All failed"),
        (ExceptionGroup("g", [OSError("a"), ConnectionRefusedError(errno.ECONNREFUSED, "x")]), "nothing listens"),
    ],
)
def test_the_message_says_what_to_check(inner: BaseException, message: str):
    failure = connection_failure(raised_from(OSError("All failed"), inner), "h:1")
    assert failure.kind is FailureKind.CONNECTION
    assert failure.message.startswith(message)


def test_causes_that_go_round_in_circles_end():
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert len(list(causes(first))) == 20


def test_a_head_that_is_too_long_is_told_by_h11_s_hint():
    class TooLongError(Exception):
        error_status_hint = 431

    assert is_header_bomb(raised_from(OSError("x"), TooLongError()))
    assert not is_header_bomb(OSError("x"))


@pytest.mark.parametrize("clock", Clock)
def test_a_timeout_names_its_clock_and_the_setting(clock: Clock):
    failure = clock_failure(clock, 1_500_000_000, "h:1")
    assert (failure.kind, failure.clock) == (FailureKind.TIMEOUT, clock)
    assert "1.5 s" in failure.message
    assert failure.message.endswith(f"(timeouts_ms.{clock})")


def test_a_cut_says_where():
    assert cut_failure(OSError(), "h:1").message == "h:1 broke off in the middle of its answer: OSError"
