"""Heads of requests and responses: what is written, and what a response that lacks a date is given."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.core.ports import Clock
from evalharness.core.units import NS_PER_S


def request_head(target: str, host: str, headers: Mapping[str, str], *, body_bytes: int) -> bytes:
    """A POST of ``body_bytes``. ``headers`` are written as they are.

    Raises ``ValueError`` for a line end or NUL in them: it would begin a header, or a request, of its own.
    """
    lines = [f"POST {target} HTTP/1.1", f"host: {host}", *(f"{name}: {text}" for name, text in headers.items())]
    if any(sign in line for line in lines for sign in "\r\n\0"):
        raise ValueError("a header or the address holds a line end")
    return "\r\n".join([*lines, f"content-length: {body_bytes}", "", ""]).encode("latin-1")


def dated(headers: Mapping[str, str], clock: Clock) -> dict[str, str]:
    """RFC 9110 6.6.1: a recipient with a clock adds a date where there is none. A Retry-After that is a date is counted
    from it."""
    if "date" in headers:
        return dict(headers)
    from email.utils import formatdate  # only for services that send no date

    return {**headers, "date": formatdate(clock.utc_ns() / NS_PER_S, usegmt=True)}
