"""Servers that live as long as a run: the simulator and the local model, as child processes.

The child prints one JSON line ``{"base_url": …}`` when it is ready and ends when its standard input does, so that it
dies with this process even after kill -9.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from evalharness.core.errors import EndpointError
from evalharness.core.model import Endpoint, EndpointKind

#: Loading 100 MB of weights on a busy machine takes seconds; a child that says nothing for a minute is broken.
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 5.0


@asynccontextmanager
async def base_url_of(endpoint: Endpoint, *, seed: int, suite_folder: Path) -> AsyncIterator[str]:
    """The endpoint's base URL; for ``simulator`` and ``local`` the server runs inside this context.

    Raises:
        EndpointError: the child ended or stayed silent; its own words are in the message.
    """
    if endpoint.kind is EndpointKind.HTTP:
        yield endpoint.target
        return
    if endpoint.kind is EndpointKind.SIMULATOR:
        profile = endpoint.target
        if profile.endswith(".json"):
            # Paths in a suite count from its folder; the child starts in this process's.
            profile = str((suite_folder / profile).resolve())
        async with simulator_at(endpoint, profile, seed=seed) as base_url:
            yield base_url
        return
    async with _child(endpoint, ["-m", "evalharness.local", "--model", endpoint.target]) as base_url:
        yield base_url


@asynccontextmanager
async def simulator_at(
    endpoint: Endpoint, profile: str, *, seed: int, truth_log: Path | None = None
) -> AsyncIterator[str]:
    """The base URL of a simulator of its own. Raises ``EndpointError``, as ``base_url_of`` does."""
    arguments = ["-m", "evalharness.simulator", "--profile", profile, "--seed", str(seed)]
    if truth_log is not None:
        arguments += ["--truth-log", str(truth_log)]
    async with _child(endpoint, arguments) as base_url:
        yield base_url


@asynccontextmanager
async def _child(endpoint: Endpoint, arguments: Sequence[str]) -> AsyncIterator[str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        "--port",
        "0",
        "--exit-with-parent",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    words = asyncio.create_task(_last_words(child))
    try:
        yield await _ready(endpoint, child, words)
    finally:
        await _stop(child)
        await words


async def _ready(endpoint: Endpoint, child: asyncio.subprocess.Process, words: asyncio.Task[str]) -> str:
    assert child.stdout is not None
    try:
        line = await asyncio.wait_for(child.stdout.readline(), READY_WITHIN_S)
    except TimeoutError:
        raise EndpointError(f"endpoint '{endpoint.name}': its server was not ready in {READY_WITHIN_S:.0f} s") from None
    if line:
        return str(json.loads(line)["base_url"])
    said = await words
    server = f"the {endpoint.kind} server '{endpoint.target}'"
    raise EndpointError(f"endpoint '{endpoint.name}': {server} did not start: {said or 'it said nothing'}")


async def _last_words(child: asyncio.subprocess.Process) -> str:
    """The end of what the child writes to stderr, read all along so that its pipe never fills."""
    assert child.stderr is not None
    kept = b""
    while block := await child.stderr.read(65_536):
        kept = (kept + block)[-2_000:]
    return kept.decode("utf-8", "replace").strip()


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    assert child.stdin is not None
    child.stdin.close()
    try:
        await asyncio.wait_for(child.wait(), STOP_WITHIN_S)
    except TimeoutError:
        child.kill()
        await child.wait()
