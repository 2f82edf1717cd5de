"""Energy scans and fluorescence spectra as events: they are no data collections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import (
    DateTime,
    FromClause,
    Integer,
    Select,
    cast,
    func,
    literal,
    null,
    select,
)

from recorder.ispyb.people.scoping import visible
from recorder.ispyb.reading.proposals import proposal_name, session_name
from recorder.ispyb.reading.run_conditions import EventsWanted, of_place
from recorder.ispyb.reading.tables import LiveTable, Tables
from recorder.ispyb.schema import people_tables as p
from recorder.records.access import Rights

Kind = Literal["es", "xrf"]


@dataclass(frozen=True, slots=True)
class ScanRow:
    """Row of ``EnergyScan``: energies as the site's table has them, keV or eV."""

    energyScanId: int = 0
    element: str | None = None
    edgeEnergy: str | None = None
    startEnergy: float | None = None
    endEnergy: float | None = None
    peakEnergy: float | None = None
    peakFPrime: float | None = None
    peakFDoublePrime: float | None = None
    inflectionEnergy: float | None = None
    inflectionFPrime: float | None = None
    inflectionFDoublePrime: float | None = None
    remoteEnergy: float | None = None
    transmissionFactor: float | None = None
    exposureTime: float | None = None
    flux: float | None = None
    flux_end: float | None = None
    beamSizeHorizontal: float | None = None
    beamSizeVertical: float | None = None
    fluorescenceDetector: str | None = None


@dataclass(frozen=True, slots=True)
class SpectrumRow:
    """Row of ``XFEFluorescenceSpectrum``."""

    xfeFluorescenceSpectrumId: int = 0
    energy: float | None = None
    exposureTime: float | None = None
    beamTransmission: float | None = None
    flux: float | None = None
    flux_end: float | None = None
    beamSizeHorizontal: float | None = None
    beamSizeVertical: float | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    kind: Kind
    table: str
    key: str
    name: str
    """As a list of types shows it."""
    row: type


SOURCES: tuple[_Source, ...] = (
    _Source("es", "EnergyScan", "energyScanId", "Energy scan", ScanRow),
    _Source(
        "xrf",
        "XFEFluorescenceSpectrum",
        "xfeFluorescenceSpectrumId",
        "Fluorescence spectrum",
        SpectrumRow,
    ),
)


def sources(tables: Tables, wanted: EventsWanted) -> Iterator[_Source]:
    """Those that a database has, and that may be among what is wanted."""
    of_runs = (
        wanted.status,
        wanted.dataCollectionId,
        wanted.dataCollectionGroupId,
    )
    if any(value is not None for value in of_runs):
        return
    for source in SOURCES:
        there = tables.table(source.table)
        if not (there.has(source.key) and there.has("sessionId")):
            continue
        if wanted.eventType in (None, source.kind):
            yield source


def _clause(there: LiveTable) -> FromClause:
    return there.clause.join(
        p.session, p.session.c.sessionId == there["sessionId"]
    ).join(p.proposal, p.proposal.c.proposalId == p.session.c.proposalId)


def scans(
    tables: Tables, rights: Rights, wanted: EventsWanted, source: _Source
) -> Select[Any]:
    """One row for each scan or spectrum, with the columns that events of runs have.

    Args:
        tables: The database.
        rights: Of the one who asks.
        wanted: Which.
        source: Of which table.
    """
    there = tables.table(source.table)
    sample = there["blSampleId"]
    rest = replace(wanted, eventType=None)
    return (
        select(
            literal(source.kind).label("type"),
            there[source.key].label("id"),
            cast(there["startTime"], DateTime).label("startTime"),
            cast(there["endTime"], DateTime).label("endTime"),
            literal(1).label("count"),
            session_name().label("session"),
            p.session.c.sessionId.label("sessionId"),
            proposal_name().label("proposal"),
            cast(sample, Integer).label("blSampleId"),
            cast(null(), Integer).label("dataCollectionGroupId"),
            func.abs(0).label("going"),
            func.coalesce(there["endTime"], there["startTime"]).label("latest"),
        )
        .select_from(_clause(there))
        .where(visible(rights), *of_place(tables, sample, rest))
    )


def scan_rows(
    tables: Tables, ids: dict[str, list[int]]
) -> dict[tuple[str, int], ScanRow | SpectrumRow]:
    """What the tables say of scans and spectra, by kind and id.

    Args:
        tables: The database.
        ids: By kind. Rights are the caller's matter.
    """
    found: dict[tuple[str, int], ScanRow | SpectrumRow] = {}
    for source in SOURCES:
        wanted = ids.get(source.kind, [])
        rows: dict[int, list[Any]] = tables.by_id(
            source.row, source.table, source.key, wanted
        )
        for number, (row, *_) in rows.items():
            found[source.kind, number] = row
    return found


def scan_types(
    tables: Tables, rights: Rights, wanted: EventsWanted
) -> Iterator[tuple[str, str]]:
    """Name and kind of those of which there is any."""
    for source in sources(tables, wanted):
        query = scans(tables, rights, wanted, source).limit(1)
        if tables.rows(query):
            yield source.name, source.kind
