"""Suites in memory for tests: a text, files by name, no disk."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness import graders
from evalharness.core.model import Suite
from evalharness.suite.parse import parse
from evalharness.suite.ports import ReadSettings, SuitePorts, UnreadableFileError

HEAD = """\
suite: made-up
endpoints:
  sim: {simulator: default, model: sim-mini}
prompts: {plain: "{{ question }}"}
graders:
  - {id: answer, type: exact, expected: "{{ expected }}"}
"""
ONE_CASE = """\
cases:
  - {id: a, vars: {question: "1 + 1?"}, expected: "2"}
"""


def parsed(
    text: str, files: Mapping[str, bytes] | None = None, *, settings: ReadSettings | None = None, file: str = "s.yaml"
) -> Suite:
    """``text`` as a suite; ``files`` are what it may read."""

    def read_bytes(name: str) -> bytes:
        try:
            return (files or {})[name]
        except KeyError:
            raise UnreadableFileError(f"{name} does not exist") from None

    ports = SuitePorts(
        read_bytes=read_bytes,
        grader_names=graders.names(),
        grader_params=lambda name: graders.load(name).Params,
        simulator_profiles=("default", "instant"),
        settings=settings or ReadSettings(),
    )
    return parse(text, file, ports)
