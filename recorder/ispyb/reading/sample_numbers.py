"""What was done with samples and proteins, counted in sessions that one may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, distinct, func, or_, select

from recorder.ispyb.reading.parts import column, has
from recorder.ispyb.reading.sight import COLLECTED, Sight
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.rows import Rows

Numbers = dict[int, dict[str, Any]]
"""Counts by sample or protein, and by name."""


def numbers(rows: Rows, sight: Sight, samples: Sequence[int]) -> Numbers:
    """Of samples."""
    found: Numbers = defaultdict(dict)
    if not samples or not has(rows.live, *COLLECTED):
        return found
    group = r.group.c
    mine = group.blSampleId.in_(samples)
    _collections(rows, sight, group.blSampleId, mine, found)
    if has(rows.live, p.sub_sample):
        _sub_samples(rows, samples, found)
    if has(rows.live, r.screening, r.screening_output):
        _strategies(rows, sight, mine, found)
    if has(rows.live, r.integration):
        _integrations(rows, sight, mine, found)
    return found


def of_sub_samples(rows: Rows, sight: Sight, subs: Sequence[int]) -> Numbers:
    """Of parts of samples; none where collections do not name them."""
    found: Numbers = defaultdict(dict)
    part = column(rows.live, r.collection, "blSubSampleId")
    known = rows.live.column("DataCollection", "blSubSampleId")
    if subs and known and has(rows.live, *COLLECTED):
        _collections(rows, sight, part, part.in_(subs), found)
    return found


def _collections(
    rows: Rows,
    sight: Sight,
    by: ColumnElement[Any],
    where: ColumnElement[bool],
    found: Numbers,
) -> None:
    """Number and types of collections."""
    group, collection = r.group.c, r.collection.c
    query = (
        select(by, group.experimentType, func.count(collection.dataCollectionId))
        .select_from(_collected())
        .where(where, sight.session(group.sessionId))
        .group_by(by, group.experimentType)
        .order_by(by, group.experimentType)
    )
    for number, kind, count in rows.read(query):
        mine = found[number]
        mine["datacollections"] = mine.get("datacollections", 0) + count
        if kind:
            mine["types"] = (*mine.get("types", ()), kind)


def _collected() -> Any:
    group, collection = r.group.c, r.collection.c
    return r.group.join(
        r.collection, collection.dataCollectionGroupId == group.dataCollectionGroupId
    )


def _sub_samples(rows: Rows, samples: Sequence[int], found: Numbers) -> None:
    part = p.sub_sample.c
    query = (
        select(part.blSampleId, func.count(part.blSubSampleId))
        .where(part.blSampleId.in_(samples))
        .group_by(part.blSampleId)
    )
    for number, count in rows.read(query):
        found[number]["subsamples"] = count


def _strategies(
    rows: Rows, sight: Sight, mine: ColumnElement[bool], found: Numbers
) -> None:
    """Of collections, or of their groups."""
    group, output = r.group.c, r.screening_output.c
    query = (
        select(group.blSampleId, func.count(distinct(output.screeningOutputId)))
        .select_from(
            _collected()
            .join(r.screening, screened(rows))
            .join(r.screening_output, output.screeningId == r.screening.c.screeningId)
        )
        .where(mine, sight.session(group.sessionId), output.strategySuccess == 1)
        .group_by(group.blSampleId)
    )
    for number, count in rows.read(query):
        found[number]["strategies"] = count


def screened(rows: Rows) -> ColumnElement[bool]:
    """That a screening is of a collection, or of its group."""
    of_one = column(rows.live, r.screening, "dataCollectionId")
    of_all = column(rows.live, r.screening, "dataCollectionGroupId")
    return or_(
        of_one == r.collection.c.dataCollectionId,
        of_all == r.group.c.dataCollectionGroupId,
    )


def _integrations(
    rows: Rows, sight: Sight, mine: ColumnElement[bool], found: Numbers
) -> None:
    """Their number, and the best resolution of those that were scaled."""
    group, one = r.group.c, r.integration.c
    source = _collected().join(
        r.integration, one.dataCollectionId == r.collection.c.dataCollectionId
    )
    best: list[ColumnElement[Any]] = []
    if has(rows.live, r.scaling_integration, r.scaling_statistics):
        link, scaled = r.scaling_integration.c, r.scaling_statistics.c
        source = source.outerjoin(
            r.scaling_integration,
            link.autoProcIntegrationId == one.autoProcIntegrationId,
        ).outerjoin(
            r.scaling_statistics, scaled.autoProcScalingId == link.autoProcScalingId
        )
        best = [func.min(scaled.resolutionLimitHigh)]
    query = (
        select(group.blSampleId, func.count(distinct(one.autoProcIntegrationId)), *best)
        .select_from(source)
        .where(mine, sight.session(group.sessionId))
        .group_by(group.blSampleId)
    )
    for number, count, *resolution in rows.read(query):
        found[number]["autoIntegrations"] = count
        found[number]["integratedResolution"] = resolution[0] if resolution else None


def of_proteins(rows: Rows, sight: Sight, proteins: Sequence[int]) -> Numbers:
    """Of proteins: crystals, samples, collections and structures."""
    found: Numbers = defaultdict(dict)
    if not proteins or not has(rows.live, p.crystal, p.sample, *COLLECTED):
        return found
    crystal, sample, group = p.crystal.c, p.sample.c, r.group.c
    source = (
        p.protein.join(p.crystal, crystal.proteinId == p.protein.c.proteinId)
        .join(p.sample, sample.crystalId == crystal.crystalId)
        .outerjoin(r.group, group.blSampleId == sample.blSampleId)
    )
    collection = r.collection.c
    source = source.outerjoin(
        r.collection,
        (collection.dataCollectionGroupId == group.dataCollectionGroupId)
        & sight.session(group.sessionId),
    )
    query = (
        select(
            p.protein.c.proteinId,
            func.count(distinct(crystal.crystalId)),
            func.count(distinct(sample.blSampleId)),
            func.count(distinct(collection.dataCollectionId)),
        )
        .select_from(source)
        .where(
            p.protein.c.proteinId.in_(proteins),
            sight.samples(sample.blSampleId, p.protein.c.proposalId),
        )
        .group_by(p.protein.c.proteinId)
    )
    for number, crystals, samples, collections in rows.read(query):
        found[number].update(
            crystals=crystals, samples=samples, datacollections=collections
        )
    if has(rows.live, p.protein_pdb):
        _structures(rows, proteins, found)
    return found


def _structures(rows: Rows, proteins: Sequence[int], found: Numbers) -> None:
    link = p.protein_pdb.c
    query = (
        select(link.proteinid, func.count(distinct(link.pdbid)))
        .where(link.proteinid.in_(proteins))
        .group_by(link.proteinid)
    )
    for number, count in rows.read(query):
        found[number]["pdbs"] = count
