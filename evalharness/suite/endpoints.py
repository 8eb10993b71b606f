"""Endpoints: environment variables put in, addresses checked, keys kept out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from evalharness.core.model import Endpoint, EndpointKind, Json, Limits, Prices, RetryPolicy, Route, Timeouts
from evalharness.suite.part import Part
from evalharness.suite.problems import Problems, did_you_mean, named
from evalharness.suite.schema import EndpointPart
from evalharness.suite.yaml_text import Path

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<has_default>:-(?P<default>[^}]*))?\}")


def with_environment(
    value: Json, environ: Mapping[str, str], problems: Problems, path: Path, *, is_used: bool = True
) -> Json:
    """``value`` with ``${NAME}`` and ``${NAME:-default}`` replaced in every text; the result is always text.

    An unset variable without a default is a mistake where the endpoint is used; elsewhere the text stays, so that
    ``--endpoint sim`` works on a machine that lacks what the gateway needs.
    """
    if isinstance(value, dict):
        return {
            key: with_environment(item, environ, problems, (*path, key), is_used=is_used) for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            with_environment(item, environ, problems, (*path, at), is_used=is_used) for at, item in enumerate(value)
        ]
    if not isinstance(value, str) or "${" not in value:
        return value

    def substitute(match: re.Match[str]) -> str:
        # As in a shell, `:-` also stands in for a variable that is set to nothing.
        found = environ.get(match["name"], "")
        if found:
            return found
        if match["has_default"]:
            return match["default"]
        if is_used:
            name = match["name"]
            problems.add(path, f"the environment variable {name} is not set", f"set it, or write ${{{name}:-default}}")
        return match[0]

    return _VARIABLE.sub(substitute, value)


def endpoint(
    name: str, part: EndpointPart, profiles: Sequence[str], problems: Problems, *, allow_http: bool = False
) -> Endpoint | None:
    """The endpoint as the rest of the program knows it; None where its target is wrong.

    ``profiles`` are those of the built-in simulator; a profile of one's own is a path that ends in ``.json``.
    ``allow_http``: key and prompts may leave this machine in clear.
    """
    path: Path = ("endpoints", name)
    given = {
        kind: target
        for kind, target in (
            (EndpointKind.HTTP, part.base_url),
            (EndpointKind.SIMULATOR, part.simulator),
            (EndpointKind.LOCAL, part.local),
        )
        if target is not None
    }
    if len(given) != 1:
        what = "has none of them" if not given else "has more than one"
        problems.add(path, f"an endpoint has exactly one of base_url, simulator, local; this one {what}", at_key=True)
        return None
    (kind, target), *_ = given.items()
    if kind is EndpointKind.HTTP and not _check_base_url(target, allow_http, problems, (*path, "base_url")):
        return None
    _check_route(part, allow_http, problems, path)
    if kind is EndpointKind.SIMULATOR and target not in profiles and not target.endswith(".json"):
        hint = did_you_mean(target, profiles)
        problems.add((*path, "simulator"), f"the simulator has no profile {named(target)}", hint)
        return None
    return Endpoint(
        name=name,
        kind=kind,
        target=target.rstrip("/") if kind is EndpointKind.HTTP else target,
        protocol=part.protocol,
        model=part.model,
        api_key_env=part.api_key_env,
        prices=Prices(**part.prices.model_dump()) if part.prices is not None else None,
        limits=Limits(**part.limits.model_dump()),
        timeouts=Timeouts(**_floats(part.timeouts_ms)),
        retry=RetryPolicy(
            max_attempts=part.retry.max_attempts,
            budget_share=float(part.retry.budget_share),
            max_retry_after_ms=float(part.retry.max_retry_after_ms),
        ),
        route=Route(unix_socket=part.unix_socket, proxy=part.proxy, http2=part.http2),
    )


def _floats(part: Part) -> dict[str, float]:
    """The defaults are whole numbers and are not validated: a value that is written out must hash like them."""
    return {key: float(value) for key, value in part.model_dump().items()}


def _check_route(part: EndpointPart, allow_http: bool, problems: Problems, path: Path) -> None:
    given = {"unix_socket": part.unix_socket, "proxy": part.proxy, "http2": part.http2 or None}
    for key, value in given.items():
        if value is not None and part.base_url is None:
            problems.add(
                (*path, key), "goes with base_url only: this endpoint is started by the run itself", at_key=True
            )
    if part.base_url is None:
        return
    is_clear = part.base_url.startswith("http://")
    if part.http2 and is_clear:
        problems.add((*path, "http2"), "HTTP/2 is agreed on during TLS: it needs an https:// address", at_key=True)
    if part.proxy is not None and part.unix_socket is not None:
        problems.add(
            (*path, "proxy"), "a socket file is on this machine: no proxy leads there", "delete one", at_key=True
        )
    elif part.proxy is not None:
        mistake = proxy_mistake(part.proxy, is_clear=is_clear and not allow_http)
        if mistake is not None:
            problems.add((*path, "proxy"), *mistake)


def proxy_mistake(proxy: str, *, is_clear: bool) -> tuple[str, str | None] | None:
    """(message, hint) for a proxy that cannot be used, None for one that can. Never repeats its address, which may hold
    a password. ``is_clear``: what goes through it is not encrypted,
    and may not be seen."""
    if "${" in proxy:  # a variable of an endpoint that is not used
        return None
    host = None
    if proxy != "environment":
        example = "like http://proxy.example.com:3128, or `environment`"
        try:
            parts = urlsplit(proxy)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:
            return "this is not a URL", example
        if parts.scheme not in ("http", "https") or not host:
            return "a proxy is an http:// or https:// URL, or `environment`", example
        if parts.username is not None or parts.password is not None:
            return "a proxy's URL must hold no user name or password", "put it into HTTPS_PROXY: `proxy: environment`"
    if is_clear and (host is None or not is_loopback(host)):
        return "key and prompts would reach the proxy in clear", "use an https:// base_url, or say --allow-http"
    return None


def _check_base_url(url: str, allow_http: bool, problems: Problems, path: Path) -> bool:
    """Never repeats the address: it may hold a password."""
    mistake = base_url_mistake(url, allow_http=allow_http)
    if mistake is not None:
        problems.add(path, *mistake)
    return mistake is None


def base_url_mistake(url: str, *, allow_http: bool) -> tuple[str, str | None] | None:
    """(message, hint) for an address that cannot be used, None for one that can."""
    if "${" in url:  # a variable of an endpoint that is not used
        return None
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return "this is not a URL", "like https://example.com/v1"
    if parts.scheme not in ("http", "https"):
        return "base_url must begin with https:// or http://", "like https://example.com/v1"
    if not parts.hostname or not port_is_valid:
        return "base_url has no usable host and port", "like https://example.com/v1"
    if parts.username is not None or parts.password is not None:
        return "base_url must hold no user name or password", "name the key's variable: `api_key_env: NAME`"
    if parts.query or parts.fragment:
        return "base_url must end with its path: no `?` and no `#`", None
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        hint = "use https://, or say --allow-http where the network between is yours"
        return "http:// is allowed to this machine only: key and prompts would be sent in clear", hint
    return None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
