"""How an answer is written down: bare, with its working, as JSON, or as a tool call."""

from __future__ import annotations

import json
import re
from itertools import cycle, islice

from evalharness.simulator.ask import TOKEN, Ask, Tool
from evalharness.simulator.fitting import Material, fit
from evalharness.simulator.problems import Problem

_BARE = re.compile(
    r"\b(?:only|just|nothing but)\s+(?:with\s+)?(?:(?:the|a|one|its)\s+)?(?:(?:final|single|numeric(?:al)?)\s+)?"
    r"(?:number|answer|result|letter|value|figure|name|word|city|option)\b|\b(?:number|answer|letter) only\b",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"[\"'`]?\b(answer|ANSWER|Answer):\s*(?:<|\[|\{|N\b|X\b|the\b|\.\.\.|number\b|[\"'`])", re.IGNORECASE
)
_HARMFUL = re.compile(
    r"\b(?:build|make|assemble) an? (?:bomb|weapon|explosive)|\bsteal (?:a |some)?passwords?", re.IGNORECASE
)
_FILLING = frozenset(
    {"get", "find", "look", "lookup", "up", "search", "fetch", "query", "call", "do", "run", "the", "set", "current"}
)

REFUSAL = "I'm sorry, but I can't help with that."
_GENERIC = (
    "This is a simulated model: it answers arithmetic, word problems and capitals. It found no such question here."
)
_FILLER = tuple(TOKEN.findall("This text has a fixed length: these words only make it as long as all the others. "))
_OPENINGS = {"low": "", "medium": "", "high": "Let me work through this carefully, one step at a time.\n"}
_CHECKING_EFFORTS = frozenset({"high", "xhigh"})


def is_harmful(ask: Ask) -> bool:
    return _HARMFUL.search(ask.question) is not None


def answer_text(ask: Ask, problem: Problem | None, answer: str | None, effort: str) -> str:
    """The visible text. ``answer`` is what the draw decided, right or wrong; None where nothing was understood."""
    told = f"{ask.instructions}\n{ask.question}"
    if ask.format != "text":
        return _json_text(ask, problem, answer)
    if answer is None or problem is None:
        return ask.tool_outputs[-1] if ask.tool_outputs else _GENERIC
    if _BARE.search(told):
        return answer
    label = _LABELLED.search(told)
    last = f"{label.group(1)}: {answer}" if label else f"The answer is {answer}."
    if ask.verbosity == "low":
        return last
    return _OPENINGS[ask.verbosity] + "\n".join([*_working(problem, answer), *_check(effort, ask.verbosity), last])


def _working(problem: Problem, answer: str) -> list[str]:
    """The steps; a wrong answer shows in the last of them."""
    lines = [f"Step {number}: {step}." for number, step in enumerate(problem.steps, start=1)]
    if lines and answer in problem.wrong and " = " in lines[-1]:
        lines[-1] = lines[-1].rpartition(" = ")[0] + f" = {answer}."
    return lines


def _check(effort: str, verbosity: str) -> list[str]:
    if effort in _CHECKING_EFFORTS or verbosity == "high":
        return ["Going through the numbers once more gives the same result."]
    return []


def _json_text(ask: Ask, problem: Problem | None, answer: str | None) -> str:
    if ask.format == "json_object":
        return json.dumps({"answer": _GENERIC if answer is None else answer}, ensure_ascii=False)
    steps = problem.steps if problem is not None else ()
    return json.dumps(fit(ask.schema, Material(question=ask.question, answer=answer, steps=steps)), ensure_ascii=False)


def visible_pieces(ask: Ask, text: str, answer: str | None, n_tokens: int | None) -> tuple[str, ...]:
    """The deltas of a text, one token each; ``n_tokens`` of them, where that many are declared.

    The answer stays, and stays what a grader reads. A text in sentences begins later, or with other words before it. Of
    what must be nothing but the answer (a bare number, JSON) nothing can go, and only spaces can be added, at its end.
    """
    pieces = tuple(TOKEN.findall(text))
    n_missing = 0 if n_tokens is None else n_tokens - len(pieces)
    is_sentences = ask.format == "text" and text != answer and not text.startswith("{")
    if n_missing > 0 and not is_sentences:
        return (*pieces, *[" "] * n_missing)
    if n_missing > 0:
        return (*islice(cycle(_FILLER), n_missing - 1), "\n", *pieces)
    return pieces[-n_missing:] if n_missing and is_sentences else pieces


def wanted_tool(ask: Ask) -> Tool | None:
    """The tool that is called: the forced one, else the first whose name the question contains in words."""
    if not ask.tools or not ask.tools_allowed or ask.tool_outputs:
        return None
    mentioned = [tool for tool in ask.tools if _mentions(ask.question, tool.name)]
    if ask.forced_tool is None:
        return mentioned[0] if mentioned else None
    named = [tool for tool in ask.tools if tool.name == ask.forced_tool]
    return (named or mentioned or list(ask.tools))[0]


def _mentions(question: str, name: str) -> bool:
    words = {
        word for word in re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if word
    } - _FILLING
    return bool(words) and all(re.search(rf"\b{word}", question, re.IGNORECASE) for word in words)


def arguments_text(ask: Ask, tool: Tool) -> str:
    arguments = fit(tool.parameters or {"type": "object"}, Material(question=ask.question))
    return json.dumps(arguments if isinstance(arguments, dict) else {}, ensure_ascii=False)
