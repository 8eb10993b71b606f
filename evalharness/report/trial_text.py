"""What there is to read of one trial: what was asked and answered turn by turn, what the graders said, where the time
went. Text is made visible here."""

from __future__ import annotations

import json
from dataclasses import dataclass

from evalharness.core.model import Case, Json
from evalharness.core.record import Call, Purpose, TrialResult
from evalharness.metrics.columns import call_text
from evalharness.report.phases import Phase, phases
from evalharness.report.visible import shortened, visible

#: Of an input item that is neither said nor answered: the declaration of a tool, a file.
_ITEM_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnText:
    """``asked``: what this turn adds to what was said before. ``answer``: also a refusal, and what arrived of an answer
    that broke off. ``tools``: one call a line. Empty where there is none."""

    asked: str
    summary: str
    answer: str
    tools: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialText:
    """``failure`` and ``remarks`` are empty and ``reasons`` (grader id, what it said) without an entry where there is
    nothing to say. ``calls``: without those of judges."""

    failure: str
    expected: str
    turns: tuple[TurnText, ...]
    reasons: tuple[tuple[str, str], ...]
    remarks: str
    calls: tuple[Call, ...]

    @property
    def phases(self) -> tuple[Phase, ...]:
        return phases(self.calls)

    @property
    def last(self) -> TurnText:
        return self.turns[-1] if self.turns else TurnText(asked="", summary="", answer="", tools="")


def trial_text(case: Case, result: TrialResult) -> TrialText:
    calls = tuple(call for call in result.calls if call.purpose is Purpose.SUBJECT)
    expected = case.expected_text or ("" if case.expected is None else json.dumps(case.expected))
    return TrialText(
        failure=visible(result.failure.message if result.failure else ""),
        expected=visible(expected),
        turns=tuple(_turn(call) for call in calls),
        reasons=tuple(
            (visible(grader), visible(score.reason)) for grader, score in sorted(result.scores.items()) if score.reason
        ),
        remarks=visible(", ".join(result.anomalies)),
        calls=calls,
    )


def _turn(call: Call) -> TurnText:
    said = call.request.get("input", call.request.get("messages"))
    return TurnText(
        asked=visible(_readable(_added(said) if call.turn_index else said)),
        summary=visible(call.answer.reasoning_summary or ""),
        answer=visible(call_text(call)),
        tools=visible("\n".join(f"{tool.name}({tool.arguments})" for tool in call.answer.tool_calls)),
    )


def _added(said: Json) -> Json:
    """Of the items of a conversation those after the last answer in them."""
    if not isinstance(said, list):
        return said
    answers = [place for place, item in enumerate(said) if isinstance(item, dict) and item.get("role") == "assistant"]
    return said[answers[-1] + 1 :] if answers else said


def _readable(value: Json) -> str:
    """A prompt string as it is; a list of items as its texts, anything else in it as JSON."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return "" if value is None else json.dumps(value, ensure_ascii=False)
    items = [_item(item) for item in value]
    if len(items) == 1 and items[0][0] == "user":
        return items[0][1]
    return "\n\n".join(f"[{role}]\n{text}" if role else text for role, text in items)


def _item(item: Json) -> tuple[str, str]:
    """Who said it, empty where nobody did, and what."""
    content = item.get("content") if isinstance(item, dict) else None
    if isinstance(content, str):
        return item.get("role", "input"), content
    if not isinstance(content, list):
        return "", _short_json(item)
    parts = [part["text"] if isinstance(part, dict) and "text" in part else _short_json(part) for part in content]
    return item.get("role", "input"), "\n".join(str(part) for part in parts)


def _short_json(value: Json) -> str:
    return shortened(json.dumps(value, ensure_ascii=False), _ITEM_CHARACTERS)
