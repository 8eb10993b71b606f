"""What the user or the machine got wrong. What a *service* did wrong is data: see ``failure.py``.

The whole tree::

    EvalharnessError
      UsageError            exit 2   a flag, a path, a name on the command line
        SuiteError          exit 2   problems of a suite file, all at once
        PlanChangedError    exit 2   an unfinished run was planned differently
      EndpointError         exit 4   an endpoint cannot be used: key missing, child process died
      StoreError            exit 5   run folder or output cannot be read, written or locked
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit codes; the table in the interface documentation is the only other place."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    ABORTED = 4
    STORE = 5
    INCONCLUSIVE = 6
    INTERRUPTED = 130


class EvalharnessError(Exception):
    """An expected error: printed as one sentence and a hint, never as a traceback."""

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EvalharnessError):
    """The command line asks for something that cannot be done."""


#: Who mends so many mistakes looks again before the next ones.
_MOST_SHOWN = 100
_MOST_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a suite or in a file it names.

    ``line`` and ``column`` count from 1 and are None where the mistake has no place in a text
    (a missing file). ``key_path`` is written as in ``sweep.axes.reasoning.effort[2]``.
    """

    file: str
    message: str
    line: int | None = None
    column: int | None = None
    key_path: str = ""
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        key = f" {self.key_path}:" if self.key_path else ""
        hint = f" ({_shortened(self.hint)})" if self.hint else ""
        return f"{place}:{_shortened(key)} {_shortened(self.message)}{hint}"


def _shortened(text: str) -> str:
    """What a mistake quotes may be a megabyte long."""
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"


class SuiteError(UsageError):
    """Everything that is wrong with a suite, in the order of the file. The message shows the first hundred."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        count = f"{len(problems):,} problem" + ("" if len(problems) == 1 else "s")
        lines = [str(problem) for problem in problems[:_MOST_SHOWN]]
        if len(problems) > _MOST_SHOWN:
            lines.append(f"and {len(problems) - _MOST_SHOWN:,} more")
        super().__init__(f"{count} in the suite\n" + "\n".join(lines))
        self.problems = problems


class PlanChangedError(UsageError):
    """The newest run of the suite is unfinished and was planned differently."""


class EndpointError(EvalharnessError):
    """An endpoint cannot be used at all."""

    exit_code = ExitCode.ABORTED


class StoreError(EvalharnessError):
    """A run folder or an output file cannot be read, written or locked."""

    exit_code = ExitCode.STORE
