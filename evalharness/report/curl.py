"""A call as a command and as a program that anybody can run again. The key is named by its variable, never by value."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping

from evalharness.core.model import Endpoint, EndpointKind, Json
from evalharness.report.visible import json_escaped

#: Longer ``data:`` URLs are named and not shown: a page with four copies of a photograph helps nobody.
SHOWN_DATA_URL_CHARACTERS = 500
_DATA_URL = re.compile(rf"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/=]{{{SHOWN_DATA_URL_CHARACTERS},}})")


def curl(endpoint: Endpoint, body: Mapping[str, Json]) -> str:
    """The body is a quoted here-document whose end mark does not occur in it."""
    text = body_text(body)
    mark = "BODY"
    while mark in text:
        mark += "_"
    return f"{curl_head(endpoint)} <<'{mark}'\n{text}\n{mark}"


def curl_head(endpoint: Endpoint) -> str:
    """The command up to its here-document. The address of a server that lives as long as a run is ``$BASE_URL``."""
    url = shlex.quote(_url(endpoint)) if _is_lasting(endpoint) else f'"$BASE_URL{_path(endpoint)}"'
    key = f' -H "authorization: Bearer ${endpoint.api_key_env}"' if endpoint.api_key_env else ""
    return f"curl -N {url}{key} -H 'content-type: application/json' --data-binary @-"


def python_around(endpoint: Endpoint) -> tuple[str, str]:
    """What stands before and after the text of a body in a program that sends it, of the standard library alone."""
    url = json.dumps(_url(endpoint)) if _is_lasting(endpoint) else f'os.environ["BASE_URL"] + "{_path(endpoint)}"'
    headers = '{"content-type": "application/json"'
    if endpoint.api_key_env:
        headers += f', "authorization": "Bearer " + os.environ[{json.dumps(endpoint.api_key_env)}]'
    before = "import json, os, urllib.request\n\ntrue, false, null = True, False, None  # the words of JSON\nbody = "
    after = (
        f"\nheaders = {headers}}}\n"
        f"request = urllib.request.Request({url}, json.dumps(body).encode(), headers)\n"
        "with urllib.request.urlopen(request) as answer:\n"
        '    for line in answer:\n        print(line.decode(), end="")'
    )
    return before, after


def body_text(body: Mapping[str, Json]) -> str:
    """JSON that is valid in Python too. What would hide or reorder text in it is escaped, so that it is still what was
    sent."""
    return json_escaped(json.dumps(body, indent=1, ensure_ascii=False))


def without_files(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The body with long ``data:`` URLs replaced by what they hold: type, size and hash."""
    text = json.dumps(body)
    shortened: Mapping[str, Json] = json.loads(_DATA_URL.sub(_named, text)) if ";base64," in text else body
    return shortened


def _is_lasting(endpoint: Endpoint) -> bool:
    return endpoint.kind is EndpointKind.HTTP


def _url(endpoint: Endpoint) -> str:
    return endpoint.target.rstrip("/") + _path(endpoint)


def _path(endpoint: Endpoint) -> str:
    return "/chat/completions" if endpoint.protocol == "chat" else "/responses"


def _named(match: re.Match[str]) -> str:
    digest = hashlib.sha256(match[2].encode("ascii")).hexdigest()[:16]
    return f"data:{match[1]};base64,({len(match[2]):,} characters, sha256 of them {digest}…)"
