"""Every word a reader meets has an explanation."""

from __future__ import annotations

import pytest

from evalharness.app.explain import explanations
from evalharness.core.failure import FailureKind
from evalharness.core.findings import CaseReading, NoPrice, Outcome, Reading
from evalharness.core.model import Status
from evalharness.graders import names
from evalharness.metrics.catalog import CATALOG

WORDS = [
    *CATALOG, *names(), *(status.value for status in Status), Outcome.NO_CLEAR_WINNER.value,
    Reading.BETTER.value, Reading.WORSE.value, Reading.SAME.value, Reading.TOO_CLOSE.value,
    "case", "trial", "arm", "attempt", "call", "repeat", "baseline", "margin", "interval", "95% ci", "paired", "median",
    "p95", "first output", "total time", "exploratory", "honoured", "wasted", "n_eff", "icc", "wilson", "tango",
    *(each.value for each in CaseReading), *(each.value for each in (NoPrice.NO_GAIN, NoPrice.SAVES)), "cost per point",
    "time per point", "points gained", "efficient", "dominated", "solved", "router", "shrunk", "cut by reasoning",
    "shift function", "rising line", "page's l",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_the_word_is_explained(word: str) -> None:
    assert len(explanations()[word]) > 20


def test_every_failure_kind_is_named() -> None:
    text = explanations()["failure kind"]
    assert [kind for kind in FailureKind if kind.value not in text] == []
