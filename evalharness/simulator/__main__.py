"""``python -m evalharness.simulator``: the simulator as a process of its own.

Prints one JSON line, ``{"base_url": "http://127.0.0.1:PORT/v1"}``, when it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from evalharness.simulator.faults import FaultPlan, load_faults
from evalharness.simulator.player import new_event_loop
from evalharness.simulator.profile import ProfileError, built_in_profiles, load_profile
from evalharness.simulator.server import serve
from evalharness.simulator.service import SimulatorSettings

_STDIN = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after a stop, 2 for wrong options, 5 where port or truth log cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
    except ProfileError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    loop = new_event_loop()
    try:
        loop.run_until_complete(_run(settings, exit_with_parent=options.exit_with_parent))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 5
    finally:
        loop.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evalharness.simulator", description="A simulated model service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", default="default", help=f"a JSON file or one of {', '.join(built_in_profiles())}")
    parser.add_argument("--time-scale", type=float, help="all waiting times this the profile's scale; 0: no waiting")
    parser.add_argument("--faults", type=Path, help="JSON file of rules")
    parser.add_argument("--truth-log", type=Path, help="write what was sent, when, as JSON lines")
    parser.add_argument("--api-key", help="refuse other keys with 401; default: any key")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input closes")
    return parser


def _settings(options: argparse.Namespace) -> SimulatorSettings:
    profile = load_profile(options.profile)
    if options.time_scale is not None:
        if options.time_scale < 0:
            raise ProfileError("--time-scale must be 0 or more")
        profile = replace(profile, time_scale=options.time_scale)
    return SimulatorSettings(
        profile=profile,
        host=options.host,
        port=options.port,
        seed=options.seed,
        faults=FaultPlan() if options.faults is None else load_faults(options.faults),
        truth_log=options.truth_log,
        api_key=options.api_key,
    )


async def _run(settings: SimulatorSettings, *, exit_with_parent: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if exit_with_parent:
        # Ctrl-C reaches the whole process group; the parent decides what becomes of calls in flight.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_wait_for_parent, args=(loop, stop), daemon=True).start()
    else:
        loop.add_signal_handler(signal.SIGINT, stop.set)
    await serve(settings, on_ready=_announce, stop=stop)


def _announce(base_url: str) -> None:
    print(json.dumps({"base_url": base_url}), flush=True)  # noqa: T201


def _wait_for_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A thread and not a reader of the loop: standard input may be a file, which epoll refuses."""
    with suppress(OSError):
        while os.read(_STDIN, 4096):
            pass
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main())
