"""Samples with their crystals, proteins and containers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, null, select

from recorder.ispyb.reading.components import compositions
from recorder.ispyb.reading.parts import (
    Found,
    Page,
    Part,
    apart,
    column,
    columns,
    equal,
    has,
    holding,
    joined,
    named,
    paged,
)
from recorder.ispyb.reading.sample_numbers import numbers
from recorder.ispyb.reading.sample_records import (
    Sample,
    SampleContainer,
    SampleCrystal,
    SampleProtein,
)
from recorder.ispyb.reading.sample_status import done
from recorder.ispyb.reading.sight import COLLECTED, Sight
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.columns import CELL
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.people_tables import proposal
from recorder.ispyb.schema.read_values import as_whole
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

ORDERS = ("blSampleId", "name", "location", "datacollections")
"""What samples can be sorted by."""
NEEDED = (p.sample, p.crystal, p.protein)
"""Tables without which there are no samples: an account may not see them."""
_SAMPLE = Part(
    p.sample,
    ("blSampleId", "containerId", "name", "comments", "location", "loopType"),
)
_CRYSTAL = Part(
    p.crystal,
    (
        "crystalId",
        "proteinId",
        *CELL,
        "size_X",
        "size_Y",
        "size_Z",
        "name",
        "spaceGroup",
    ),
)
_PROTEIN = Part(p.protein, ("proteinId", "proposalId", "name", "acronym"))
_CONTAINER = Part(p.container, ("code", "sampleChangerLocation", "beamlineLocation"))
_PROPOSAL = Part(proposal, ("proposalCode", "proposalNumber"))


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which samples are wanted; None wants all."""

    sample: int | None = None
    search: str | None = None
    """In the name."""
    protein: int | None = None
    proposal: str | None = None
    container: int | None = None
    beamline: str | None = None
    """In the sample changer of a beamline."""
    assigned: bool = False
    """In any sample changer."""
    status: str | None = None
    """What was done with it; see :mod:`recorder.ispyb.reading.sample_status`."""
    order: str = "blSampleId"
    descending: bool = False


def samples(
    rows: Rows, rights: Rights, page: Page, wanted: SampleFilter = SampleFilter()
) -> Found[Sample]:
    """Samples that somebody may see.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        wanted: Of what kind, and in which order.
    """
    live = rows.live
    if not has(live, *NEEDED):
        return Found(0)
    sight = Sight(live, rights)
    parts = _parts(live)
    query = (
        select(*columns(live, parts))
        .select_from(_source(live))
        .where(
            sight.samples(p.sample.c.blSampleId, _of_proposal(live)),
            *_conditions(live, sight, wanted),
        )
    )
    total, found = paged(rows, _ordered(query, live, sight, wanted), page)
    bare = [_sample(apart(row, parts), parts) for row in found]
    return Found(total, tuple(_completed(rows, sight, bare)))


def _parts(live: LiveSchema) -> tuple[Part, ...]:
    found = (_SAMPLE, _CRYSTAL, _PROTEIN, _PROPOSAL)
    return (*found, _CONTAINER) if has(live, p.container) else found


def _source(live: LiveSchema) -> Any:
    sample, container = p.sample.c, p.container.c
    steps: list[tuple[Any, Any]] = [
        (p.crystal, p.crystal.c.crystalId == sample.crystalId),
        (p.protein, p.protein.c.proteinId == p.crystal.c.proteinId),
        (p.container, container.containerId == column(live, p.sample, "containerId")),
    ]
    if has(live, p.container, p.dewar):
        steps.append((p.dewar, p.dewar.c.dewarId == container.dewarId))
        if has(live, p.shipping):
            of = p.shipping.c.shippingId == p.dewar.c.shippingId
            steps.append((p.shipping, of))
    steps.append((proposal, proposal.c.proposalId == _of_proposal(live)))
    return joined(live, p.sample, *steps)


def _of_proposal(live: LiveSchema) -> ColumnElement[Any]:
    """A sample's proposal: its protein's, else that of the parcel it came in."""
    if has(live, p.container, p.dewar, p.shipping):
        return func.coalesce(p.protein.c.proposalId, p.shipping.c.proposalId)
    return p.protein.c.proposalId


def _conditions(
    live: LiveSchema, sight: Sight, wanted: SampleFilter
) -> list[ColumnElement[bool]]:
    sample, found = p.sample.c, []
    if wanted.sample is not None:
        found.append(sample.blSampleId == wanted.sample)
    if wanted.search:
        found.append(holding(live, sample.name, wanted.search))
    if wanted.protein is not None:
        found.append(p.protein.c.proteinId == wanted.protein)
    if wanted.container is not None:
        found.append(column(live, p.sample, "containerId") == wanted.container)
    if wanted.proposal is not None:
        code, digits = proposal.c.proposalCode, proposal.c.proposalNumber
        found.append(named(live, code, digits, wanted.proposal))
    if wanted.beamline is not None or wanted.assigned:
        found.extend(_in_changer(live, wanted.beamline))
    if wanted.status is not None:
        found.append(done(live, sight, wanted.status))
    return found


def _in_changer(live: LiveSchema, beamline: str | None) -> list[ColumnElement[bool]]:
    """That a sample waits in a sample changer; nothing does where nobody tracks it."""
    if not has(live, p.container, p.dewar):
        return [null().is_not(None)]
    container = p.container.c
    found = [
        container.sampleChangerLocation != "",
        equal(live, p.dewar.c.dewarStatus, "processing"),
    ]
    if beamline is not None:
        found.append(equal(live, container.beamlineLocation, beamline))
    return found


def _ordered(
    query: Select[Any], live: LiveSchema, sight: Sight, wanted: SampleFilter
) -> Select[Any]:
    key = p.sample.c.blSampleId
    by = (
        _collected(sight)
        if wanted.order == "datacollections" and has(live, *COLLECTED)
        else column(live, p.sample, _column(wanted.order))
    )
    first = by.desc() if wanted.descending else by.asc()
    return query.order_by(first, key)


def _column(order: str) -> str:
    return "blSampleId" if order == "datacollections" else order


def _collected(sight: Sight) -> ColumnElement[Any]:
    group, collection = r.group.c, r.collection.c
    return (
        select(func.count(collection.dataCollectionId))
        .select_from(
            r.collection.join(
                r.group, group.dataCollectionGroupId == collection.dataCollectionGroupId
            )
        )
        .where(
            group.blSampleId == p.sample.c.blSampleId, sight.session(group.sessionId)
        )
        .correlate(p.sample)
        .scalar_subquery()
    )


def _sample(values: list[dict[str, Any]], parts: tuple[Part, ...]) -> Sample:
    own, crystal, protein, of, *rest = values
    if (own["location"] or "").strip().isdecimal():
        own["location"] = as_whole(own["location"])
    if protein["proposalId"] is not None:
        protein["proposalId"] = str(protein["proposalId"])
    container = rest[0] if rest and own["containerId"] is not None else None
    code, digits = of["proposalCode"], of["proposalNumber"]
    name = None if code is None and digits is None else f"{code or ''}{digits or ''}"
    found = Sample(
        **own,
        Crystal=SampleCrystal(**crystal, Protein=SampleProtein(**protein)),
        Container=None if container is None else SampleContainer(**container),
    )
    return with_numbers(found, proposal=name)


def with_numbers(sample: Sample, **values: Any) -> Sample:
    """A sample with more in its ``_metadata``."""
    mine = replace(sample.metadata, **values)
    return replace(sample, metadata=mine)


def _completed(rows: Rows, sight: Sight, bare: list[Sample]) -> list[Sample]:
    """With compositions, and what was done."""
    ids = [sample.blSampleId for sample in bare]
    crystals = [n for s in bare if (n := s.Crystal.crystalId) is not None]
    mine = compositions(rows, t.sample_composition, "blSampleId", ids)
    theirs = compositions(rows, t.crystal_composition, "crystalId", crystals)
    counted = numbers(rows, sight, ids)
    found = []
    for sample in bare:
        made_of = theirs.get(sample.Crystal.crystalId or 0, ())
        whole = replace(
            sample,
            Crystal=replace(sample.Crystal, crystal_compositions=made_of),
            sample_compositions=mine.get(sample.blSampleId, ()),
        )
        found.append(with_numbers(whole, **counted.get(sample.blSampleId, {})))
    return found
