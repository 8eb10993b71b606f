"""A call as a shell command that anybody can run again."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping

from evalharness.core.model import Endpoint, EndpointKind, Json

#: Longer ``data:`` URLs are named and not shown: a page with four copies of a photograph helps nobody.
SHOWN_DATA_URL_CHARACTERS = 500
_DATA_URL = re.compile(rf"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/=]{{{SHOWN_DATA_URL_CHARACTERS},}})")


def curl(endpoint: Endpoint, body: Mapping[str, Json]) -> str:
    """The key is a variable's name, never its value; the body a quoted here-document whose end mark does not occur in
    it. The address of a server that lives as long as a run is ``$BASE_URL``."""
    path = "/chat/completions" if endpoint.protocol == "chat" else "/responses"
    base = endpoint.target.rstrip("/") if endpoint.kind is EndpointKind.HTTP else "$BASE_URL"
    url = shlex.quote(base + path) if endpoint.kind is EndpointKind.HTTP else f'"{base}{path}"'
    text = json.dumps(body, indent=1, ensure_ascii=False)
    mark = "BODY"
    while mark in text:
        mark += "_"
    key = f' -H "authorization: Bearer ${endpoint.api_key_env}"' if endpoint.api_key_env else ""
    return f"curl -N {url}{key} -H 'content-type: application/json' --data-binary @- <<'{mark}'\n{text}\n{mark}"


def without_files(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The body with long ``data:`` URLs replaced by what they hold: type, size and hash."""
    shortened: Mapping[str, Json] = json.loads(_DATA_URL.sub(_named, json.dumps(body)))
    return shortened


def _named(match: re.Match[str]) -> str:
    digest = hashlib.sha256(match[2].encode("ascii")).hexdigest()[:16]
    return f"data:{match[1]};base64,({len(match[2]):,} characters, sha256 of them {digest}…)"
