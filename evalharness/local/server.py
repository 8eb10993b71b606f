"""llama.cpp's own HTTP server in this process, through ``xllamacpp`` (the extra ``local``)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from evalharness.core.errors import EndpointError

_POLL_S = 0.1
_READY_WITHIN_POLLS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServerSettings:
    """``port`` 0: any free port. ``n_parallel`` answers are generated at once; further requests wait in the server.

    Each gets ``context_tokens`` for prompt and answer together.
    """

    weights: Path
    alias: str
    host: str = "127.0.0.1"
    port: int = 0
    n_parallel: int = 2
    context_tokens: int = 2048


def serve(settings: LocalServerSettings, *, on_ready: Callable[[str], None], stop: threading.Event) -> None:
    """Run until ``stop`` is set. ``on_ready`` gets the base URL once the model answers.

    The server listens before the weights are loaded and answers 503 "Loading model" until then.

    Raises:
        EndpointError: the extra is not installed, or the server cannot start.
    """
    library = _library()
    try:
        server = library.Server(_parameters(library, settings))
    except (RuntimeError, ValueError, OSError) as error:
        raise EndpointError(f"llama.cpp's server did not start on {settings.host}:{settings.port}: {error}") from error
    address = str(server.listening_address)
    _wait_until_healthy(address, stop)
    if not stop.is_set():
        on_ready(f"{address}/v1")
    stop.wait()


def _library() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise EndpointError(
            f"the local model needs llama.cpp, which is not installed ({error})",
            hint="pip install 'evalharness[local]'",
        ) from error
    return xllamacpp


def _parameters(library: Any, settings: LocalServerSettings) -> Any:
    parameters = library.CommonParams()
    parameters.model.path = str(settings.weights)
    parameters.model_alias = {settings.alias}
    parameters.hostnames = [settings.host]
    parameters.port = settings.port
    parameters.n_parallel = settings.n_parallel
    parameters.n_ctx = settings.context_tokens * settings.n_parallel
    # One thread: two on a busy machine with two cores wait for each other at every layer, 50 times slower (measured).
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_gpu_layers = 0
    # Without it a prompt seen before answers sooner: the second arm would look faster than the first.
    parameters.cache_prompt = False
    parameters.warmup = False
    parameters.offline = True
    parameters.cors_origins = settings.host  # by default every web page open in a browser may ask the model
    parameters.verbosity = 1  # errors alone; they go to standard error, standard output is the caller's
    return parameters


def _wait_until_healthy(address: str, stop: threading.Event) -> None:
    for _ in range(_READY_WITHIN_POLLS):
        if stop.is_set() or _is_healthy(address):
            return
        stop.wait(_POLL_S)
    raise EndpointError(f"the local model was not loaded in {_READY_WITHIN_POLLS * _POLL_S:.0f} s")


def _is_healthy(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=5) as answer:
            return bool(json.load(answer).get("status") == "ok")
    except HTTPError as error:
        error.close()
        return False
    except (URLError, TimeoutError, ValueError):
        return False
