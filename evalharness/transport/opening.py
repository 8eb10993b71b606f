"""Which transport an endpoint gets, and how that is said in the run."""

from __future__ import annotations

from evalharness.core.errors import EndpointError
from evalharness.core.model import Route
from evalharness.core.ports import Transport
from evalharness.transport.settings import HttpSettings

MEASURING = "measuring"


def open_transport(settings: HttpSettings) -> Transport:
    """The measuring transport; httpx's own where the route needs what only that can do.

    Raises ``EndpointError`` for an address, a key or a route that cannot be used.
    """
    if settings.route.is_measured:
        from evalharness.transport.http import HttpTransport

        return HttpTransport(settings)
    from evalharness.transport.httpx_transport import HttpxTransport

    if settings.route.http2 and not _has_http2():
        raise EndpointError("http2: true needs the package h2", hint="pip install 'evalharness[http2]'")
    return HttpxTransport(settings)


def route_words(route: Route) -> str:
    """How an endpoint is reached, for the record: ``measuring``, or ``httpx`` and why."""
    if route.is_measured:
        return MEASURING
    reasons = [*(["a proxy is set"] if route.proxy is not None else []), *(["HTTP/2 is asked for"] * route.http2)]
    return f"httpx: {' and '.join(reasons)}"


def _has_http2() -> bool:
    from importlib.util import find_spec

    return find_spec("h2") is not None
