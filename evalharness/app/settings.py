"""Settings of this machine and user, resolved once, with their provenance.

Highest first: flag, ``EVALHARNESS_*`` variable, suite, ``[tool.evalharness]`` of pyproject, user file, default.
What is *measured* is no setting: it is in the suite, narrowed by the plan flags, and in the plan hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from evalharness.core.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Where results go and how much is said; nothing in here changes a measurement.

    ``max_cost_usd`` None: the suite's own budget alone. ``workers``: processes that read sockets beside this one, or
    ``auto``: as many as it takes to read in time.
    """

    out: Path = Path("reports")
    max_cost_usd: float | None = None
    workers: int | str = 0
    env_file: Path | None = None
    allow_code: bool = False
    allow_outside: bool = False
    allow_http: bool = False
    no_report: bool = False
    full_text: bool = False
    external_css: bool = False
    junit: bool = False
    quiet: bool = False
    open: bool = False


#: ``env_file`` names secrets, the others lift protections: a checked-out pyproject may set none of them.
NOT_FROM_PROJECT = frozenset({"env_file", "allow_code", "allow_outside", "allow_http"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """``sources`` says for each setting where its value came from."""

    settings: RunSettings
    sources: Mapping[str, str]


def resolve(
    flags: Mapping[str, Any],
    *,
    environ: Mapping[str, str],
    folder: Path | None = None,
) -> Resolved:
    """Merge all sources. ``flags`` holds what was given on the command line; None means not given.

    Raises:
        UsageError: an unknown setting or a value of the wrong type, with the place it was written.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("flag", {name: value for name, value in flags.items() if value is not None}),
        ("variable", _from_environ(environ)),
        ("pyproject.toml", _from_project(folder or Path.cwd())),
        ("user file", _from_user_file(environ)),
    ]
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for field in fields(RunSettings):
        for source, layer in layers:
            if field.name in layer:
                values[field.name] = _typed(field.name, layer[field.name], source)
                sources[field.name] = source
                break
        else:
            sources[field.name] = "default"
    return Resolved(settings=RunSettings(**values), sources=sources)


def with_suite(resolved: Resolved, *, max_cost_usd: float | None) -> Resolved:
    """The suite's budget in its place: below flags and variables, above files and defaults."""
    if max_cost_usd is None or resolved.sources["max_cost_usd"] in ("flag", "variable"):
        return resolved
    return Resolved(
        settings=replace(resolved.settings, max_cost_usd=max_cost_usd),
        sources={**resolved.sources, "max_cost_usd": "suite"},
    )


def with_env_file(environ: Mapping[str, str], env_file: Path | None) -> Mapping[str, str]:
    """The environment with the variables of a file beneath it. Raises ``UsageError`` for a file that is not there."""
    if env_file is None:
        return environ
    from dotenv import dotenv_values

    if not env_file.is_file():
        raise UsageError(f"--env-file {env_file} {'is no file' if env_file.exists() else 'does not exist'}")
    values = dotenv_values(env_file, interpolate=False)
    return {**{name: value for name, value in values.items() if value is not None}, **environ}


def explain(resolved: Resolved) -> str:
    """One line per setting: name, value, source."""
    rows = [
        (field.name, str(getattr(resolved.settings, field.name)), resolved.sources[field.name])
        for field in fields(RunSettings)
    ]
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{name_width}}  {value:{value_width}}  {source}" for name, value, source in rows)


def _from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    prefix = "EVALHARNESS_"
    known = {field.name for field in fields(RunSettings)}
    return {name: value for name in known if (value := environ.get(prefix + name.upper(), "")) != ""}


def _from_project(folder: Path) -> dict[str, Any]:
    for parent in (folder, *folder.parents):
        path = parent / "pyproject.toml"
        if path.is_file():
            table = _read_toml(path).get("tool", {}).get("evalharness", {})
            _refuse_unknown(table, f"[tool.evalharness] of {path}", allowed_not=NOT_FROM_PROJECT)
            return dict(table)
    return {}


def _from_user_file(environ: Mapping[str, str]) -> dict[str, Any]:
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    path = Path(base) / "evalharness" / "settings.toml"
    if not path.is_file():
        return {}
    table = _read_toml(path)
    _refuse_unknown(table, str(path))
    return table


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise UsageError(f"{path} cannot be read: {problem}") from problem


def _refuse_unknown(table: Mapping[str, Any], place: str, allowed_not: frozenset[str] = frozenset()) -> None:
    known = {field.name for field in fields(RunSettings)} - allowed_not
    for name in table:
        if name not in known:
            raise UsageError(f"{place}: unknown setting '{name}'", hint=f"settings are {', '.join(sorted(known))}")


_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


def _typed(name: str, value: Any, source: str) -> Any:
    """``value`` as the type of its setting; text from variables is read, other types must fit."""
    default = getattr(RunSettings(), name)
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise UsageError(f"setting '{name}' ({source}): '{value}' is neither true nor false")
    if name == "workers":
        return _workers(value, source)
    if name == "max_cost_usd":
        try:
            amount = float(value)
        except (TypeError, ValueError):
            raise UsageError(f"setting '{name}' ({source}): '{value}' is no amount of US dollars") from None
        if not amount >= 0:
            raise UsageError(f"setting '{name}' ({source}): '{value}' is not zero or more")
        return amount
    return Path(value)


def _workers(value: Any, source: str) -> int | str:
    if value == "auto":
        return "auto"
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if isinstance(value, bool) or not 0 <= number <= _MOST_WORKERS:
        raise UsageError(f"setting 'workers' ({source}): '{value}' is neither auto nor a number up to {_MOST_WORKERS}")
    return number


#: More processes than any machine has cores for are a slip of the finger.
_MOST_WORKERS = 256
