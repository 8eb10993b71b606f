"""What a service says about coming back: ``retry-after-ms``, ``retry-after``, ``x-should-retry``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

#: Longer than any wait that is kept: an absurd hint stays a number that can be stored and printed.
MAX_HINT_MS = 1e12
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?")


def retry_after_ms(headers: Mapping[str, str]) -> float | None:
    """The wait asked for, in milliseconds; None where none was, or where it cannot be read.

    An HTTP-date is counted from the response's own ``date``, so that the two clocks need not agree; a date without
    ``date`` beside it is no hint here (the transport adds the header where a service leaves it out, RFC 9110 6.6.1).
    """
    for name, unit_ms in (("retry-after-ms", 1.0), ("retry-after", 1000.0)):
        text = headers.get(name, "").strip()
        if _NUMBER.fullmatch(text):
            return min(float(text) * unit_ms, MAX_HINT_MS)
    until, now = _http_date(headers.get("retry-after")), _http_date(headers.get("date"))
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds() * 1000.0)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """The service's explicit wish; None where it expressed none."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # costs 20 ms to import, and few runs ever meet a date

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
