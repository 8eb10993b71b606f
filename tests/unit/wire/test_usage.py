from __future__ import annotations

from typing import Any

import pytest

from evalharness.core.record import Usage
from evalharness.wire.anomalies import Anomaly
from evalharness.wire.usage import CHAT_NAMES, RESPONSES_NAMES, read_usage
from tests.support.wire_bytes import usage


def test_counts_are_read_with_their_parts():
    assert read_usage(usage(), RESPONSES_NAMES) == (
        Usage(input_tokens=7, cached_tokens=1, output_tokens=5, reasoning_tokens=2),
        [],
    )


def test_chat_counts_are_the_same_under_other_names():
    reported = {
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "total_tokens": 12,
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    assert read_usage(reported, CHAT_NAMES) == (Usage(input_tokens=7, output_tokens=5, reasoning_tokens=3), [])


@pytest.mark.parametrize("reported", [None, {}, [], "12", {"other": 1}])
def test_missing_usage_is_none_and_noted(reported: Any):
    assert read_usage(reported, RESPONSES_NAMES) == (None, [Anomaly.USAGE_MISSING])


@pytest.mark.parametrize("value", [-1, "5", "NaN", 1.5, True, 2**53 + 1, [5]])
def test_a_count_that_cannot_be_believed_is_none_never_zero(value: Any):
    read, oddities = read_usage(usage(output_tokens=value, reasoning_tokens=None), RESPONSES_NAMES)
    assert read is not None
    assert (read.input_tokens, read.output_tokens) == (7, None)
    assert oddities == [Anomaly.USAGE_INVALID]


def test_a_wrong_sum_makes_every_count_unknown():
    assert read_usage(usage(total_tokens=13), RESPONSES_NAMES) == (None, [Anomaly.USAGE_SUM])


def test_a_part_larger_than_its_whole_is_unknown():
    read, oddities = read_usage(usage(reasoning_tokens=6), RESPONSES_NAMES)
    assert read is not None
    assert (read.output_tokens, read.reasoning_tokens) == (5, None)
    assert oddities == [Anomaly.USAGE_INVALID]


def test_a_server_without_details_reports_no_reasoning_tokens_rather_than_none_used():
    read, oddities = read_usage({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}, RESPONSES_NAMES)
    assert read == Usage(input_tokens=3, output_tokens=4)
    assert oddities == []


def test_whole_numbers_written_with_a_point_are_counts():
    read, oddities = read_usage({"input_tokens": 3.0, "output_tokens": 4.0}, RESPONSES_NAMES)
    assert (read, oddities) == (Usage(input_tokens=3, output_tokens=4), [])
