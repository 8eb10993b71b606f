"""``python -m evalharness.simulator``: the simulator as a process of its own.

Prints one JSON line, ``{"base_url": "http://127.0.0.1:PORT/v1"}``, when it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.simulator.departures import DepartureLoop
from evalharness.simulator.faults import FaultPlan, load_faults
from evalharness.simulator.profile import ProfileError, built_in_profiles, load_profile
from evalharness.simulator.server import serve
from evalharness.simulator.service import SimulatorSettings
from evalharness.simulator.tls import TlsFiles

_STDIN = 0
#: The kernel may be late by this much to bundle wake-ups; 50 us is Linux's default, which every event would be late.
_TIMER_SLACK = Path("/proc/self/timerslack_ns")
_TIMER_SLACK_NS = 1_000
#: Python's default makes it look through all objects so often that with 2,000 open streams it shows as lateness.
_COLLECT_AFTER = (20_000, 20, 100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after a stop, 2 for wrong options, 5 where address, certificate or truth log cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
    except ProfileError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    _prepare_process()
    loop = DepartureLoop()
    try:
        served = loop.run_until_complete(_run(settings, exit_with_parent=options.exit_with_parent))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 5
    finally:
        loop.close()
    if not options.exit_with_parent:
        print(_summary(served), file=sys.stderr)  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evalharness.simulator", description="A simulated model service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--unix", type=Path, metavar="PATH", help="listen on this Unix socket instead")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, where the certificate's file has none")
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
    if options.tls_key is not None and options.tls_cert is None:
        raise ProfileError("--tls-key needs --tls-cert")
    return SimulatorSettings(
        profile=profile,
        host=options.host,
        port=options.port,
        unix=options.unix,
        tls=None if options.tls_cert is None else TlsFiles(certificate=options.tls_cert, key=options.tls_key),
        seed=options.seed,
        faults=FaultPlan() if options.faults is None else load_faults(options.faults),
        truth_log=options.truth_log,
        api_key=options.api_key,
    )


def _prepare_process() -> None:
    """What keeps a server of many streams on time; without permission it serves all the same."""
    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with suppress(OSError):
        _TIMER_SLACK.write_text(str(_TIMER_SLACK_NS))
    gc.set_threshold(*_COLLECT_AFTER)
    gc.freeze()


async def _run(settings: SimulatorSettings, *, exit_with_parent: bool) -> dict[str, Any]:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if exit_with_parent:
        # Ctrl-C reaches the whole process group; the parent decides what becomes of calls in flight.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_wait_for_parent, args=(loop, stop), daemon=True).start()
    else:
        loop.add_signal_handler(signal.SIGINT, stop.set)
    return await serve(settings, on_ready=_announce, stop=stop)


def _announce(address: Mapping[str, str]) -> None:
    print(json.dumps(address), flush=True)  # noqa: T201


def _summary(served: Mapping[str, Any]) -> str:
    late, n_requests, n_events = served["lateness_ms"], served["n_requests"], served["n_events"]
    requests = f"served {n_requests} request{'s' * (n_requests != 1)}"
    if late is None:
        return requests
    return (
        f"{requests} and {n_events} event{'s' * (n_events != 1)}, which left late by "
        f"{late['0.5']:.3f} ms (p50), {late['0.99']:.3f} ms (p99), {late['max']:.3f} ms (max)"
    )


def _wait_for_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A thread and not a reader of the loop: standard input may be a file, which epoll refuses."""
    with suppress(OSError):
        while os.read(_STDIN, 4096):
            pass
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main())
