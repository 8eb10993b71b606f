"""From the endpoints of a plan to lanes that calls can go out on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from evalharness import wire
from evalharness.app.children import base_url_of
from evalharness.core.errors import UsageError
from evalharness.core.model import Endpoint, Plan
from evalharness.core.ports import Clock
from evalharness.engine.budget import Ledger
from evalharness.engine.call import Lane
from evalharness.engine.gatekeeper import Gatekeeper, RetryPurse
from evalharness.engine.response_ids import ResponseIds
from evalharness.engine.stop import StopSignal
from evalharness.transport.access import Access
from evalharness.transport.crew import Crew, CrewExchanger


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What all lanes of a run share."""

    clock: Clock
    stop: StopSignal
    ledger: Ledger
    begin_attempt: Callable[[str, int, int], Awaitable[None]]
    emit: Callable[[object], None]
    response_ids: ResponseIds


def used_endpoints(plan: Plan) -> tuple[Endpoint, ...]:
    """The endpoints that arms of the plan name, in the suite's order."""
    named = {arm.endpoint for arm in plan.arms}
    return tuple(endpoint for endpoint in plan.suite.endpoints if endpoint.name in named)


def check_requests(plan: Plan) -> None:
    """Every arm's request in its endpoint's dialect, before anything is paid for.

    Raises:
        UsageError: a field or input item the protocol has no counterpart for, with the arm.
    """
    protocols = {endpoint.name: endpoint.protocol for endpoint in plan.suite.endpoints}
    # Unrendered prompts will do: a template fills texts and leaves the shape of the items as it is.
    inputs = {prompt.name: (prompt.template, *prompt.more_turns) for prompt in plan.suite.prompts}
    for arm in plan.arms:
        codec = wire.codec(protocols[arm.endpoint])
        try:
            for said in inputs[arm.prompt]:
                codec.encode(model=arm.model, input=said, request=arm.request)
        except ValueError as problem:
            raise UsageError(f"arm '{arm.label}' on endpoint '{arm.endpoint}': {problem}") from None


async def base_urls(plan: Plan, suite_folder: Path, resources: AsyncExitStack) -> Mapping[str, str]:
    """Endpoint name -> base URL; servers of this machine are started and stopped with ``resources``."""
    urls = {}
    for endpoint in used_endpoints(plan):
        server = base_url_of(endpoint, seed=plan.suite.load.seed, suite_folder=suite_folder)
        urls[endpoint.name] = await resources.enter_async_context(server)
    return urls


def accesses(
    plan: Plan, urls: Mapping[str, str], environ: Mapping[str, str], suite_folder: Path
) -> Mapping[str, Access]:
    """Endpoint name to how it is reached. Raises ``UsageError`` where a key's variable is not set."""
    return {
        endpoint.name: Access(
            endpoint=_placed(endpoint, suite_folder),
            base_url=urls[endpoint.name],
            api_key=_api_key(endpoint, environ),
            concurrency=plan.suite.load.concurrency,
        )
        for endpoint in used_endpoints(plan)
    }


def _placed(endpoint: Endpoint, suite_folder: Path) -> Endpoint:
    """Paths in a suite count from its folder."""
    socket = endpoint.route.unix_socket
    if socket is None:
        return endpoint
    return replace(endpoint, route=replace(endpoint.route, unix_socket=str(suite_folder / socket)))


def open_lanes(
    reached: Mapping[str, Access], crew: Crew, parts: LaneParts, resources: AsyncExitStack
) -> Mapping[str, Lane]:
    """One lane per endpoint, by the crew or in this process."""
    purse = RetryPurse()
    lanes = {}
    for name, access in reached.items():
        exchanger = CrewExchanger(crew, name, access.exchanger(parts.clock))
        resources.push_async_callback(exchanger.close)
        lanes[name] = Lane(
            endpoint=access.endpoint,
            codec=access.codec(),
            exchanger=exchanger,
            gatekeeper=Gatekeeper(access.endpoint, purse=purse, clock=parts.clock, stop=parts.stop),
            ledger=parts.ledger,
            clock=parts.clock,
            stop=parts.stop,
            secrets=access.secrets,
            begin_attempt=parts.begin_attempt,
            attempt_failed=parts.emit,
            response_ids=parts.response_ids,
        )
    return lanes


def check_keys(plan: Plan, environ: Mapping[str, str]) -> None:
    """Raises ``UsageError`` where an endpoint's key is not in the environment."""
    for endpoint in used_endpoints(plan):
        _api_key(endpoint, environ)


def _api_key(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    if endpoint.api_key_env is None:
        return None
    key = environ.get(endpoint.api_key_env, "").strip()
    if not key:
        raise UsageError(
            f"endpoint '{endpoint.name}' needs a key, and the variable {endpoint.api_key_env} is not set",
            hint=f"export {endpoint.api_key_env}=… or name a file of variables with --env-file",
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(
            f"endpoint '{endpoint.name}': the variable {endpoint.api_key_env} holds characters that no key has",
            hint="a key is one word of plain letters, digits and signs",
        )
    return key
