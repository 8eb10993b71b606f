"""Which kinds of case benefit: the difference of each arm from the baseline by tag, raw and shrunk; scores by tag where
there is nothing to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.findings import TagEffect, TagTable
from evalharness.report import numbers
from evalharness.report.cells import NOTHING, Cell, Row, Table, arm_row, share_cell
from evalharness.report.view import View

NAV = "By tag"
TITLE = "How do kinds of case differ?"
COMPARED_TITLE = "Which kinds of case benefit?"
FEW = 10
#: Differences, in points, from which on a shown one is coloured more strongly.
STEPS = (5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    title: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def build(view: View) -> Tags | None:
    tags = sorted(view.analysis.tag_cases, key=lambda tag: (-view.analysis.tag_cases[tag], tag))
    tags = [tag for tag in tags if view.analysis.tag_quality.get(tag)]
    if not tags or not view.says_something:
        return None
    tables = []
    against, own = (
        {arm.arm_id: found[arm.arm_id] for arm in view.shown if found.get(arm.arm_id)}
        for found in (view.analysis.run_tag_effects, view.analysis.tag_effects)
    )
    if against:
        tables.append(_against(view, tags, against))
    if own and view.baseline is not None:
        tables.append(_differences(view, tags, own))
    else:
        tables.append(_scores(view, tags))
    found = [*against.values(), *own.values()]
    return Tags(title=COMPARED_TITLE if own else TITLE, tables=tuple(tables), notes=_notes(found) if found else ())


def _scores(view: View, tags: Sequence[str]) -> Table:
    cells = {
        (arm.arm_id, tag): share_cell(view.analysis.tag_quality[tag].get(arm.arm_id))
        for arm in view.shown
        for tag in tags
    }
    return _laid_out(view, tags, cells, caption=f"{view.quality_name} by tag")


def _laid_out(view: View, tags: Sequence[str], cells: Mapping[tuple[str, str], Cell], caption: str) -> Table:
    """A row for each tag and a column for each shown arm; of many arms the other way round."""
    few = {tag: "few cases" for tag in tags if view.analysis.tag_cases[tag] < FEW}
    if view.is_large:
        rows = [arm_row(arm, [cells[arm.arm_id, tag] for tag in tags]) for arm in view.shown]
        counts = {tag: f"{tag} ({numbers.plural(view.analysis.tag_cases[tag], 'case')})" for tag in tags}
        return Table(caption=caption, head="Arm", columns=tuple(counts.values()), rows=tuple(rows))
    rows = [
        Row(
            head=tag,
            cells=(
                Cell(main=numbers.count(view.analysis.tag_cases[tag])),
                *(cells[arm.arm_id, tag] for arm in view.shown),
            ),
            notes=(few[tag],) if tag in few else (),
        )
        for tag in tags
    ]
    columns = ("Cases", *(arm.label for arm in view.shown))
    return Table(caption=caption, head="Tag", columns=columns, rows=tuple(rows))


# ---------------------------------------------------------------- differences


_Found = Mapping[str, TagTable]


def _against(view: View, tags: Sequence[str], found: _Found) -> Table:
    """How many points each arm differs from itself in the baseline run."""
    effects = _by_arm_and_tag(found)
    decimals = numbers.column_decimals(effect.raw for effect in effects.values())
    cells = {(arm.arm_id, tag): _cell(effects.get((arm.arm_id, tag)), decimals) for arm in view.shown for tag in tags}
    return _laid_out(
        view, tags, cells, f"{view.quality_name} by tag: points by which this run differs from the baseline"
    )


def _by_arm_and_tag(found: _Found) -> Mapping[tuple[str, str], TagEffect]:
    return {(arm_id, effect.tag): effect for arm_id, table in found.items() for effect in table.effects}


def _differences(view: View, tags: Sequence[str], found: _Found) -> Table:
    """The baseline's score by tag, and each other arm's difference from it in points."""
    assert view.baseline is not None  # it is what arms are compared with
    effects = _by_arm_and_tag(found)
    decimals = numbers.column_decimals(effect.raw for effect in effects.values())
    cells = {
        (arm.arm_id, tag): share_cell(view.analysis.tag_quality[tag].get(arm.arm_id))
        if arm.is_baseline
        else _cell(effects.get((arm.arm_id, tag)), decimals)
        for arm in view.shown
        for tag in tags
    }
    caption = f"{view.quality_name} by tag: {view.baseline.spoken}, and how many points the others differ from it"
    return _laid_out(view, tags, cells, caption)


def _cell(effect: TagEffect | None, decimals: int) -> Cell:
    """The raw difference over its interval, the shrunk one beside it."""
    if effect is None:
        return NOTHING
    aside = "" if effect.shrunk is None else f"({numbers.points(effect.shrunk, decimals=decimals)})"
    return Cell(
        main=numbers.points(effect.raw, decimals=decimals),
        aside=aside,
        below=numbers.points_interval(effect.raw, decimals=decimals),
        heat=_heat(effect),
    )


def _heat(effect: TagEffect) -> str:
    """``better1`` to ``better3``, ``worse1`` to ``worse3``; empty where the difference is not shown."""
    if not effect.is_shown:
        return ""
    strength = 1 + sum(abs(effect.raw.point) * 100 >= step for step in STEPS)
    return f"{'better' if effect.raw.point > 0 else 'worse'}{strength}"


def _notes(tables: Sequence[TagTable]) -> tuple[str, ...]:
    effects = [effect for table in tables for effect in table.effects]
    shown = sum(effect.is_shown for effect in effects)
    notes = []
    if any(effect.shrunk for effect in effects):
        notes.append(
            "In brackets: the difference drawn towards that of all tags, by as much as the tags are not shown to "
            "differ. Few cases differ by luck: trust the bracket more."
        )
    tested = sum(effect.p_adjusted is not None for effect in effects)
    if shown:
        notes.append(
            f"Coloured: {shown} of {numbers.plural(tested, 'difference')} tested, shown by tests corrected for "
            "all of their table, in arms whose tags are shown to differ from each other."
        )
    elif tested:
        notes.append(
            f"Nothing is coloured ({numbers.plural(tested, 'test')}): in these differences the "
            "kinds of case cannot be told apart, so the difference over all cases is what is known of each."
        )
    if tested < len(effects):
        notes.append(f"Tags with fewer than {FEW} independent cases are listed and not tested.")
    return tuple(notes)
