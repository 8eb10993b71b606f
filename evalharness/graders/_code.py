"""What graders that run code share: keys, and what an end that was not the code's own says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from evalharness.core.model import Json
from evalharness.core.ports import CodeAnswer, CodeEnd
from evalharness.graders._params import GraderParams

MEMORY, WALL_SHARE = "512 MiB", 4

_SIGNALS = {
    "4": "SIGILL",
    "6": "SIGABRT",
    "7": "SIGBUS",
    "8": "SIGFPE",
    "9": "SIGKILL",
    "11": "SIGSEGV",
    "15": "SIGTERM",
}


def _written_out(name: str) -> str:
    if "{{" in name or "{%" in name:
        raise ValueError("is written out: a file is read before any case is known")
    return name


FileName = Annotated[str, AfterValidator(_written_out)]
Files = Annotated[
    list[FileName], Field(description="Further files of the suite's folder that the code may import or read.")
]
Seconds = Annotated[int, Field(ge=1, le=60, description="Processor time; four times as much may pass in all.")]


class CodeParams(GraderParams):
    """Keys of a grader that runs code: only with ``--allow-code``."""

    runs_code: ClassVar[bool] = True

    files: Files = Field(default_factory=list)
    cpu_s: Seconds = 5

    @classmethod
    def files_in(cls, params: Mapping[str, Json]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Key path and name of each file among keys as a suite wrote them, checked or not."""
        files = params.get("files")
        for at, name in enumerate(files if isinstance(files, list) else ()):
            if isinstance(name, str):
                yield ("files", at), name


def said(text: object) -> str:
    """What code says as a reason: bounded, and text that can be stored."""
    return str(text).encode(errors="backslashreplace").decode()[:500]


def why_nothing_is_known(answer: CodeAnswer) -> str | None:
    """Set where the code was not run, or the machine did not let it run: nobody's answer is wrong then."""
    if answer.end is CodeEnd.REFUSED:
        return f"the code was not run: {answer.detail}"
    if answer.end is CodeEnd.STARVED:
        return f"the machine was too busy: the code waited {answer.detail} for a processor"
    return None


def how_it_ended(answer: CodeAnswer, cpu_s: int) -> str:
    """In words, for code that did not come to its own end."""
    words = {
        CodeEnd.CPU: f"computed for more than {cpu_s} s",
        CodeEnd.WALL: f"was not done after {WALL_SHARE * cpu_s} s",
        CodeEnd.MEMORY: f"took more than {MEMORY} of memory",
        CodeEnd.OUTPUT: "printed more than 1 MiB",
        CodeEnd.SIGNAL: f"was ended by {_SIGNALS.get(answer.detail, f'signal {answer.detail}')}",
    }
    return words.get(answer.end, "ended before it was through")
