"""Whether this machine can hold the load a suite asks for, before anything is sent."""

from __future__ import annotations

import resource
from pathlib import Path

from evalharness.app.lanes import used_endpoints
from evalharness.core.errors import UsageError
from evalharness.core.model import Endpoint, LevelUnit, Load, Plan

#: Descriptors of everything but connections: the store, servers of this machine, the interpreter.
SPARE_DESCRIPTORS = 64
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def wanted_in_flight(plan: Plan) -> int:
    """Calls in flight that the load of a plan needs at least, over all its endpoints."""
    return sum(_wanted(endpoint, plan.suite.load) for endpoint in used_endpoints(plan))


def most_in_flight(wanted: int) -> int:
    """How many calls this process can have in flight; the soft limit of descriptors is raised as far as it may be.

    Raises ``UsageError`` where the ``wanted`` ones need more descriptors or local ports than there are.
    """
    limit = _descriptors(wanted + SPARE_DESCRIPTORS)
    ports = _ports()
    if limit is not None and limit < wanted + SPARE_DESCRIPTORS:
        raise UsageError(
            f"the load has {wanted:,} calls in flight, and this process may open {limit:,} files and connections",
            hint=f"run `ulimit -n {wanted + SPARE_DESCRIPTORS}` first, or ask for less concurrency",
        )
    if wanted > ports:
        raise UsageError(
            f"the load has {wanted:,} calls in flight, and this machine has {ports:,} local ports for connections",
            hint="ask for less concurrency, or widen net.ipv4.ip_local_port_range",
        )
    return ports if limit is None else min(limit - SPARE_DESCRIPTORS, ports)


def slots(endpoint: Endpoint, level: float) -> int:
    """Of a closed load's ``level`` as many calls as the endpoint may have in flight."""
    most = endpoint.limits.max_concurrency
    return round(level if most is None else min(level, most))


def _wanted(endpoint: Endpoint, load: Load) -> int:
    """Calls in flight that a closed load has at an endpoint; an open one has as many as it comes to: 1 at least."""
    if load.is_open:
        return 1
    return slots(endpoint, max(load.levels) if load.level_unit is LevelUnit.CONCURRENCY else load.concurrency)


def _descriptors(needed: int) -> int | None:
    """The soft limit, raised as far as it may be: an open load grows. None: there is no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = max(soft, needed, _MOST_DESCRIPTORS)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


#: More open calls than this in one process is no load but a mistake.
_MOST_DESCRIPTORS = 65_536


def _ports() -> int:
    try:
        first, last = map(int, _PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return 16_384  # the dynamic range of RFC 6335
    return last - first + 1
