"""Components, their kinds, and how much of them there is in samples and crystals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from recorder.ispyb.reading.parts import (
    Found,
    Page,
    Part,
    apart,
    columns,
    has,
    named,
    paged,
)
from recorder.ispyb.reading.sample_records import (
    ComponentKind,
    Composition,
    Ingredient,
    Unit,
)
from recorder.ispyb.reading.sight import Sight
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.people_tables import proposal
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

_COMPONENT = Part(t.component, ("componentId", "name", "composition"))
_TYPE = Part(t.component_type, ("componentTypeId", "name"))
_KIND = t.component_type.c.componentTypeId
_UNIT = Part(t.concentration_type, ("concentrationTypeId", "name", "symbol"))


def components(
    rows: Rows, rights: Rights, page: Page, of_proposal: str | None = None
) -> Found[Ingredient]:
    """Components that somebody may see, each once.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        of_proposal: Only those of a proposal, by code and number.
    """
    live, c = rows.live, t.component.c
    if not has(live, t.component, t.component_type):
        return Found(0)
    query = (
        select(*columns(live, (_COMPONENT, _TYPE)))
        .select_from(
            t.component.join(t.component_type, _KIND == c.componentTypeId).outerjoin(
                proposal, proposal.c.proposalId == c.proposalId
            )
        )
        .where(Sight(live, rights).components(c.componentId, c.proposalId))
        .order_by(c.componentId)
    )
    if of_proposal is not None:
        code, digits = proposal.c.proposalCode, proposal.c.proposalNumber
        query = query.where(named(live, code, digits, of_proposal))
    total, found = paged(rows, query, page)
    taken = (apart(row, (_COMPONENT, _TYPE)) for row in found)
    return Found(total, tuple(_component(*row) for row in taken))


def component_types(rows: Rows) -> tuple[ComponentKind, ...]:
    """The kinds of components of the site; they belong to nobody."""
    if not has(rows.live, t.component_type):
        return ()
    key = t.component_type.c.componentTypeId
    query = select(*_TYPE.columns(rows.live)).order_by(key)
    return tuple(ComponentKind(*row) for row in rows.read(query))


def concentration_types(rows: Rows) -> tuple[Unit, ...]:
    """The units of the site; they belong to nobody."""
    if not has(rows.live, t.concentration_type):
        return ()
    key = t.concentration_type.c.concentrationTypeId
    query = select(*_UNIT.columns(rows.live)).order_by(key)
    return tuple(Unit(*row) for row in rows.read(query))


def compositions(
    rows: Rows, table: Table, owner: str, owners: Sequence[int]
) -> dict[int, tuple[Composition, ...]]:
    """What samples or crystals are made of.

    Args:
        rows: The database.
        table: ``SampleComposition`` or ``CrystalComposition``.
        owner: Its column with the sample or crystal.
        owners: Which ones.
    """
    live, c = rows.live, table.c
    if not owners or not has(live, table, t.component, t.component_type):
        return {}
    own = Part(table, (owner, "abundance", "ratio", "ph"))
    parts: tuple[Part, ...] = (own, _COMPONENT, _TYPE, _UNIT)
    source = table.join(t.component, t.component.c.componentId == c.componentId).join(
        t.component_type,
        t.component_type.c.componentTypeId == t.component.c.componentTypeId,
    )
    if has(live, t.concentration_type):
        of = t.concentration_type.c.concentrationTypeId == c.concentrationTypeId
        source = source.outerjoin(t.concentration_type, of)
    else:
        parts = (own, _COMPONENT, _TYPE)
    query = (
        select(*columns(live, parts))
        .select_from(source)
        .where(c[owner].in_(owners))
        .order_by(next(iter(table.primary_key.columns)))
    )
    found: dict[int, list[Composition]] = defaultdict(list)
    for row in rows.read(query):
        mine, *rest = apart(row, parts)
        found[mine.pop(owner)].append(_composition(mine, *rest))
    return {key: tuple(all_of) for key, all_of in found.items()}


def _composition(
    mine: dict[str, Any],
    component: dict[str, Any],
    kind: dict[str, Any],
    unit: dict[str, Any] | None = None,
) -> Composition:
    known = unit is not None and unit["concentrationTypeId"] is not None
    return Composition(
        **mine,
        Component=_component(component, kind),
        ConcentrationType=Unit(**unit) if unit and known else None,
    )


def _component(component: dict[str, Any], kind: dict[str, Any]) -> Ingredient:
    return Ingredient(**component, ComponentType=ComponentKind(**kind))
