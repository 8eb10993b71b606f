"""What simple templates and Jinja2's share: how a value is written, and how a template fails."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from evalharness.core.model import Json

ReadBytes = Callable[[str], bytes]

MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "txt": "text/plain",
}


class TemplateError(ValueError):
    """A template that cannot be filled. ``variable`` is the name that is missing, None for other mistakes."""

    def __init__(self, message: str, variable: str | None = None) -> None:
        super().__init__(message)
        self.variable = variable


def written(value: Json, name: str = "the value") -> str:
    """A value as text: JSON for everything but text. A null has no text: missing data must not become ``None``."""
    if isinstance(value, str):
        return value
    if value is None:
        raise TemplateError(f"`{name}` is null", name)
    if isinstance(value, bool | int | float | list | dict | tuple):
        return json.dumps(value, ensure_ascii=False)
    raise TemplateError(f"{type(value).__name__} is no value that can be written")


def data_url(path: str, read_bytes: ReadBytes) -> str:
    """A file as ``data:`` URL. The type is told by the name's ending, from a fixed table: the same on every machine."""
    ending = path.rsplit(".", 1)[-1].lower()
    media_type = MEDIA_TYPES.get(ending)
    if media_type is None:
        raise TemplateError(f"data_url does not know the file type of `{path}`; it knows {', '.join(MEDIA_TYPES)}")
    return f"data:{media_type};base64,{base64.b64encode(read_bytes(path)).decode('ascii')}"
