"""YAML text to values and places, guarded: hostile text ends in a ``SuiteError``, never in a crash or a wait.

The tree is built from the C parser's event stream, in one pass. PyYAML's own composer is not used: the C one crashes
the process at a nesting of about 30,000, the Python one is slow, and both expand aliases. Scalars are resolved as in
YAML 1.2 (JSON's types), because the 1.1 rules of PyYAML turn ``no`` into False, ``012`` into 10, ``12:30:45`` into
45045 and dates into objects.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from evalharness.core.errors import Problem, SuiteError
from evalharness.core.model import Json

MAX_BYTES = 5 * 2**20
MAX_NODES = 100_000
MAX_DEPTH = 50
MAX_NUMBER_DIGITS = 300

Path = tuple[str | int, ...]
Place = tuple[int, int]

# The C parser is missing only where PyYAML was built without libyaml; the marks are the same.
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
# A leading zero makes a postcode or an id, not a number: 007 stays text.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_BASED = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")


@dataclass(slots=True)
class Node:
    """A value with its place (from 1). ``source`` is a scalar's text as written, without quotes.

    ``children`` and ``key_places`` belong to containers: by key for mappings, by index for sequences.
    """

    value: Json
    place: Place
    source: str | None = None
    children: dict[str | int, Node] | None = None
    key_places: dict[str | int, Place] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file's value and, for any path in it, where it stands."""

    file: str
    root: Node

    @property
    def value(self) -> Json:
        return self.root.value

    def nearest(self, path: Path) -> Node:
        """The node at ``path``, or the deepest ancestor that exists."""
        node = self.root
        for part in path:
            child = node.children.get(part) if node.children is not None else None
            if child is None:
                break
            node = child
        return node

    def place(self, path: Path) -> Place:
        return self.nearest(path).place

    def key_place(self, path: Path) -> Place:
        """Where the key itself is written; the place of the nearest value where there is no such key."""
        keys = self.nearest(path[:-1]).key_places if path else None
        if keys is not None and path[-1] in keys:
            return keys[path[-1]]
        return self.place(path)


def load(text: str, file: str) -> Document:
    """Read one YAML document.

    Raises ``SuiteError`` for a syntax error, more than one document, anchors, aliases, tags, duplicate keys, keys that
    are not text, numbers JSON cannot carry, and for more than ``MAX_BYTES``, ``MAX_NODES`` or ``MAX_DEPTH``.
    """
    # A character is at least one byte: the cheap test first, so that a huge text is not encoded to be measured.
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        hint = "put the cases into a JSONL file, which reads thirty times faster"
        raise SuiteError((Problem(file=file, message=f"more than {MAX_BYTES // 2**20} MiB of YAML", hint=hint),))
    try:
        return Document(file, _Builder(yaml.parse(text, Loader=_LOADER)).document())
    except _RefusedError as refusal:
        line, column = refusal.place
        problem = Problem(file=file, message=str(refusal), line=line, column=column, hint=refusal.hint)
    except yaml.MarkedYAMLError as error:
        problem = _syntax_problem(error, file)
    except yaml.reader.ReaderError as error:
        problem = _reader_problem(error, text, file)
    except UnicodeError:
        problem = Problem(file=file, message="the text holds characters that are not Unicode scalar values")
    raise SuiteError((problem,))


class _RefusedError(Exception):
    def __init__(self, message: str, place: Place, hint: str | None = None) -> None:
        super().__init__(message)
        self.place = place
        self.hint = hint


class _Builder:
    """Events to nodes. Recursion is bounded by ``MAX_DEPTH`` of the text."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._n_nodes = 0

    def document(self) -> Node:
        root = Node(value=None, place=(1, 1))
        n_documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    raise _RefusedError("a second document begins here", _place(event), "one file holds one suite")
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, depth=1)
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = _place(event)
        self._n_nodes += 1
        if self._n_nodes > MAX_NODES:
            raise _RefusedError(f"more than {MAX_NODES} values", place, "put the cases into a JSONL file")
        if depth > MAX_DEPTH:
            raise _RefusedError(f"nested more than {MAX_DEPTH} deep", place)
        _refuse_indirection(event, place)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place, depth)
        assert isinstance(event, yaml.ScalarEvent)
        return Node(value=_resolve(event, place), place=place, source=event.value)

    def _sequence(self, place: Place, depth: int) -> Node:
        children: dict[str | int, Node] = {}
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            children[len(children)] = self._node(event, depth + 1)
        return Node(value=[child.value for child in children.values()], place=place, children=children)

    def _mapping(self, place: Place, depth: int) -> Node:
        children: dict[str | int, Node] = {}
        key_places: dict[str | int, Place] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key, key_place = self._key(event, depth), _place(event)
            if key in key_places:
                first = key_places[key]
                raise _RefusedError(
                    f"the key {quoted(key)} is written twice", key_place, f"the first is on line {first[0]}"
                )
            key_places[key] = key_place
            children[key] = self._node(next(self._events), depth + 1)
        value = {key: child.value for key, child in children.items()}
        return Node(value=value, place=place, children=children, key_places=key_places)

    def _key(self, event: yaml.Event, depth: int) -> str:
        node = self._node(event, depth + 1)
        if not isinstance(node.value, str):
            shown = node.source if node.source is not None else "a list or mapping"
            raise _RefusedError(f"a key must be text, not {shown or 'nothing'}", node.place, "put it in quotes")
        return node.value


def quoted(text: str) -> str:
    """``text`` in backticks, shortened and without control characters: safe to print."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return f"`{shown[:60]}…`" if len(shown) > 60 else f"`{shown}`"


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    assert mark is not None  # the parser marks every event
    return mark.line + 1, mark.column + 1


def _refuse_indirection(event: yaml.Event, place: Place) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise _RefusedError(f"an alias (*{event.anchor}) is not allowed", place, "write the value out")
    if getattr(event, "anchor", None) is not None:
        anchor = getattr(event, "anchor", "")
        raise _RefusedError(f"an anchor (&{anchor}) is not allowed", place, "write the value out where it is used")
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise _RefusedError(f"a tag ({tag}) is not allowed", place, "quote the value if it is text")


def _resolve(event: yaml.ScalarEvent, place: Place) -> Json:
    text = event.value
    if not event.implicit[0]:  # quoted, literal or folded: text whatever it looks like
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "-+.0123456789":
        return text
    return _number(text, place)


def _number(text: str, place: Place) -> Json:
    is_int = _INT.match(text)
    is_based = _BASED.match(text)
    if (is_int or is_based) and len(text) > MAX_NUMBER_DIGITS:
        raise _RefusedError(f"a number of more than {MAX_NUMBER_DIGITS} digits", place, "quote it if it is text")
    if is_int:
        return int(text)
    if is_based:
        return int(text, 0)
    if _FLOAT.match(text):
        value = float(text)
        if math.isinf(value):
            raise _RefusedError("the number is too large", place, "quote it if it is text")
        return value
    if _NOT_FINITE.match(text):
        raise _RefusedError(f"{text} is no number that JSON can carry", place, "quote it if it is text")
    return text


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
    message = " ".join(str(part) for part in (error.context, error.problem) if part)
    hint = None
    if error.context_mark is not None and error.context_mark.line + 1 != place[0]:
        hint = f"what is not finished begins on line {error.context_mark.line + 1}"
    return Problem(file=file, message=f"not YAML: {message}", line=place[0], column=place[1], hint=hint)


def _reader_problem(error: yaml.reader.ReaderError, text: str, file: str) -> Problem:
    position = error.position if isinstance(error.position, int) else 0
    line = text.count("\n", 0, position) + 1
    return Problem(file=file, message=f"not YAML: {error.reason}", line=line)
