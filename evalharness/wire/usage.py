"""Token counts as services report them, and which of them cannot be believed."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.core.model import Json
from evalharness.core.record import Usage
from evalharness.wire.anomalies import Anomaly

_MAX_COUNT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageNames:
    """What a dialect calls the counts; the parts are looked up in ``INPUT_details`` and ``OUTPUT_details``."""

    input: str
    output: str


RESPONSES_NAMES = UsageNames(input="input_tokens", output="output_tokens")
CHAT_NAMES = UsageNames(input="prompt_tokens", output="completion_tokens")


def read_usage(reported: Json, names: UsageNames) -> tuple[Usage | None, list[Anomaly]]:
    """The counts and what was wrong with them. A count that cannot be believed is None, never 0 and never a guess.

    None with ``usage_missing`` where there is nothing, and with ``usage_sum`` where the total contradicts its parts.
    Details that a service does not send are None without an anomaly: many servers know of no reasoning tokens.
    """
    if not isinstance(reported, dict) or not reported:
        return None, [Anomaly.USAGE_MISSING]
    reader = _Reader()
    input_tokens = reader.count(reported.get(names.input))
    output_tokens = reader.count(reported.get(names.output))
    total_tokens = reader.count(reported.get("total_tokens"))
    cached = reader.part(reported.get(f"{names.input}_details"), "cached_tokens", input_tokens)
    reasoning = reader.part(reported.get(f"{names.output}_details"), "reasoning_tokens", output_tokens)
    known = input_tokens is not None and output_tokens is not None
    if known and total_tokens is not None and (input_tokens or 0) + (output_tokens or 0) != total_tokens:
        return None, [*reader.anomalies, Anomaly.USAGE_SUM]
    if input_tokens is None and output_tokens is None:
        return None, reader.anomalies or [Anomaly.USAGE_MISSING]
    usage = Usage(
        input_tokens=input_tokens, cached_tokens=cached, output_tokens=output_tokens, reasoning_tokens=reasoning
    )
    return usage, reader.anomalies


class _Reader:
    def __init__(self) -> None:
        self.anomalies: list[Anomaly] = []

    def count(self, value: Json) -> int | None:
        if value is None:
            return None
        whole = (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
        if whole and 0 <= value <= _MAX_COUNT:
            return int(value)
        self._note()
        return None

    def part(self, details: Json, name: str, whole: int | None) -> int | None:
        if not isinstance(details, dict):
            return None
        count = self.count(details.get(name))
        if count is not None and whole is not None and count > whole:
            self._note()
            return None
        return count

    def _note(self) -> None:
        if Anomaly.USAGE_INVALID not in self.anomalies:
            self.anomalies.append(Anomaly.USAGE_INVALID)
