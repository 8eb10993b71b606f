"""The sweep as arms: every combination of the axes, less the excluded, plus the included."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from evalharness.core.errors import UsageError
from evalharness.core.ids import canonical_json, content_id
from evalharness.core.model import Arm, Endpoint, Json, Suite, Sweep

#: Axes that choose something else than a parameter of the request.
_CHOICES = ("endpoint", "model", "prompt")


def arms(suite: Suite, endpoint: str | None = None) -> tuple[Arm, ...]:
    """All arms in the order of the sweep. ``endpoint`` stands in for the suite's default.

    Raises ``UsageError`` for an endpoint that does not exist or has no model, for ``endpoint`` where the sweep decides
    it, and for two arms that would send the same.
    """
    if endpoint is not None and "endpoint" in suite.sweep.axes:
        hint = "use --arm endpoint=" + endpoint
        raise UsageError("the sweep has an axis `endpoint`: --endpoint cannot replace it", hint=hint)
    default = _endpoint(suite, endpoint) if endpoint is not None else suite.endpoints[0]
    found: dict[str, Arm] = {}
    for key in arm_keys(suite.sweep):
        arm = _arm(suite, key, default)
        if arm.arm_id in found:
            other = found[arm.arm_id]
            raise UsageError(f"the arms `{other.label}` and `{arm.label}` send the same", hint="delete one of them")
        found[arm.arm_id] = arm
    return tuple(found.values())


def arm_keys(sweep: Sweep) -> list[dict[str, Json]]:
    """The axis values of every arm, in the order of the axes; keys that an included arm adds come last."""
    keys = [dict(zip(sweep.axes, values, strict=True)) for values in itertools.product(*sweep.axes.values())]
    kept = [key for key in keys if not any(_matches(key, rule) for rule in sweep.exclude)]
    ordered = [{axis: arm[axis] for axis in sweep.axes} | dict(arm) for arm in sweep.include]
    return kept + ordered


def _matches(key: Mapping[str, Json], rule: Mapping[str, Json]) -> bool:
    # As JSON: in Python 1 equals True.
    return all(axis in key and canonical_json(key[axis]) == canonical_json(value) for axis, value in rule.items())


def _endpoint(suite: Suite, name: str) -> Endpoint:
    for endpoint in suite.endpoints:
        if endpoint.name == name:
            return endpoint
    names = ", ".join(endpoint.name for endpoint in suite.endpoints)
    raise UsageError(f"the suite has no endpoint `{name}`", hint=f"one of: {names}")


def _arm(suite: Suite, key: Mapping[str, Json], default: Endpoint) -> Arm:
    endpoint = _endpoint(suite, key["endpoint"]) if "endpoint" in key else default
    model = key.get("model", suite.request.get("model", endpoint.model))
    if model is None:
        hint = "write `model:` at the endpoint, under `request`, or as an axis"
        raise UsageError(f"no model is named for the endpoint `{endpoint.name}`", hint=hint)
    prompt = next(each for each in suite.prompts if each.name == key.get("prompt", each.name))
    parameters = {axis: value for axis, value in key.items() if axis not in _CHOICES}
    request = request_with(suite.request, parameters)
    content = {
        "endpoint": [endpoint.name, endpoint.kind.value, endpoint.target, endpoint.protocol],
        "model": model,
        "prompt": [prompt.template, *prompt.more_turns] if prompt.more_turns else prompt.template,
        "request": request,
    }
    return Arm(
        arm_id=content_id(content),
        key=dict(key),
        endpoint=endpoint.name,
        model=model,
        prompt=prompt.name,
        request=request,
    )


def request_with(request: Mapping[str, Json], parameters: Mapping[str, Json]) -> dict[str, Json]:
    """``request`` without its model, with each dotted path of ``parameters`` set. Copies what it changes."""
    merged: dict[str, Any] = {name: value for name, value in request.items() if name != "model"}
    for path, value in parameters.items():
        *above, last = path.split(".")
        inside = merged
        for name in above:
            inside[name] = dict(inside.get(name, {}))
            inside = inside[name]
        inside[last] = value
    return merged
