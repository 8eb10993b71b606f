"""The texts of as many trials as the page has room for, with what it takes to draw them and to send them again.

First those a reader looks for (failed, wrong, changed), up to the settings' cap; then the others, up to theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evalharness.core.model import Json
from evalharness.core.units import ms_between
from evalharness.metrics.timeline import success_stamps
from evalharness.report.curl import body_text, without_files
from evalharness.report.packing import compact, packed
from evalharness.report.phases import Phase, Stretch
from evalharness.report.trial_table import TrialTable
from evalharness.report.trial_text import TrialText, TurnText, trial_text
from evalharness.report.visible import json_escaped

#: Characters of one text in the page: more of it is on the trial's own page, and printed by ``show``.
MOST_CHARACTERS = 20_000
#: Trials whose texts are in the page at most: reading them takes longest of all that a page is made of.
MOST_TEXTS = 10_000
_AT_ONCE = 200
_STRETCHES = {stretch: place for place, stretch in enumerate(Stretch)}
#: Stands for the input where a body is taken apart.
_HOLE = "\x00 input \x00"


def texts_blob(table: TrialTable) -> tuple[str, int]:
    """Texts by row of the table as base64 of gzip, and how many rows have theirs.

    ``rows``: by the row's number what ``_row`` makes; ``bodies``: what stands around the input in a request, by the
    number that rows give.
    """
    settings, writer = table.view.settings, _Writer(table)
    sought, others = table.looked_for
    rows = writer.fitting(sought[:MOST_TEXTS], settings.failing_text_bytes)
    rows |= writer.fitting(others[: MOST_TEXTS - len(rows)], settings.other_text_bytes)
    return packed(compact({"bodies": writer.bodies.texts, "rows": {str(at): rows[at] for at in sorted(rows)}})), len(
        rows
    )


@dataclass
class _Bodies:
    """Requests differ in their input and seldom else: what is around it is kept once."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def split(self, body: Mapping[str, Json]) -> tuple[int, str]:
        """The number of what stands around the input, and the input: together ``body_text`` of it."""
        key = next((name for name in ("input", "messages") if name in body), None)
        if key is None:
            return self._number({}), body_text(body)
        value = body[key]
        # JSON escapes the line ends inside of texts: every other one is followed by the indent of its depth.
        own = json.dumps(value, ensure_ascii=False, indent=None if isinstance(value, str) else 1).replace("\n", "\n ")
        return self._number({**body, key: _HOLE}), json_escaped(own)

    def _number(self, around: Mapping[str, Json]) -> int:
        """Of a body with a hole; of one without anything around it where it is empty."""
        known = compact(around)
        if known not in self._numbers:
            before, _, after = body_text(around).partition(json.dumps(_HOLE)) if around else ("", "", "")
            self._numbers[known] = len(self.texts)
            self.texts.append((before, after))
        return self._numbers[known]


class _Writer:
    def __init__(self, table: TrialTable) -> None:
        self._table, self._kept = table, table.kept.tolist()
        self.bodies = _Bodies()

    def fitting(self, places: Iterable[int], limit: int) -> dict[int, Json]:
        """As many rows, in the order given, as stay under ``limit`` bytes of base64.

        Judged by compressing in steps: a text's own share of the whole is not known before.
        """
        kept: dict[int, Json] = {}
        pending: dict[int, Json] = {}
        used = 0
        for place in places:
            pending[place] = self._row(place)
            if len(pending) < _AT_ONCE:
                continue
            used += len(packed(compact(list(pending.values()))))
            if used > limit:
                return kept
            kept |= pending
            pending = {}
        while pending and used + len(packed(compact(list(pending.values())))) > limit:
            pending = dict(list(pending.items())[: len(pending) // 2])
        return kept | pending

    def _row(self, place: int) -> Json:
        row = self._table.rows[self._kept[place]]
        text = trial_text(row.case, row.result)
        found = {
            "failure": _cut(text.failure),
            "expected": _cut(text.expected),
            "turns": [_turn(turn) for turn in text.turns],
            "reasons": {grader: _cut(reason) for grader, reason in text.reasons},
            "remarks": text.remarks,
            "body": self._body(text) if text.calls else None,
            **_times(text),
        }
        return {name: value for name, value in found.items() if value}

    def _body(self, text: TrialText) -> Json:
        """The number of what is around the input of the last call, and the input: left out where it is the text of the
        turn as it stands. None where it is too long for the page."""
        number, own = self.bodies.split(without_files(text.calls[-1].request))
        if len(own) > MOST_CHARACTERS:
            return None
        return [number] if own == json.dumps(text.last.asked, ensure_ascii=False) else [number, own]


def _turn(turn: TurnText) -> Json:
    found = {"input": turn.asked, "summary": turn.summary, "output": turn.answer, "tools": turn.tools}
    return {name: _cut(text) for name, text in found.items() if text}


def _cut(text: str) -> str:
    more = len(text) - MOST_CHARACTERS
    return text if more <= 0 else f"{text[:MOST_CHARACTERS]}\n… and {more:,} characters more"


def _times(text: TrialText) -> dict[str, Json]:
    """``line``: the trial's stretches. Of one call that was answered at the first try the table's columns say all but
    two times after sending, ``at``: of the response head and, where it came later, of the first event."""
    stamps = success_stamps(text.calls[0]) if len(text.calls) == 1 and len(text.calls[0].attempts) == 1 else None
    if stamps is None or stamps.done_ns is None:
        return {"line": [_stretch(phase) for phase in text.phases]}
    seen = (ms_between(stamps.sent_ns, stamps.headers_ns), ms_between(stamps.sent_ns, stamps.first_event_ns))
    return {"at": list(dict.fromkeys(None if ms is None else _short(ms) for ms in seen))}


def _stretch(phase: Phase) -> list[Json]:
    """Its number, its ends, and its note where it has one."""
    ends = [_STRETCHES[phase.stretch], _short(phase.begin_ms), _short(phase.end_ms)]
    return [*ends, phase.note] if phase.note else ends


def _short(ms: float) -> float:
    return round(ms) if ms >= 9.95 else round(ms, 1)
