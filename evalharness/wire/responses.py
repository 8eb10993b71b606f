"""The Responses API: requests pass through untouched, streams and bodies are read by ``responses_reader``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalharness.core.model import Json
from evalharness.core.ports import Decoder, ResponseHead, Watch, WireRequest
from evalharness.wire.decoder import BodyDecoder
from evalharness.wire.notes import Notes
from evalharness.wire.responses_reader import ResponsesReader
from evalharness.wire.runs_of_deltas import Outlines
from evalharness.wire.settings import CodecSettings
from evalharness.wire.watch import LineWatch

PATH = "/responses"

# An error event is terminal where it opens its message; the same words deeper inside belong to a tool's result.
_TERMINAL = re.compile(
    rb'"type"\s*:\s*"response\.(?:completed|incomplete|failed)"|^data: ?\{\s*"(?:type"\s*:\s*"error"|error"\s*:)',
    re.MULTILINE,
)
#: ``complete`` is in ``incomplete`` as well.
_TERMINAL_SIGNS = (b"complete", b"failed", b'"error"')


class Codec:
    def __init__(self, settings: CodecSettings | None = None) -> None:
        self._settings = settings or CodecSettings()
        self._outlines = Outlines()

    def problems(self, request: Mapping[str, Json], input: Json = "") -> list[str]:  # noqa: ARG002
        """Why this request cannot be sent, one sentence each; values are the service's to judge."""
        found = [
            f"{name}: given by the suite's own {name}, not under request"
            for name in ("model", "input")
            if name in request
        ]
        if not isinstance(request.get("stream", True), bool):
            found.append("stream: must be true or false")
        if request.get("background"):
            found.append("background: an answer that has to be fetched later is not supported")
        return found

    def encode(self, *, model: str, input: Json, request: Mapping[str, Json]) -> WireRequest:
        """Adds ``stream`` (true unless the request says otherwise) and nothing else.

        Raises ``ValueError`` naming every field that cannot be sent.
        """
        if problems := self.problems(request, input):
            raise ValueError("; ".join(problems))
        stream: bool = request.get("stream", True)
        return WireRequest(path=PATH, body={"model": model, "input": input, **request, "stream": stream}, stream=stream)

    def decoder(self, *, head: ResponseHead, stream: bool) -> Decoder:
        notes = Notes()
        reader = ResponsesReader(notes, self._settings, http_status=head.status)
        return BodyDecoder(
            head=head, stream=stream, reader=reader, notes=notes, settings=self._settings, outlines=self._outlines
        )

    def watch(self, *, stream: bool) -> Watch:  # noqa: ARG002 - the body tells what it is, not the request
        return LineWatch(_TERMINAL, signs=_TERMINAL_SIGNS)
