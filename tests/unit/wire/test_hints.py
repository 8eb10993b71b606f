from __future__ import annotations

import pytest

from evalharness.wire.hints import MAX_HINT_MS, retry_after_ms, should_retry

NOW = {"date": "Sun, 22 Nov 2026 14:02:16 GMT"}


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20_000.0),
        ({"retry-after": "0.5"}, 500.0),
        ({"retry-after-ms": "250", "retry-after": "20"}, 250.0),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20_000.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 14:02:21 GMT", **NOW}, 5_000.0),
        ({"retry-after": "Sunday, 22-Nov-26 14:02:21 GMT", **NOW}, 5_000.0),
        ({"retry-after": "Sun, 22 Nov 2026 14:02:10 GMT", **NOW}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 14:02:21 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow", **NOW}, None),
        ({"retry-after": "9" * 400}, MAX_HINT_MS),
    ],
)
def test_the_wait_asked_for(headers: dict[str, str], wait_ms: float | None):
    assert retry_after_ms(headers) == wait_ms


@pytest.mark.parametrize(("text", "wish"), [("true", True), ("FALSE", False), ("maybe", None), (None, None)])
def test_the_explicit_wish(text: str | None, wish: bool | None):
    assert should_retry({} if text is None else {"x-should-retry": text}) is wish
