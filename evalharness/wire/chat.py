"""Chat completions, for servers that speak nothing newer. What has no counterpart there is refused, never dropped."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.core.model import Json
from evalharness.core.ports import Decoder, ResponseHead, Watch, WireRequest
from evalharness.wire.chat_input import messages_of
from evalharness.wire.chat_reader import ChatReader
from evalharness.wire.chat_request import body_of
from evalharness.wire.decoder import BodyDecoder
from evalharness.wire.notes import Notes
from evalharness.wire.runs_of_deltas import Outlines
from evalharness.wire.settings import CodecSettings
from evalharness.wire.watch import LineWatch

PATH = "/chat/completions"


class Codec:
    def __init__(self, settings: CodecSettings | None = None) -> None:
        self._settings = settings or CodecSettings()
        self._outlines = Outlines()

    def problems(self, request: Mapping[str, Json], input: Json = "") -> list[str]:
        """Every field that chat completions cannot carry, one sentence each, in the order of the request."""
        return [*body_of(request).problems, *messages_of(input).problems]

    def encode(self, *, model: str, input: Json, request: Mapping[str, Json]) -> WireRequest:
        """Adds ``stream`` (true unless the request says otherwise) and, with it, ``stream_options.include_usage``.

        Raises ``ValueError`` naming every field without a counterpart.
        """
        fields, messages = body_of(request), messages_of(input)
        if problems := [*fields.problems, *messages.problems]:
            raise ValueError("; ".join(problems))
        stream: bool = request.get("stream", True)
        body = {"model": model, "messages": [*fields.leading_messages, *messages.messages], **fields.body}
        body["stream"] = stream
        if stream:
            body["stream_options"] = {"include_usage": True, **fields.stream_options}
        return WireRequest(path=PATH, body=body, stream=stream)

    def decoder(self, *, head: ResponseHead, stream: bool) -> Decoder:
        notes = Notes()
        reader = ChatReader(notes, self._settings, http_status=head.status)
        return BodyDecoder(
            head=head, stream=stream, reader=reader, notes=notes, settings=self._settings, outlines=self._outlines
        )

    def watch(self, *, stream: bool) -> Watch:  # noqa: ARG002 - the body tells what it is, not the request
        # The chunk with finish_reason ends the answer, but usage comes after it: only [DONE] says that all is sent.
        return LineWatch()
