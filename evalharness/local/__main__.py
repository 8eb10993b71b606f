"""``python -m evalharness.local``: a local model as a process of its own.

Prints one JSON line, ``{"base_url": "http://127.0.0.1:PORT/v1"}``, when the model answers.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from evalharness.core.errors import EndpointError, EvalharnessError
from evalharness.local.catalogue import MODELS, SMOLLM2, local_model
from evalharness.local.server import LocalServerSettings, serve
from evalharness.local.weights import cache_folder, find


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of the error that ended it; a stop ends the process with 0 at once."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    try:
        settings = _settings(options)
        _obey_signals(stop, exit_with_parent=options.exit_with_parent)
        serve(settings, on_ready=_announce, stop=stop)
    except EvalharnessError as error:
        hint = f" ({error.hint})" if error.hint else ""
        print(f"error: {error.message}{hint}", file=sys.stderr)  # noqa: T201
        return int(error.exit_code)
    # Taking llama.cpp's server down in order waits for answers in flight, and nobody is there to read them.
    os._exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evalharness.local", description="A real small model, served here.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--model", default=SMOLLM2.name, help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--cache-dir", type=Path, default=cache_folder(), help="where the weights are")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input closes")
    return parser


def _settings(options: argparse.Namespace) -> LocalServerSettings:
    model = local_model(options.model)
    weights = find(options.cache_dir, model)
    if weights is None:
        raise EndpointError(
            f"the weights of {model.name} are not here yet", hint="get them once: evalharness local pull"
        )
    return LocalServerSettings(weights=weights, alias=model.name, host=options.host, port=options.port)


def _obey_signals(stop: threading.Event, *, exit_with_parent: bool) -> None:
    def end(_signal: int, _frame: object) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    # Ctrl-C reaches the whole process group; with a parent, the parent decides what becomes of calls in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN if exit_with_parent else end)
    if exit_with_parent:
        threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()


def _wait_for_parent(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


def _announce(base_url: str) -> None:
    print(json.dumps({"base_url": base_url}), flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
