"""Mistakes as ``Problem``s: found by path, told with line, column, key path and a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from evalharness.core.errors import Problem, SuiteError
from evalharness.core.model import Json
from evalharness.suite import later
from evalharness.suite.keys import keys_at, pattern_of
from evalharness.suite.load_parts import SHAPES, shapes_with
from evalharness.suite.yaml_text import Document, Path, quoted

#: A broken file of a million rows must not print a million lines.
MAX_PROBLEMS_PER_FILE = 50


def near(word: object, options: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The option most like ``word``, None where none is."""
    import difflib  # needed for mistakes only

    known = {option.lower(): option for option in options}
    for lowered, option in known.items():
        if lowered.rsplit(".", 1)[-1] == str(word).lower():  # `effort` for `reasoning.effort`
            return option
    found = difflib.get_close_matches(str(word).lower(), known, n=1, cutoff=cutoff)
    return known[found[0]] if found else None


def did_you_mean(word: object, options: Sequence[str]) -> str:
    found = near(word, options)
    if found is not None:
        return f"did you mean `{found}`?"
    return "one of: " + ", ".join(options) if options else "there are none"


def key_path(path: Path) -> str:
    """``sweep.axes.reasoning.effort[2]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake before it has a place. ``at_key``: the key is wrong, not its value."""

    path: Path
    message: str
    hint: str | None = None
    at_key: bool = False


Report = Callable[[Mistake], None]


class Problems:
    """Collects the mistakes of one suite. ``broken`` holds the top-level keys that have one."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._found: list[Problem] = []
        self._told: set[tuple[Path, str]] = set()
        self._per_file: dict[str, int] = {}
        self.broken: set[str] = set()

    def add(self, path: Path, message: str, hint: str | None = None, *, at_key: bool = False) -> None:
        """A mistake in the suite file itself; the same one at the same place is told once."""
        self.report(Mistake(path, message, hint, at_key))

    def report(self, mistake: Mistake) -> None:
        path = mistake.path
        if (path, mistake.message) in self._told:
            return
        self._told.add((path, mistake.message))
        if path:
            self.broken.add(str(path[0]))
        line, column = self.document.key_place(path) if mistake.at_key else self.document.place(path)
        self._found.append(_problem(mistake, self.document.file, line, column))

    def add_elsewhere(self, problem: Problem, section: str = "cases") -> None:
        """A mistake in a file that ``section`` of the suite names."""
        count = self._per_file[problem.file] = self._per_file.get(problem.file, 0) + 1
        self.broken.add(section)
        if count < MAX_PROBLEMS_PER_FILE:
            self._found.append(problem)
        elif count == MAX_PROBLEMS_PER_FILE:
            self._found.append(
                Problem(file=problem.file, message="from here on nothing more is listed", line=problem.line)
            )

    def reporter_at(self, file: str, line: int | None) -> Report:
        """For mistakes in one row of another file; their paths count from the row."""
        return lambda mistake: self.add_elsewhere(_problem(mistake, file, line, None))

    def raise_if_any(self) -> None:
        """Raises ``SuiteError`` with all mistakes: those of the suite in its order, then those of other files."""
        if not self._found:
            return
        own = self.document.file
        ordered = sorted(self._found, key=lambda each: (each.file != own, each.file, each.line or 0, each.column or 0))
        raise SuiteError(tuple(ordered))


def _problem(mistake: Mistake, file: str, line: int | None, column: int | None) -> Problem:
    shown = key_path(mistake.path)
    return Problem(file=file, message=mistake.message, line=line, column=column, key_path=shown, hint=mistake.hint)


def invalid(error: ValidationError, model: type[BaseModel], value: Json, prefix: Path = ()) -> list[Mistake]:
    """Everything pydantic found in ``value``, which stands at ``prefix``, against ``model``.

    Of several mistakes at one path the first is told: the others are the further members of a union.
    """
    found: dict[Path, Mistake] = {}
    details = error.errors(include_url=False)
    # What is not supported yet needs other keys: asking for those that it does without would mislead.
    planned = {_path(value, each["loc"])[:-1] for each in details if _is_planned((*prefix, *_path(value, each["loc"])))}
    for detail in details:
        inside = _path(value, detail["loc"])
        path = (*prefix, *inside)
        if detail["type"] == "missing" and inside[:-1] in planned:
            continue
        if path not in found:
            found[path] = _mistake(path, detail, keys_at(model, pattern_of(path)[len(prefix) : -1]))
    return list(found.values())


def _is_planned(path: Path) -> bool:
    return pattern_of(path) in later.KEYS


def _path(value: Json, location: Sequence[str | int]) -> Path:
    """Pydantic's location as a path into ``value``: without tags of unions and names of their members."""
    path: list[str | int] = []
    for part in location:
        is_key = isinstance(value, dict) and part in value  # a suite may call a key anything, `<<` too
        if part == "[key]" or (str(part).startswith("<") and not is_key):
            continue
        if not isinstance(value, dict | list):  # a scalar: what follows names a member of a union
            break
        path.append(part)
        is_there = part in value if isinstance(value, dict) else isinstance(part, int) and part < len(value)
        value = value[part] if is_there else None  # type: ignore[index]
    return tuple(path)


def _mistake(path: Path, detail: Any, options: Sequence[str]) -> Mistake:
    kind = detail["type"]
    in_key = "[key]" in detail["loc"]
    if kind == "extra_forbidden":
        if path[0] == "load" and len(path) == 2:
            return _key_of_no_shape(path, detail["loc"][1].strip("<>"))
        return _unknown_key(path, options)
    if kind == "union_tag_invalid":
        return _unknown_shape(path, detail)
    if kind == "missing":
        return Mistake(path[:-1], f"`{path[-1]}` is missing", at_key=len(path) > 1)
    if kind == "literal_error":
        return _unknown_value(path, detail, in_key)
    message, hint = _wording(kind, detail)
    return Mistake(path, message, hint, in_key)


def _unknown_key(path: Path, options: Sequence[str]) -> Mistake:
    planned = later.KEYS.get(pattern_of(path))
    if planned is not None:
        return Mistake(path, f"not supported yet: {planned}", at_key=True)
    hint = _unknown_key_hint(path, options)
    return Mistake(path, f"unknown key {quoted(str(path[-1]))}", hint, at_key=True)


def _key_of_no_shape(path: Path, shape: str) -> Mistake:
    """A key that ``shape`` does not have, though another may."""
    key = str(path[-1])
    shapes = shapes_with(key)
    if not shapes:
        return _unknown_key(path, tuple(SHAPES[shape].model_fields))
    hint = "it belongs to `shape: " + "`, `".join(shapes) + "`"
    return Mistake(path, f"{quoted(key)} is no key of `shape: {shape}`", hint, at_key=True)


def _unknown_shape(path: Path, detail: Any) -> Mistake:
    """A mapping whose kind is told by its ``shape``: as long as that is unknown, no other key can be judged."""
    shape = detail["input"]["shape"]
    return Mistake((*path, "shape"), f"{named(shape)} is not known here", did_you_mean(shape, tuple(SHAPES)))


def _unknown_key_hint(path: Path, options: Sequence[str]) -> str:
    if path[0] == "endpoints" and "key" in str(path[-1]).lower():
        return "keys are never written into a suite: name the variable that holds it, `api_key_env: NAME`"
    return did_you_mean(path[-1], options)


def _unknown_value(path: Path, detail: Any, in_key: bool) -> Mistake:
    value = detail["input"]
    expected = detail["ctx"]["expected"]
    if expected == "True":
        return Mistake(path, f"must be true, not {shown(value)}", "or delete the key", in_key)
    options = [option.strip("'") for option in expected.replace(" or ", ", ").split(", ")]
    return Mistake(path, f"{named(value)} is not known here", did_you_mean(value, options), in_key)


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}


def _wording(kind: str, detail: Any) -> tuple[str, str | None]:
    value, context = detail["input"], detail.get("ctx", {})
    if kind == "list_type" and detail["loc"][-1] == "<list>":
        return f"must be text or a list, not {shown(value)}", None
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {shown(value)}", _type_hint(kind, value)
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        word = {"greater_than": "more than", "greater_than_equal": "at least", "less_than": "less than"}
        bound = context.get("gt", context.get("ge", context.get("lt", context.get("le"))))
        return f"must be {word.get(kind, 'at most')} {bound:g}, not {shown(value)}", None
    if kind == "too_short" and context["min_length"] > 1:
        return f"must have at least {context['min_length']} entries", None
    if kind in ("too_short", "string_too_short"):
        return "must not be empty", None
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"{quoted(value)} does not match {context['pattern']}"), None
    return detail["msg"].removeprefix("Value error, "), None


_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,99}$": "a suite's name has a-z, 0-9 and `-` only, at most 100 of them",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$": "a name has letters, digits, `_`, `.` and `-` only, at most 100 of them",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "this is not the name of a variable (the key itself never stands in a suite)",
    r"^\d{4}-\d{2}-\d{2}$": "a day is written as 2026-11-01",
}


def _type_hint(kind: str, value: object) -> str | None:
    if kind == "string_type" and value is not None and not isinstance(value, list | dict):
        return "put it in quotes"
    if kind in ("int_type", "float_type") and isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        return "write it without quotes"
    if kind == "bool_type" and value in ("yes", "no", "on", "off"):
        return "only `true` and `false` are"
    return None


def named(value: object) -> str:
    """A value as the name of something: text without saying that it is text."""
    return quoted(value) if isinstance(value, str) else shown(value)


def shown(value: object) -> str:
    """A value of the file in words, safe to print."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return quoted(str(value)) if not isinstance(value, str) else f"the text {quoted(value)}"
