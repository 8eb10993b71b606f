"""Templates of the suite's author, filled with the values of a case. Data is never itself a template.

Most templates name variables and do nothing else; these are filled without Jinja2, whose import costs more than a
whole suite's rendering. All others go to a sandboxed Jinja2 (``jinja_sandbox``) with the same rules: an unknown
variable and a null are errors, lists and mappings are written as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from evalharness.core.model import Case, Json, Prompt
from evalharness.suite.template_values import ReadBytes, TemplateError, written

_MARKS = ("{{", "{%", "{#")
_NAME = re.compile(r"\{\{[ \t\n]*([A-Za-z_][A-Za-z0-9_]*)[ \t\n]*\}\}")
# Words that are no variables in Jinja2.
_RESERVED = frozenset(("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"))


class Template(Protocol):
    def render(self, variables: Mapping[str, Json], read_bytes: ReadBytes) -> str: ...


class SimpleTemplate:
    """Text and bare names: ``"{{ question }}\\nGive only the number."``"""

    __slots__ = ("_names", "_texts")

    def __init__(self, text: str) -> None:
        pieces = _NAME.split(text)
        self._texts, self._names = pieces[0::2], pieces[1::2]

    def render(self, variables: Mapping[str, Json], _read_bytes: ReadBytes) -> str:
        out = [self._texts[0]]
        for name, text in zip(self._names, self._texts[1:], strict=True):
            try:
                value = variables[name]
            except KeyError:
                raise TemplateError(f"`{name}` is missing", name) from None
            out.append(value if type(value) is str else written(value, name))
            out.append(text)
        return "".join(out)


def is_template(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


@lru_cache(maxsize=4096)
def compiled(text: str) -> Template:
    """Compile once. Raises ``TemplateError`` for a syntax error or a construct the sandbox does not have."""
    simple = SimpleTemplate(text)
    rest = _NAME.sub("", text)
    # Jinja2 makes one kind of line break of all: texts with \r go there, so that both ways give the same.
    if not is_template(rest) and "\r" not in text and not _RESERVED.intersection(simple._names):
        return simple
    from evalharness.suite.jinja_sandbox import JinjaTemplate

    return JinjaTemplate(text)


def render_input(prompt: Prompt, case: Case, read_bytes: ReadBytes) -> Json:
    """The ``input`` of a trial's first request: a string, or the list of items with every text rendered.

    Raises ``TemplateError``. ``read_bytes`` serves the filter ``data_url``; what it raises passes through.
    """
    return render_turn(prompt, case, 0, read_bytes)


def render_turn(prompt: Prompt, case: Case, turn_index: int, read_bytes: ReadBytes) -> Json:
    """What the user says in a turn, in the form of ``render_input``, which is turn 0. Raises as that does."""
    return _rendered(turn_template(prompt, turn_index), case.vars, read_bytes)


def turn_template(prompt: Prompt, turn_index: int) -> Json:
    """Raises ``IndexError`` after the last turn."""
    return (prompt.template, *prompt.more_turns)[turn_index]


def input_chars(prompt: Prompt, case: Case) -> int:
    """Characters of all texts of all turns; files of ``data_url`` count nothing."""
    turns = range(1 + len(prompt.more_turns))
    return sum(_text_length(render_turn(prompt, case, turn, lambda _path: b"")) for turn in turns)


def render_params(params: Mapping[str, Json], case: Case) -> dict[str, Json]:
    """A grader's parameters for one case.

    ``expected`` is the expectation as it was written (``1.10`` stays ``1.10``). A text that is one bare name, whose
    value is a list or a mapping, becomes that value: ``values: "{{ expected }}"``. Raises ``TemplateError``.
    """
    variables = dict(case.vars)
    if case.expected_text is not None:
        variables["expected"] = case.expected if isinstance(case.expected, list | dict) else case.expected_text
    return {key: _rendered(value, variables, _no_files, is_native=True) for key, value in params.items()}


def has_templates(value: Json) -> bool:
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, Mapping):
        return any(has_templates(item) for item in value.values())
    return isinstance(value, list | tuple) and any(has_templates(item) for item in value)


def _rendered(value: Json, variables: Mapping[str, Json], read_bytes: ReadBytes, *, is_native: bool = False) -> Json:
    if isinstance(value, str):
        if not is_template(value):
            return value
        if is_native and (bare := _NAME.fullmatch(value.strip())):
            whole = variables.get(bare[1])
            if isinstance(whole, list | dict):
                return whole
        return compiled(value).render(variables, read_bytes)
    if isinstance(value, Mapping):
        return {key: _rendered(item, variables, read_bytes, is_native=is_native) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rendered(item, variables, read_bytes, is_native=is_native) for item in value]
    return value


def _no_files(_path: str) -> bytes:
    raise TemplateError("data_url belongs into prompts: a grader reads no files")


def _text_length(value: Json) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_text_length(item) for item in value.values())
    if isinstance(value, list):
        return sum(_text_length(item) for item in value)
    return 0
