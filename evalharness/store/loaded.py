"""The results of a stored run in memory: packed as they are on the disk, made into objects when asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from evalharness.core.model import PendingReason, Phase, Status, Trial
from evalharness.core.record import TrialResult
from evalharness.store.cells import TextCell, json_of
from evalharness.store.result_rows import Row, result_of
from evalharness.store.result_texts import answer_text, heads_of
from evalharness.store.unpacking import Shared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evalharness.metrics.columns import ResultColumns

#: How many results stay objects once they were made (about 4 kB each). Of a longer run the others are made each time.
_KEPT = 20_000
_STATUSES = tuple(Status)
_STATUS_CODE = {status.value: code for code, status in enumerate(_STATUSES)}


class PackedRows:
    """Rows side by side: numbers, gaps and texts in three buffers, the first two about 180 bytes for a result of 50
    deltas.

    The ``ends`` of each buffer begin with 0; ``statuses`` are places in the enumeration.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.numbers, self.gaps, self.texts = bytearray(), bytearray(), bytearray()
        self.number_ends, self.gap_ends, self.text_ends = array("q", (0,)), array("q", (0,)), array("q", (0,))
        self.sessions, self.statuses = array("i"), bytearray()
        self.remarks: list[TextCell] = []
        for row in rows:
            self.numbers += row.numbers
            self.number_ends.append(len(self.numbers))
            if row.gaps:
                self.gaps += row.gaps
            self.gap_ends.append(len(self.gaps))
            if row.calls:
                self.texts += row.calls
            self.text_ends.append(len(self.texts))
            self.sessions.append(row.session)
            self.statuses.append(_STATUS_CODE[row.status])
            self.remarks.append(row.remarks)

    def calls(self, place: int) -> bytes | None:
        """As in ``Row``."""
        return bytes(self.texts[self.text_ends[place] : self.text_ends[place + 1]]) or None

    def heads(self, places: Iterable[int]) -> Iterator[bytes]:
        """``result_texts.heads_of`` their calls."""
        ends = self.text_ends
        return heads_of(self.texts, ((ends[place], ends[place + 1]) for place in places))

    def row(self, place: int) -> Row:
        return Row(
            self.sessions[place],
            _STATUSES[self.statuses[place]].value,
            bytes(self.numbers[self.number_ends[place] : self.number_ends[place + 1]]),
            bytes(self.gaps[self.gap_ends[place] : self.gap_ends[place + 1]]),
            self.remarks[place],
            self.calls(place),
        )


class LoadedResults(Mapping[str, TrialResult]):
    """By trial id in the plan's order; measured trials without a row are pending for ``reason``.

    ``positions``: those of the ``trials``, ``rows``: with that of their trial; both rise.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        positions: Sequence[int],
        rows: Iterable[tuple[int, Row]],
        shared: Shared,
        reason: PendingReason | None,
    ) -> None:
        stored = array("q")

        def noted() -> Iterator[Row]:
            for position, row in rows:
                stored.append(position)
                yield row

        self.rows = PackedRows(noted())
        self.shared = shared
        self._reason = reason
        #: -1: without a row.
        self._place_of = {
            trial.trial_id: place
            for trial, place in zip(trials, _places(positions, stored), strict=True)
            if place >= 0 or trial.phase is Phase.MEASURED
        }
        self._made: dict[str, TrialResult] = {}
        self._read: tuple[list[str], ResultColumns] | None = None

    def __len__(self) -> int:
        return len(self._place_of)

    def __iter__(self) -> Iterator[str]:
        return iter(self._place_of)

    def __contains__(self, trial_id: object) -> bool:
        return trial_id in self._place_of

    def __getitem__(self, trial_id: str) -> TrialResult:
        made = self._made.get(trial_id)
        if made is None:
            made = self._make(trial_id)
            if len(self._made) < _KEPT:
                self._made[trial_id] = made
        return made

    def _make(self, trial_id: str) -> TrialResult:
        place = self._place_of[trial_id]
        if place < 0:
            return TrialResult(trial_id=trial_id, status=Status.PENDING, pending_reason=self._reason)
        return result_of(trial_id, self.rows.row(place), self.shared)

    def pending_reasons(self, trial_ids: Sequence[str]) -> list[PendingReason | None]:
        """Why each of them is pending, without making it an object; None for one that is not, or nobody knows why."""
        places = map(self._place_of.get, trial_ids)
        return [None if place is None else self._pending_reason(place) for place in places]

    def _pending_reason(self, place: int) -> PendingReason | None:
        if place < 0:
            return self._reason
        remarks = self.rows.remarks[place]
        reason = (json_of(remarks) or {}).get("pending_reason") if remarks else None
        return reason and PendingReason(reason)

    def is_failed(self, trial_id: str) -> bool:
        """``metrics.columns.is_failed`` of its result: what a trial says of its own failure is among its remarks."""
        place = self._place_of.get(trial_id, -1)
        if place < 0:
            return False
        if self.rows.statuses[place] == _STATUS_CODE[Status.ERROR]:
            return True
        remarks = self.rows.remarks[place]
        return remarks is not None and "failure" in json_of(remarks)

    def answer_texts(self, trial_ids: Sequence[str]) -> Iterator[str]:
        """``metrics.columns.answer_text`` of each result, without making it an object."""
        for trial_id in trial_ids:
            place = self._place_of.get(trial_id, -1)
            yield answer_text(self.rows.calls(place)) if place >= 0 else ""

    def columns(self, trial_ids: Sequence[str]) -> ResultColumns:
        """What ``metrics.table`` is made of, read from the packed numbers as far as that goes.

        ``trial_ids`` in the plan's order. The columns read last are kept: analysis and page ask for the same.
        """
        if self._read is None or self._read[0] != trial_ids:
            self._read = list(trial_ids), self._columns(trial_ids)
        return self._read[1]

    def _columns(self, trial_ids: Sequence[str]) -> ResultColumns:
        # Here and not above: the way of a run to its first call leads through this module, and numpy is slow to load.
        import numpy as np

        from evalharness.metrics.columns import columns_of, joined
        from evalharness.store.columns import plain_columns

        places = np.array([self._place_of.get(trial_id, -1) for trial_id in trial_ids], dtype=np.int64)
        stored = np.flatnonzero(places >= 0)

        def parts() -> Iterator[tuple[NDArray[np.int64], ResultColumns]]:
            is_plain = np.zeros(len(places), dtype=np.bool_)
            for among, part in plain_columns(self.rows, places[stored], self.shared):
                is_plain[stored[among]] = True
                yield stored[among], part
            rest = np.flatnonzero(~is_plain)
            ids = (trial_ids[index] for index in rest.tolist())
            others = [self.get(trial_id) or TrialResult(trial_id=trial_id, status=Status.PENDING) for trial_id in ids]
            yield rest, columns_of(others)

        return joined(len(places), parts())


def _places(positions: Sequence[int], stored: Sequence[int]) -> Iterator[int]:
    """For each of ``positions`` its place among those ``stored``, -1 where it is not there; both rise."""
    place, n_stored = 0, len(stored)
    for position in positions:
        if place < n_stored and stored[place] == position:
            yield place
            place += 1
        else:
            yield -1
