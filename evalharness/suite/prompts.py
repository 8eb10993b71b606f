"""The section ``prompts``: a template, a list of input items, or the turns of a conversation."""

from __future__ import annotations

from evalharness.core.model import Json, Prompt
from evalharness.suite.problems import Problems
from evalharness.suite.schema import ConversationPart
from evalharness.suite.yaml_text import Path


def prompt_of(name: str, part: str | list[dict[str, Json]] | ConversationPart, problems: Problems) -> Prompt:
    turns = part.turns if isinstance(part, ConversationPart) else [part]
    prompt = Prompt(name=name, template=turns[0], more_turns=tuple(turns[1:]))
    for turn, path in zip(turns, turn_paths(prompt), strict=True):
        for at, item in enumerate(turn if isinstance(turn, list) else ()):
            if "role" not in item and "type" not in item:
                problems.add((*path, at), "an input item has a `role` or a `type`")
    return prompt


def turn_paths(prompt: Prompt) -> list[Path]:
    """Where each turn stands in the suite."""
    path: Path = ("prompts", prompt.name)
    return [(*path, "turns", at) for at in range(1 + len(prompt.more_turns))] if prompt.more_turns else [path]
