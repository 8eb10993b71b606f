"""The section ``load`` in core's words: the trace read, and what does not go together refused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

from evalharness.core.model import LevelUnit, Load, Order, Prompt, Warmup
from evalharness.suite.case_rows import RowError
from evalharness.suite.cases import CaseReader
from evalharness.suite.load_parts import AnyShapePart, StepsPart, TracePart, WarmupPart
from evalharness.suite.problems import Problems
from evalharness.suite.trace import read_offsets

_SECTION = ("load",)


def load_of(part: AnyShapePart, prompts: Sequence[Prompt], reader: CaseReader, problems: Problems) -> Load:
    """What a shape does not use keeps the default of ``Load``."""
    values = part.model_dump(exclude={"warmup", "order"})
    if isinstance(part, StepsPart):
        values = _without_levels(values) | _levels(part, problems)
    if isinstance(part, TracePart):
        values["offsets_s"] = _offsets_s(part.file, reader, problems)
    values["think_ms"] = float(part.think_ms)  # a default is not validated: 0 and 0.0 are one plan
    load = Load(**values, warmup=_warmup(part.warmup, problems), order=Order(part.order))
    if load.over_s and not (load.from_per_s or load.to_per_s):
        problems.add((*_SECTION, "to_per_s"), "a ramp from 0 to 0 starts nothing")
    _check_order(load, problems)
    if load.is_open and load.think_ms and not any(prompt.more_turns for prompt in prompts):
        message = "does nothing here: trials start by the clock, and no prompt is a conversation"
        problems.add((*_SECTION, "think_ms"), message, "delete it", at_key=True)
    return load


def _warmup(part: WarmupPart | None, problems: Problems) -> Warmup | None:
    if part is None:
        return None
    if (part.calls is None) == (part.seconds is None):
        problems.add((*_SECTION, "warmup"), "a warm-up has exactly one of calls, seconds", at_key=True)
    return Warmup(calls=part.calls, seconds=part.seconds)


def _without_levels(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in (unit.value for unit in LevelUnit)}


def _levels(part: StepsPart, problems: Problems) -> dict[str, Any]:
    given: dict[LevelUnit, Sequence[float] | None] = {
        LevelUnit.CONCURRENCY: part.concurrency,
        LevelUnit.RATE_PER_S: part.rate_per_s,
    }
    units = [unit for unit, levels in given.items() if levels is not None]
    if len(units) != 1:
        message = "steps have exactly one of concurrency, rate_per_s"
        problems.add(_SECTION, message, "as a list: one level after the other", at_key=True)
        return {}
    return {"levels": tuple(given[units[0]] or ()), "level_unit": units[0]}


def _offsets_s(file: str, reader: CaseReader, problems: Problems) -> tuple[float, ...]:
    content = reader.read(file, (*_SECTION, "file"))
    if content is None:
        return ()
    shown = str(PurePath(problems.document.file).parent / file)
    return read_offsets(file, content, partial(_tell, shown, problems))


def _tell(file: str, problems: Problems, mistake: RowError) -> None:
    problems.add_elsewhere(mistake.problem(file), section="load")


def _check_order(load: Load, problems: Problems) -> None:
    """Arm after arm, each arm would meet another part of the load, and the last one none where time ends the run."""
    if load.order is not Order.SEQUENTIAL:
        return
    if load.shape == "steps":
        message = "arm after arm does not go with steps: all arms are sent at each level"
    elif load.is_timed:
        message = "arm after arm does not go with a load that time ends: the last arms would be left out"
    else:
        return
    problems.add((*_SECTION, "order"), message, "delete it: interleaved arms share every minute alike")
