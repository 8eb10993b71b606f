"""What is noticed while one exchange is read, whatever its dialect: stamps, counts and oddities."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from evalharness.core.failure import Failure
from evalharness.core.model import Status
from evalharness.core.ports import Decoded
from evalharness.core.record import Answer, Stamps, Usage
from evalharness.wire.anomalies import Anomaly

_MAX_UNKNOWN_NAMES = 64
_MAX_NAME_CHARS = 80
_OTHER = "(other)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an exchange ended by the service's own words. ``failure`` with status error alone."""

    status: Status
    answer: Answer = field(default_factory=Answer)
    usage: Usage | None = None
    failure: Failure | None = None


def failed(failure: Failure) -> Outcome:
    return Outcome(status=Status.ERROR, failure=failure)


class Notes:
    """Mutable, private to one decoder. All times are arrivals in ``_ns`` as given to ``feed``."""

    def __init__(self) -> None:
        self.n_events = 0
        self.n_reads = 0
        self.done_ns: int | None = None
        self._last_read_index = -1
        self._first_event_ns: int | None = None
        self._first_reasoning_ns: int | None = None
        self._first_part_ns: int | None = None
        self._deltas_ns = array("q")
        self._unknown: dict[str, int] = {}
        self._anomalies: dict[Anomaly, None] = {}

    @property
    def n_deltas(self) -> int:
        return len(self._deltas_ns)

    def saw_event(self, at_ns: int, read_index: int) -> None:
        """``read_index``: the read that completed it; they count from 0 and never fall."""
        self.n_events += 1
        self.n_reads += read_index != self._last_read_index
        self._last_read_index = read_index
        if self._first_event_ns is None:
            self._first_event_ns = at_ns

    def saw_events(self, at_ns: int, read_indexes: Sequence[int]) -> None:
        """The same for one event per entry; ``at_ns`` is the first one's arrival."""
        self.saw_event(at_ns, read_indexes[0])
        self.n_events += len(read_indexes) - 1
        self.n_reads += len(set(read_indexes)) - 1
        self._last_read_index = read_indexes[-1]

    def saw_reasoning(self, at_ns: int) -> None:
        if self._first_reasoning_ns is None:
            self._first_reasoning_ns = at_ns

    def saw_output(self, stamps_ns: Iterable[int]) -> None:
        """Non-empty deltas of visible output."""
        self._deltas_ns.extend(stamps_ns)

    def saw_finished_part(self, at_ns: int) -> None:
        """A part of the visible output, whole: the first sign of output where a service sends no deltas."""
        if self._first_part_ns is None:
            self._first_part_ns = at_ns

    def saw_unknown(self, name: str) -> None:
        name = name[:_MAX_NAME_CHARS]
        # Names come from outside: a service that invents a new one for each event must not fill the memory.
        if name not in self._unknown and len(self._unknown) >= _MAX_UNKNOWN_NAMES:
            name = _OTHER
        self._unknown[name] = self._unknown.get(name, 0) + 1

    def odd(self, *anomalies: Anomaly) -> None:
        self._anomalies.update(dict.fromkeys(anomalies))

    def stream_ended(self, at_ns: int, answer: Answer) -> None:
        """The terminal event. Output that came without deltas has the time of its first whole part."""
        self.done_ns = at_ns
        if not self._deltas_ns and (answer.text or answer.refusal or answer.tool_calls):
            self.odd(Anomaly.NO_DELTAS)
            self.saw_finished_part(at_ns)

    def decoded(self, outcome: Outcome, *, partial_text: str | None) -> Decoded:
        return Decoded(
            status=outcome.status,
            answer=outcome.answer,
            usage=outcome.usage,
            failure=outcome.failure,
            stamps=self._stamps(),
            n_events=self.n_events,
            n_deltas=self.n_deltas,
            n_reads=self.n_reads,
            unknown_events=dict(self._unknown),
            anomalies=tuple(self._anomalies),
            partial_text=partial_text,
        )

    def _stamps(self) -> Stamps:
        whole_part_ns = self._first_part_ns if Anomaly.NO_DELTAS in self._anomalies else None
        return Stamps(
            first_event_ns=self._first_event_ns,
            first_reasoning_ns=self._first_reasoning_ns,
            first_output_ns=self._deltas_ns[0] if self._deltas_ns else whole_part_ns,
            last_output_ns=self._deltas_ns[-1] if self._deltas_ns else whole_part_ns,
            done_ns=self.done_ns,
            deltas_ns=self._deltas_ns,
        )
