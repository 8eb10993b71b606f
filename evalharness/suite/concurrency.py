"""More calls in flight asked for than endpoints may have: levels that would be one, a number that is never reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalharness.core.errors import Problem
from evalharness.core.model import Endpoint, LevelUnit, Load, Suite, Sweep
from evalharness.suite import yaml_text
from evalharness.suite.problems import Problems, key_path

_CONCURRENCY = ("load", "concurrency")


def used_endpoints(endpoints: Sequence[Endpoint], sweep: Sweep, chosen: str | None) -> tuple[Endpoint, ...]:
    """Those that arms name; ``chosen`` on the command line, or the first, where they name none."""
    default = chosen if chosen is not None else endpoints[0].name if endpoints else None
    names = {*sweep.axes.get("endpoint", (default,)), *(arm.get("endpoint", default) for arm in sweep.include)}
    return tuple(endpoint for endpoint in endpoints if endpoint.name in names)


def check_levels(load: Load, endpoints: Iterable[Endpoint], problems: Problems) -> None:
    """A level above an endpoint's limit would be measured at the limit and shown as what it was called."""
    if load.level_unit is not LevelUnit.CONCURRENCY:
        return
    for endpoint in endpoints:
        most = endpoint.limits.max_concurrency
        for place, level in enumerate(load.levels):
            if most is not None and level > most:
                hint = f"leave out what is above {most}, or raise `endpoints.{endpoint.name}.limits.max_concurrency`"
                problems.add((*_CONCURRENCY, place), _message(level, endpoint), hint)


def never_reached(suite: Suite, text: str, file: str, chosen: str | None) -> tuple[Problem, ...]:
    """For a person: a ``concurrency`` written down that no endpoint of the run can have. One that some of them can is
    what a suite with several says."""
    if suite.load.shape != "closed":
        return ()
    used = used_endpoints(suite.endpoints, suite.sweep, chosen)
    limits = [endpoint.limits.max_concurrency for endpoint in used]
    known = [most for most in limits if most is not None]
    if not known or len(known) < len(limits) or suite.load.concurrency <= max(known):
        return ()
    document = yaml_text.load(text, file)
    if "concurrency" not in document.value.get("load", {}):
        return ()
    line, column = document.place(_CONCURRENCY)
    widest = max(used, key=lambda endpoint: endpoint.limits.max_concurrency or 0)
    hint = f"a run has {max(known)} in flight there: write that, or raise the limit"
    message = _message(suite.load.concurrency, widest)
    return (Problem(file=file, message=message, line=line, column=column, key_path=key_path(_CONCURRENCY), hint=hint),)


def _message(level: float, endpoint: Endpoint) -> str:
    limit = f"`limits.max_concurrency` is {endpoint.limits.max_concurrency}"
    return f"{level:g} in flight are more than endpoint `{endpoint.name}` takes: its {limit}"
