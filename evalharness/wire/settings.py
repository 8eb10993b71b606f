"""What a codec has to know of its endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from evalharness.core.model import Limits

#: A terminal event repeats the whole answer in JSON, where a character may take several bytes, beside ids and echoes.
_EVENT_SHARE = 2
_EVENT_FLOOR_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSettings:
    """``secrets`` are taken out of every message and excerpt a decoder makes; they are never shown by ``repr``."""

    limits: Limits = field(default_factory=Limits)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def max_event_bytes(self) -> int:
        """The size of one event, and of a body that is not streamed."""
        return max(_EVENT_FLOOR_BYTES, _EVENT_SHARE * self.limits.max_output_bytes)
