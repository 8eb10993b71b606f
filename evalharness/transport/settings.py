"""How one endpoint is reached: what every transport is made from."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import SplitResult, quote, urlsplit

from evalharness.core.errors import EndpointError
from evalharness.core.model import Route
from evalharness.core.ports import Clock, HttpRequest

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """``base_url`` with its path, as in ``https://host/v1``.

    ``concurrency`` is how many exchanges run at once as a rule: so many connections httpx keeps open between them. No
    exchange ever waits for a connection of another.
    """

    base_url: str
    clock: Clock
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = 8
    route: Route = field(default_factory=Route)


def bracketed(host: str) -> str:
    """As an address of IPv6 is written before a port."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``place`` is ``host:port``, for messages; never the user part, which may be a secret."""

    host: str
    port: int
    path: str
    is_secure: bool

    @property
    def place(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        is_usual = self.port == _PORTS["https" if self.is_secure else "http"]
        return bracketed(self.host) if is_usual else self.place


def address_of(settings: HttpSettings) -> Address:
    """Raises ``EndpointError`` for a base URL that is none and for a key that cannot be written into a header."""
    try:
        parts = urlsplit(settings.base_url)
        port = parts.port or _PORTS.get(parts.scheme)
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:
        parts, port, host = SplitResult("", "", "", "", ""), None, ""
    if port is None or not host or parts.scheme not in _PORTS:
        raise EndpointError("base_url is no address", hint="it has the form https://host/v1")
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    address = Address(host=host, port=port, path=path, is_secure=parts.scheme == "https")
    key = settings.api_key
    if key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
        raise EndpointError(
            f"the key for {address.place} is empty or holds characters that no key has",
            hint="look for quotes, blanks or a line end around it where it is set",
        )
    return address


def headers_of(request: HttpRequest, settings: HttpSettings) -> dict[str, str]:
    """Names in lower case. ``accept-encoding: identity`` unless the request says otherwise: a compressed stream is held
    back by its sender, and its arrival times would mean nothing. Nothing else is added but the key."""
    headers = {"accept-encoding": "identity"} | {name.lower(): text for name, text in request.headers.items()}
    if settings.api_key is not None:
        headers["authorization"] = f"Bearer {settings.api_key}"
    return headers


@cache
def verifying_context(*, http2: bool = False) -> ssl.SSLContext:
    """One for the process: reading the certificates takes 70 ms. The system's (an office gateway has its own
    authority) and certifi's (some installations have none of the system's).

    With ``http2`` another: what a server is offered is part of a context, and who does not speak it must not offer it.
    """
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1", "h2"] if http2 else ["http/1.1"])
    return context
