"""What parsing a suite needs from outside: files, graders, variables. ``files`` connects it; tests pass fakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from evalharness.core.errors import UsageError


class UnreadableFileError(UsageError):
    """A file the suite names cannot be read, or may not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """``endpoint`` is the name given on the command line, None for the suite's own choice."""

    endpoint: str | None = None
    allow_outside: bool = False
    allow_http: bool = False
    allow_code: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePorts:
    """``read_bytes`` takes a path as the suite writes it and raises ``UnreadableFileError``.

    ``grader_params`` gives the pydantic model of a type's keys. It is validated without context while templates are
    unrendered, and with ``{"rendered": True}`` after.
    """

    read_bytes: Callable[[str], bytes]
    grader_names: tuple[str, ...]
    grader_params: Callable[[str], type[BaseModel]]
    simulator_profiles: tuple[str, ...]
    settings: ReadSettings = field(default_factory=ReadSettings)
