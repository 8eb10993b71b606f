"""A trial as stretches of time one after the other: waits, tries that failed, thinking, the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from evalharness.core.record import Attempt, AttemptStatus, Call
from evalharness.core.units import NS_PER_MS


class Stretch(Enum):
    """What a stretch is called, and the colour it is drawn in. Their places in this order are the page's numbers."""

    BEFORE = ("before it was sent", "queue")
    PAUSE = ("pause before another attempt", "queue")
    FAILED = ("until it failed", "worse")
    HEAD = ("to the response head", "waiting")
    EVENT = ("to the first event", "waiting")
    SILENT = ("to the first reasoning", "waiting")
    REASONING = ("reasoning", "reasoning")
    OUTPUT = ("to the first output", "waiting")
    ANSWER = ("answer", "answer")
    END = ("to the end", "waiting")
    BETWEEN = ("between two turns", "line")

    @property
    def title(self) -> str:
        return self.value[0]

    @property
    def role(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Milliseconds from the intended start of the trial. ``note``: of which attempt or turn it is, where there were
    several, and what it failed with."""

    stretch: Stretch
    begin_ms: float
    end_ms: float
    note: str = ""

    @property
    def title(self) -> str:
        return f"{self.stretch.title} ({self.note})" if self.note else self.stretch.title


def phases(calls: Sequence[Call]) -> tuple[Phase, ...]:
    """Of the calls of one trial, without judges'. Stretches of no length and those whose end nobody saw are left out:
    what comes after such a one begins where that began."""
    return tuple(_of_calls(calls)) if calls else ()


def _of_calls(calls: Sequence[Call]) -> Iterator[Phase]:
    start_ns = at_ns = calls[0].intended_ns
    for call in calls:
        for attempt in call.attempts:
            note = _note(call, attempt, n_turns=len(calls))
            for stretch, end_ns in _of_attempt(call, attempt, is_first=call is calls[0]):
                if end_ns is None or end_ns <= at_ns:
                    continue
                yield Phase(
                    stretch=stretch,
                    begin_ms=(at_ns - start_ns) / NS_PER_MS,
                    end_ms=(end_ns - start_ns) / NS_PER_MS,
                    note=note,
                )
                at_ns = end_ns


def _of_attempt(call: Call, attempt: Attempt, *, is_first: bool) -> Iterator[tuple[Stretch, int | None]]:
    """What the attempt went through, each with its end."""
    stamps = attempt.stamps
    if attempt.index == 0 and not is_first:
        yield Stretch.BETWEEN, call.intended_ns
    yield Stretch.PAUSE if attempt.wait_ms else Stretch.BEFORE, stamps.sent_ns
    yield Stretch.HEAD, stamps.headers_ns
    yield Stretch.EVENT, stamps.first_event_ns
    thought_ns, said_ns = stamps.first_reasoning_ns, stamps.first_output_ns
    if thought_ns is not None and (said_ns is None or thought_ns < said_ns):
        yield Stretch.SILENT, thought_ns
        yield Stretch.REASONING, said_ns
        last = Stretch.REASONING if said_ns is None else Stretch.ANSWER
    else:
        yield Stretch.OUTPUT, said_ns
        last = Stretch.END if said_ns is None else Stretch.ANSWER
    if attempt.status is AttemptStatus.OK:
        yield last, stamps.done_ns
    else:
        yield Stretch.FAILED, stamps.closed_ns or stamps.done_ns


def _note(call: Call, attempt: Attempt, *, n_turns: int) -> str:
    parts = [f"turn {call.turn_index + 1}"] if n_turns > 1 else []
    parts += [f"attempt {attempt.index + 1}"] if len(call.attempts) > 1 else []
    if attempt.failure is not None:
        status = attempt.http_status or attempt.failure.http_status
        parts.append(attempt.failure.kind.value.replace("_", " ") + (f", HTTP {status}" if status else ""))
    return ", ".join(parts)
