"""The real small model as a child process, for tests over a real socket."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from evalharness.core.errors import EndpointError
from evalharness.local.weights import cache_folder, find, pull
from tests.support.servers import child


@dataclass(frozen=True)
class LocalModelProcess:
    """A running llama.cpp server with the model loaded. ``base_url`` ends in ``/v1``."""

    base_url: str
    process: subprocess.Popen[bytes]

    @property
    def root_url(self) -> str:
        return self.base_url.removesuffix("/v1")


@contextmanager
def local_model() -> Iterator[LocalModelProcess]:
    """Skips outside CI, with the reason, where the model cannot be had."""
    with child(serve_command(weights_folder())) as (process, base_url):
        yield LocalModelProcess(base_url=base_url, process=process)


def serve_command(folder: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "evalharness.local", "--cache-dir", str(folder), "--exit-with-parent"]
    return [*command, *arguments]


def weights_folder() -> Path:
    """The user's cache where it has the weights; else they are pulled into a folder that lives as long as the tests."""
    if importlib.util.find_spec("xllamacpp") is None:
        without("xllamacpp is not installed (the extra `local`)")
    return cache_folder() if find(cache_folder()) is not None else _own_folder()


@cache
def _own_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="evalharness-weights-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pull_or_skip(folder)
    return folder


def pull_or_skip(folder: Path) -> Path:
    try:
        return pull(folder)
    except EndpointError as error:
        without(error.message)


def without(reason: str) -> NoReturn:
    """A real part is missing: a failure in CI, where it was promised, a skip elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
