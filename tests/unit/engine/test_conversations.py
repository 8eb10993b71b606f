"""Trials of several turns."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evalharness.core.model import Status
from tests.support.engine_bench import Bench, answer, http_error


def test_a_conversation_says_what_was_said_before_and_grades_the_last_answer() -> None:
    bench = Bench(answer("5"), answer("6"), answer("7"), n=1)
    bench.context = replace(bench.context, n_turns=lambda arm: 3)
    bench.run()
    result = bench.writer.results["t0"]
    assert [call.turn_index for call in result.calls] == [0, 1, 2]
    assert result.scores["answer"].passed
    assert result.cost_usd == pytest.approx(3 * 0.0002)
    assert bench.writer.begun == [("t0", 0, 0), ("t0", 1, 0), ("t0", 2, 0)]
    assert json.loads(bench.transport.seen[2].body)["input"] == [
        {"role": "user", "content": "question c0"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "5"}]},
        {"role": "user", "content": "and 1?"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "6"}]},
        {"role": "user", "content": "and 2?"},
    ]
    assert [request.headers["x-client-request-id"] for request in bench.transport.seen] == [
        "run.t0.0", "run.t0.1", "run.t0.2",
    ]  # fmt: skip


def test_a_conversation_ends_with_its_first_turn_that_has_no_answer() -> None:
    bench = Bench(answer("5"), http_error(400, "context_length_exceeded"), n=1)
    bench.context = replace(bench.context, n_turns=lambda arm: 3)
    bench.run()
    result = bench.writer.results["t0"]
    assert (result.status, len(result.calls), result.scores) == (Status.ERROR, 2, {})
