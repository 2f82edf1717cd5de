"""Proteins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from recorder.ispyb.reading.parts import (
    Found,
    Page,
    Part,
    apart,
    columns,
    has,
    holding,
    named,
    paged,
)
from recorder.ispyb.reading.sample_numbers import of_proteins
from recorder.ispyb.reading.sample_records import (
    ComponentKind,
    Protein,
    ProteinNumbers,
)
from recorder.ispyb.reading.sight import Sight
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.people_tables import proposal
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

ORDERS = ("proteinId", "name", "acronym")
"""What proteins can be sorted by."""
_PROTEIN = Part(
    p.protein,
    (
        *("proteinId", "proposalId", "name", "acronym", "sequence", "density"),
        *("molecularMass", "containmentLevel", "hazardGroup", "safetyLevel"),
    ),
)
_TYPE = Part(t.component_type, ("componentTypeId", "name"))


@dataclass(frozen=True, slots=True)
class ProteinFilter:
    """Which proteins are wanted; None wants all."""

    protein: int | None = None
    proposal: str | None = None
    search: str | None = None
    """In name or acronym."""
    order: str = "proteinId"
    descending: bool = False


def proteins(
    rows: Rows, rights: Rights, page: Page, wanted: ProteinFilter = ProteinFilter()
) -> Found[Protein]:
    """Proteins that somebody may see.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        wanted: Of what kind, and in which order.
    """
    live, c = rows.live, p.protein.c
    if not has(live, p.protein):
        return Found(0)
    sight = Sight(live, rights)
    typed = has(live, t.component_type) and live.column("Protein", "componentTypeId")
    parts = (_PROTEIN, _TYPE) if typed else (_PROTEIN,)
    source = p.protein.join(proposal, proposal.c.proposalId == c.proposalId)
    if typed:
        of = t.component_type.c.componentTypeId == c.componentTypeId
        source = source.outerjoin(t.component_type, of)
    by = c[wanted.order]
    query = (
        select(*columns(live, parts))
        .select_from(source)
        .where(sight.proteins(c.proteinId, c.proposalId), *_conditions(live, wanted))
        .order_by(by.desc() if wanted.descending else by.asc(), c.proteinId)
    )
    total, found = paged(rows, query, page)
    taken = [apart(row, parts) for row in found]
    counted = of_proteins(rows, sight, [own["proteinId"] for own, *_ in taken])
    return Found(
        total,
        tuple(
            _protein(own, rest[0] if rest else None, counted.get(own["proteinId"], {}))
            for own, *rest in taken
        ),
    )


def _conditions(live: LiveSchema, wanted: ProteinFilter) -> list[ColumnElement[bool]]:
    found, c = [], p.protein.c
    if wanted.protein is not None:
        found.append(c.proteinId == wanted.protein)
    if wanted.proposal is not None:
        code, digits = proposal.c.proposalCode, proposal.c.proposalNumber
        found.append(named(live, code, digits, wanted.proposal))
    if wanted.search:
        found.append(
            holding(live, c.name, wanted.search)
            | holding(live, c.acronym, wanted.search)
        )
    return found


def _protein(
    own: dict[str, Any], kind: dict[str, Any] | None, counted: dict[str, Any]
) -> Protein:
    known = kind is not None and kind["componentTypeId"] is not None
    return Protein(
        **own,
        ComponentType=ComponentKind(**kind) if kind and known else None,
        metadata=ProteinNumbers(**counted),
    )
