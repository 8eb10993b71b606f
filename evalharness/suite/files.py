"""Suites on disk: reads them and the files they name, inside the suite's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import BaseModel

from evalharness import graders
from evalharness.core.errors import Problem, SuiteError, UsageError
from evalharness.core.model import Case, GraderSpec, Suite
from evalharness.core.ports import AskingGrader
from evalharness.suite import yaml_text
from evalharness.suite.code_graders import code_parts
from evalharness.suite.concurrency import never_reached
from evalharness.suite.parse import parse
from evalharness.suite.ports import ReadSettings, SuitePorts, UnreadableFileError
from evalharness.suite.template_values import ReadBytes
from evalharness.suite.templates import render_params

__all__ = ["LoadedSuite", "ReadSettings", "grader_of", "read_suite", "reader_of", "runs_code", "template_text"]

MAX_FILE_BYTES = 2**30
_WARN_YAML_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSuite:
    """``text`` is the file as read. ``warnings`` are for the person; nothing depends on them."""

    suite: Suite
    text: str
    path: Path
    warnings: tuple[Problem, ...] = ()


def read_suite(path: Path, *, settings: ReadSettings | None = None) -> LoadedSuite:
    """Read and check a suite with everything it names.

    Raises ``SuiteError`` with all problems at once, ``UsageError`` for a file that cannot be read at all or an endpoint
    the suite does not have.
    """
    settings = settings if settings is not None else ReadSettings()
    text = _suite_text(path)
    ports = SuitePorts(
        read_bytes=reader_of(path, allow_outside=settings.allow_outside),
        grader_names=graders.names(),
        grader_params=_grader_params,
        simulator_profiles=_simulator_profiles(),
        settings=settings,
    )
    suite = parse(text, str(path), ports)
    warnings = (*_slow(text, str(path)), *never_reached(suite, text, str(path), settings.endpoint))
    return LoadedSuite(suite=suite, text=text, path=path, warnings=warnings)


def reader_of(suite_path: Path, *, allow_outside: bool) -> ReadBytes:
    """Reads files as the suite names them: relative to its folder and, links followed, inside it.

    What it returns raises ``UnreadableFileError``.
    """
    folder = suite_path.parent.resolve()

    def read_bytes(name: str) -> bytes:
        try:
            path = (folder / name).resolve()
            if not allow_outside and not path.is_relative_to(folder):
                raise UnreadableFileError(
                    f"{name} lies outside the suite's folder", hint="move it, or say --allow-outside"
                )
            if not path.is_file():
                what = "is no file" if path.exists() else "does not exist"
                raise UnreadableFileError(f"{name} {what}", hint=f"paths count from the suite's folder, {folder}")
            if path.stat().st_size > MAX_FILE_BYTES:
                raise UnreadableFileError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MiB")
            return path.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:  # no right to read; a NUL in the name; a loop of links
            raise UnreadableFileError(f"{name!r} cannot be read: {error}") from None

    return read_bytes


def grader_of(spec: GraderSpec, case: Case) -> AskingGrader:
    """The grader of a spec with its templates rendered for a case."""
    return graders.build(spec.grader_id, spec.type, render_params(spec.params, case), spec.pass_at)


def runs_code(suite: Suite) -> bool:
    """Whether any grader of the suite, or of a case, does."""
    specs = (*suite.graders, *(spec for case in suite.cases for spec in case.graders))
    return any(True for spec in specs for _ in code_parts(spec.type, spec.params, _grader_params))


def template_text() -> str:
    """The suite that ``evalharness init`` writes: it runs as it is, on the simulator."""
    return Path(__file__).with_name("starter.yaml").read_text(encoding="utf-8")


def _grader_params(grader_type: str) -> type[BaseModel]:
    return cast("type[BaseModel]", graders.load(grader_type).Params)


def _simulator_profiles() -> tuple[str, ...]:
    """By the folder's list: the simulator is a room of its own, and importing it would start nothing but cost time."""
    folder = Path(__file__).parents[1] / "simulator" / "profiles"
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def _suite_text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size > 2 * yaml_text.MAX_BYTES:
            raise UsageError(f"{path} is too large for a suite", hint="put the cases into a JSONL file")
        return path.read_bytes().decode("utf-8-sig")
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder", hint="name the suite file in it") from None
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist", hint="`evalharness init` writes a suite to start from") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8"
        raise SuiteError((Problem(file=str(path), message=message, hint="save the file as UTF-8"),)) from None


def _slow(text: str, file: str) -> tuple[Problem, ...]:
    if len(text) <= _WARN_YAML_BYTES:
        return ()
    hint = "cases in a JSONL file are read thirty times faster"
    return (Problem(file=file, message=f"{len(text) / 2**20:.1f} MiB of YAML are read slowly", hint=hint),)
