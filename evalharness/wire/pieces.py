"""Deltas, kept by what they belong to and put together when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

PartT = TypeVar("PartT")


class OutputTooLargeError(ValueError):
    """The output is larger than the endpoint's limit allows."""


class Pieces(Generic[PartT]):
    """Linear in the text: pieces are joined once. Places keep the order in which they first appeared."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._n_chars = 0
        self._pieces: dict[PartT, dict[object, list[str]]] = {}

    def add(self, part: PartT, place: object, texts: Sequence[str]) -> None:
        """Raises ``OutputTooLargeError``, and adds nothing, where there would be more characters than bytes allowed."""
        n_chars = self._n_chars + sum(map(len, texts))
        if n_chars > self._max_bytes:
            raise OutputTooLargeError(f"the output is larger than {self._max_bytes} bytes")
        self._n_chars = n_chars
        self._pieces.setdefault(part, {}).setdefault(place, []).extend(texts)

    def has(self, part: PartT) -> bool:
        return part in self._pieces

    def text(self, part: PartT) -> str:
        return "".join("".join(pieces) for pieces in self._pieces.get(part, {}).values())

    def text_at(self, part: PartT, place: object) -> str:
        return "".join(self._pieces.get(part, {}).get(place, ()))


def check_output(texts: Iterable[str | None], max_bytes: int) -> None:
    """Raises ``OutputTooLargeError`` where one of the final texts is over the limit, which no delta may have
    announced."""
    if any(len((text or "").encode("utf-8", "surrogatepass")) > max_bytes for text in texts):
        raise OutputTooLargeError(f"the output is larger than {max_bytes} bytes")
