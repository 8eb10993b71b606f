"""Where tokens and money go: mean call of each arm, in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.model import Prices
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Table, arm_row, ratio_cell, tokens_cell, usd_cell
from evalharness.report.charts.bars import Bar, KeyEntry, Part, bars, key_of
from evalharness.report.view import ArmView, View

NAV = "Tokens"
TITLE = "Where do tokens and money go?"
#: Name in the findings, name on the page, colour.
PARTS = (
    ("input_uncached", "input, not cached", "input"),
    ("cached", "input, cached", "cached"),
    ("reasoning", "reasoning", "reasoning"),
    ("answer", "answer", "answer"),
)
NOT_SPLIT = "output, split not reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    key: tuple[KeyEntry, ...]
    pictures: tuple[tuple[str, Markup], ...]
    tables: tuple[Table, ...]
    is_folded: bool
    notes: tuple[str, ...]


def build(view: View) -> Tokens | None:
    rows = [(arm, parts) for arm in view.shown if (parts := token_parts(arm))]
    tables = [table for table in (_token_table(view), _cost_table(view)) if table is not None]
    if not rows and not tables:
        return None
    drawn = {part.name: part.role for _, parts in rows for part in parts if part.size > 0}
    ordered = {title: drawn[title] for _, title, _ in PARTS if title in drawn}
    return Tokens(
        key=key_of(ordered | drawn),
        pictures=tuple(_pictures(view, rows)),
        tables=tuple(tables),
        is_folded=bool(rows) and view.is_large,
        notes=tuple(_notes(view)),
    )


# ---------------------------------------------------------------- bars


def token_parts(arm: ArmView) -> list[Part]:
    """The parts of the mean call in the fixed order; an unsplit input or output is one part of its own."""
    tokens = arm.found.tokens
    parts = []
    for name, title, role in PARTS:
        estimate = tokens.get(name)
        if estimate is not None:
            parts.append(Part(name=title, role=role, size=estimate.point))
    whole = tokens.get("output")
    if tokens.get("reasoning") is None and tokens.get("answer") is None and whole is not None:
        parts.append(Part(name=NOT_SPLIT, role=None, size=whole.point))
    whole = tokens.get("input")
    if tokens.get("input_uncached") is None and tokens.get("cached") is None and whole is not None:
        parts.insert(0, Part(name="input, caching not reported", role=None, size=whole.point))
    return parts


def _pictures(view: View, rows: list[tuple[ArmView, list[Part]]]) -> list[tuple[str, Markup]]:
    pictures = []
    if rows:
        drawn = [_bar(arm, parts, numbers.tokens) for arm, parts in rows]
        title = "Tokens of the mean call"
        pictures.append((title, bars(drawn, title=title, unit="tokens", write=numbers.tokens, uid="tokens")))
    priced = [(arm, _priced(arm, parts, view)) for arm, parts in rows]
    costs = [(arm, parts) for arm, parts in priced if parts]
    if costs and len(costs) == len(rows):
        drawn = [_bar(arm, parts, numbers.usd) for arm, parts in costs]
        title = "Money per 1,000 calls"
        pictures.append((title, bars(drawn, title=title, unit="US$", write=numbers.usd_tick, uid="money")))
    return pictures


def _bar(arm: ArmView, parts: list[Part], write: Callable[[float], str]) -> Bar:
    total = sum(part.size for part in parts)
    kept = [part for part in parts if part.size > 0]
    return Bar(label=arm.label_in_group, parts=kept, total=total, total_text=write(total), group=arm.group)


def _priced(arm: ArmView, parts: list[Part], view: View) -> list[Part] | None:
    """The same parts at the endpoint's prices, for 1,000 calls.

    None where a price is unknown, or where the parts miss the arm's own mean cost by more than 2%: calls without usage
    or failed attempts that were charged are then in the one and not in the other, and the table alone is right.
    """
    prices = _prices(view).get(arm.planned.endpoint)
    cost = arm.found.cost_usd
    if prices is None or cost is None or cost.point <= 0:
        return None
    cached = prices.input if prices.cached_input is None else prices.cached_input
    each = {"input": prices.input, "cached": cached, "reasoning": prices.output, "answer": prices.output}
    money = [
        Part(name=part.name, role=part.role, size=1000 * part.size * each[part.role or "answer"] / prices.per_tokens)
        for part in parts
    ]
    missed = abs(sum(part.size for part in money) / (cost.point * 1000) - 1)
    return money if missed <= 0.02 else None


def _prices(view: View) -> Mapping[str, Prices | None]:
    return {endpoint.name: endpoint.prices for endpoint in view.run.plan.suite.endpoints}


# ---------------------------------------------------------------- tables


def _token_table(view: View) -> Table | None:
    """Without the columns that are 0 in every arm; what is not reported is not 0."""
    titles = {name: title[:1].upper() + title[1:] for name, title, _ in PARTS} | {"output": "All output"}
    found = {name: [arm.found.tokens.get(name) for arm in view.shown] for name in titles}
    if not any(estimate for column in found.values() for estimate in column):
        return None
    names = [name for name, column in found.items() if any(each is None or each.point > 0 for each in column)]
    rows = [arm_row(arm, [tokens_cell(arm.found.tokens.get(name)) for name in names]) for arm in view.shown]
    columns = tuple(titles[name] for name in names)
    return Table(caption="Mean tokens per call", head="Arm", columns=columns, rows=tuple(rows))


def _cost_table(view: View) -> Table | None:
    if not any(arm.found.cost_usd for arm in view.shown):
        return None
    versus = any(view.ratio("cost_usd", arm.arm_id) for arm in view.shown)
    wasted = any(arm.found.wasted_cost_usd is not None for arm in view.shown)
    rows = []
    for arm in view.shown:
        found = arm.found
        cells = [usd_cell(found.cost_usd, scale=1000)]
        if versus:
            ratio = ratio_cell(view.ratio("cost_usd", arm.arm_id))
            cells.append(Cell(main="baseline") if arm.is_baseline else ratio)
        per_right = found.cost_per_correct_usd
        cells.append(usd_cell(per_right, scale=1000) if per_right else Cell(main=numbers.MISSING, below="no right one"))
        cells.append(_money(found.cost_total_usd))
        if wasted:
            cells.append(_money(found.wasted_cost_usd))
        rows.append(arm_row(arm, cells))
    columns = ["Per 1,000 calls", *(["Times baseline"] if versus else []), "Per 1,000 right", "This run"]
    columns += ["Of it wasted"] if wasted else []
    note = "Wasted: charged for calls that ended without an answer." if wasted else ""
    return Table(caption="Money", head="Arm", columns=tuple(columns), rows=tuple(rows), note=note)


def _money(value: float | None) -> Cell:
    return NOTHING if value is None else Cell(main=numbers.usd(value))


def _notes(view: View) -> list[str]:
    notes = []
    without = sum(arm.found.n_without_usage for arm in view.shown)
    if without:
        notes.append(f"{numbers.plural(without, 'call')} came without token counts and are not in the means.")
    unpriced = sum(arm.found.n_without_cost for arm in view.shown)
    if not any(arm.found.cost_usd for arm in view.shown):
        notes.append("No cost is known: the suite states no prices, or no call has its token counts.")
    elif unpriced:
        notes.append(f"{numbers.plural(unpriced, 'call')} of unknown cost are not in the money columns.")
    for endpoint in view.run.plan.suite.endpoints:
        prices = endpoint.prices
        if prices is not None and any(arm.planned.endpoint == endpoint.name for arm in view.arms):
            cached = "" if prices.cached_input is None else f", cached input ${numbers.exact(prices.cached_input)}"
            as_of = f", as of {prices.as_of}" if prices.as_of else ", no date given"
            notes.append(
                f"Prices of {endpoint.name} as the suite states them: input ${numbers.exact(prices.input)}{cached}, "
                f"output ${numbers.exact(prices.output)} per {numbers.count(prices.per_tokens)} tokens{as_of}."
            )
    return notes
