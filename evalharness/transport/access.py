"""Everything a process needs to reach one endpoint, as a value that can be handed to another process."""

from __future__ import annotations

from dataclasses import dataclass, field

from evalharness import wire
from evalharness.core.model import Endpoint
from evalharness.core.ports import Clock, WireProtocol
from evalharness.transport.exchanger import DirectExchanger
from evalharness.transport.opening import open_transport
from evalharness.transport.settings import HttpSettings
from evalharness.wire.settings import CodecSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``base_url`` is where a server of this machine listens, else the endpoint's own. Holds the key: never shown."""

    endpoint: Endpoint
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = 8

    @property
    def secrets(self) -> tuple[str, ...]:
        return () if self.api_key is None else (self.api_key,)

    def codec(self) -> WireProtocol:
        settings = CodecSettings(limits=self.endpoint.limits, secrets=self.secrets)
        return wire.codec(self.endpoint.protocol, settings)

    def exchanger(self, clock: Clock) -> DirectExchanger:
        """In the process and event loop of the caller. Raises ``EndpointError``."""
        settings = HttpSettings(
            base_url=self.base_url,
            clock=clock,
            api_key=self.api_key,
            concurrency=self.concurrency,
            route=self.endpoint.route,
        )
        transport = open_transport(settings)
        return DirectExchanger(transport, self.codec(), timeouts=self.endpoint.timeouts, limits=self.endpoint.limits)
