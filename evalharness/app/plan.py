"""``plan``: what a run would do, before money is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalharness import wire
from evalharness.app.run import RunRequest, load_and_plan
from evalharness.app.sizing import SizeRequest, Sizing, sizing
from evalharness.core.model import Arm, Case, Plan
from evalharness.plan.forecast import Forecast, forecast
from evalharness.suite.files import reader_of
from evalharness.suite.templates import input_chars, render_input


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """``requests`` maps an arm id to the exact body of its first call.

    ``sizing``: what differences it finds, and what larger or smaller ones would take.
    """

    plan: Plan
    forecast: Forecast
    requests: Mapping[str, Mapping[str, Any]]
    sizing: Sizing


def preview(request: RunRequest, size: SizeRequest) -> Preview:
    """Raises what ``load_and_plan`` raises, and ``UsageError`` or ``StoreError`` for a pilot that is of no use."""
    loaded, plan = load_and_plan(request)
    prompts = {prompt.name: prompt for prompt in plan.suite.prompts}
    read_bytes = reader_of(loaded.path, allow_outside=request.settings.allow_outside)
    protocols = {endpoint.name: endpoint.protocol for endpoint in plan.suite.endpoints}
    first = plan.suite.cases[0]

    def chars(arm: Arm, case: Case) -> int:
        return input_chars(prompts[arm.prompt], case)

    requests = {
        arm.arm_id: wire.codec(protocols[arm.endpoint])
        .encode(model=arm.model, input=render_input(prompts[arm.prompt], first, read_bytes), request=arm.request)
        .body
        for arm in plan.arms
    }
    expected = forecast(plan, chars)
    return Preview(plan=plan, forecast=expected, requests=requests, sizing=sizing(plan, expected, size))
