"""Jinja2 for templates that do more than name variables: conditions, loops, filters, and nothing that can run away.

The limits are counted in steps and characters, not in time: the same template ends the same way on every machine.
The language is cut down to nodes whose cost is bounded by the size of template and data: no calls, no macros
(recursion), no ``set`` (doubling), no ``*`` and ``%`` (``"a" * 10**9``), and loops share a budget of steps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes, pass_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalharness.core.model import Json
from evalharness.suite.template_values import ReadBytes, TemplateError, data_url, written

MAX_TEMPLATE_CHARS = 2**20
MAX_OUTPUT_CHARS = 64 * 2**20
MAX_LOOP_STEPS = 100_000
MAX_ARGUMENT = 10_000

# Names no template can spell: the parser allows no such characters in a name.
_READ_BYTES, _STEPS = "\0read_bytes", "\0steps"
_BOUNDED = "\0bounded"

_ALLOWED_NODES = frozenset(
    (
        *("Template", "Output", "TemplateData", "Name", "Const", "Tuple", "List", "Dict", "Pair", "Keyword"),
        *("If", "For", "CondExpr", "Filter", "Test", "Getattr", "Getitem", "Slice", "Compare", "Operand"),
        *("And", "Or", "Not", "Add", "Sub", "Div", "Neg", "Pos"),
    )
)
_WORDS = {
    "Call": "calls (use a filter: `x | upper`)",
    "Mul": "`*`",
    "Mod": "`%`",
    "Pow": "`**`",
    "FloorDiv": "`//`",
    "Concat": "`~` (write `{{ a }}{{ b }}`)",
    "Assign": "`set`",
    "AssignBlock": "`set`",
    "Macro": "macros",
}
FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "first", "float", "int", "last", "length", "list", "lower"),
    *("max", "min", "reverse", "round", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper"),
)
_TESTS = (
    *("boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "in", "integer"),
    *("iterable", "le", "lt", "mapping", "ne", "none", "number", "odd", "sequence", "string", "true", "undefined"),
)
_MISSING = re.compile(r"'(\w+)' is undefined")


class JinjaTemplate:
    """Compiled once. Raises ``TemplateError`` for a syntax error and for what the sandbox does not have."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEMPLATE_CHARS:
            raise TemplateError(f"the template is longer than {MAX_TEMPLATE_CHARS} characters")
        try:
            tree = _ENVIRONMENT.parse(text)
            _restrict(tree)
            code = _ENVIRONMENT.compile(tree)
        except TemplateSyntaxError as error:
            raise TemplateError(f"line {error.lineno} of the template: {error.message}") from None
        except RecursionError:
            raise TemplateError("the template is nested too deep") from None
        self._template = _ENVIRONMENT.template_class.from_code(_ENVIRONMENT, code, {})

    def render(self, variables: Mapping[str, Json], read_bytes: ReadBytes) -> str:
        hidden = {_READ_BYTES: read_bytes, _STEPS: _Steps()}
        try:
            return _joined(self._template.generate({**variables, **hidden}))
        except UndefinedError as error:
            message = error.message or "a value is missing"
            missing = _MISSING.fullmatch(message)
            raise TemplateError(f"`{missing[1]}` is missing" if missing else message, missing and missing[1]) from None
        except (TemplateRuntimeError, TypeError, ArithmeticError, RecursionError, LookupError) as error:
            raise TemplateError(f"{type(error).__name__}: {error}") from None


class _Steps:
    def __init__(self) -> None:
        self.left = MAX_LOOP_STEPS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TemplateError(f"the template's loops take more than {MAX_LOOP_STEPS} steps")


class _Environment(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """Keys of mappings and the loop's own counters: no attribute of any other object is reachable."""
        if isinstance(obj, StrictUndefined):
            return obj
        if isinstance(obj, LoopContext) and not attribute.startswith("_"):
            return super().getattr(obj, attribute)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Items alone: Jinja's own falls back to attributes."""
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)


def _joined(chunks: Iterable[str]) -> str:
    out: list[str] = []
    length = 0
    for chunk in chunks:
        length += len(chunk)
        if length > MAX_OUTPUT_CHARS:
            raise TemplateError(f"the rendered text is longer than {MAX_OUTPUT_CHARS} characters")
        out.append(chunk)
    return "".join(out)


def _restrict(tree: nodes.Template) -> None:
    """Refuse what is not allowed and count every loop. Changes ``tree``."""
    for node in list(_all_nodes(tree)):
        kind = type(node).__name__
        if kind not in _ALLOWED_NODES:
            raise TemplateSyntaxError(f"{_WORDS.get(kind, kind)} cannot be used here", node.lineno)
        if isinstance(node, nodes.For):
            if node.recursive:
                raise TemplateSyntaxError("recursive loops cannot be used here", node.lineno)
            node.iter = nodes.Filter(node.iter, _BOUNDED, [], [], None, None, lineno=node.lineno)


def _all_nodes(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all_nodes(child)


@pass_context
def _bounded(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    steps = context[_STEPS]
    for value in values:
        steps.take()
        yield value


@pass_context
def _data_url(context: Context, path: object) -> str:
    return data_url(str(path), context[_READ_BYTES])


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose numbers are small (``round(10**9)`` would compute for ever) and that makes no text of a null."""
    at = 1 if hasattr(function, "jinja_pass_arg") else 0  # position of the value

    def guarded(*arguments: Any, **named: Any) -> Any:
        if arguments[at] is None and name not in ("default", "d"):
            raise TemplateError(f"a null goes into the filter `{name}`")
        for argument in (*arguments[at + 1 :], *named.values()):
            if isinstance(argument, int) and abs(argument) > MAX_ARGUMENT:
                raise TemplateError(f"a filter's argument is larger than {MAX_ARGUMENT}")
        return function(*arguments, **named)

    if at:
        guarded.jinja_pass_arg = function.jinja_pass_arg  # type: ignore[attr-defined]
    return guarded


def _join(values: Iterable[Any], separator: str = "") -> str:
    return _joined(_with_separator([written(value) for value in values], separator))


def _with_separator(texts: list[str], separator: str) -> Iterator[str]:
    for index, text in enumerate(texts):
        if index:
            yield separator
        yield text


def _replace(text: str, old: str, new: str) -> str:
    text = written(text)
    if len(text) + (text.count(old) if old else len(text) + 1) * len(new) > MAX_OUTPUT_CHARS:
        raise TemplateError(f"the replaced text is longer than {MAX_OUTPUT_CHARS} characters")
    return text.replace(old, new)


def _to_json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _finalize(value: Any) -> str:
    if isinstance(value, StrictUndefined):
        return str(value)  # raises, with the name
    return written(value)


def _environment() -> _Environment:
    environment = _Environment(
        undefined=StrictUndefined, finalize=_finalize, keep_trailing_newline=True, cache_size=0, autoescape=False
    )
    own = {"join": _join, "replace": _replace, "tojson": _to_json, "data_url": _data_url, _BOUNDED: _bounded}
    environment.filters = {name: _guarded(name, environment.filters[name]) for name in FILTERS} | own
    environment.tests = {name: environment.tests[name] for name in (*_TESTS, "==", "!=", "<", ">", "<=", ">=")}
    environment.globals = {}
    return environment


_ENVIRONMENT = _environment()
