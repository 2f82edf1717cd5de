"""Two proposals in a database, for what reads ISPyB's tables.

``mx2345``: session 11 on id29 with sample 101, session 12 on id23 with sample 102;
``mx9999``: session 21 on id29 with sample 201. The sample 103 of mx2345 was never used.
Rows have nothing in them that is not needed: most columns are null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, insert

from recorder.ispyb.schema import people_tables as q
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.database import _add_columns
from recorder.ispyb.schema.live_schema import LiveSchema, read_live
from recorder.ispyb.schema.people_tables import people
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights, SessionRight

ALL = Rights("root", everything=True)
MEMBER = Rights("member", proposals=frozenset({"mx2345"}), proposal_ids=frozenset({1}))
"""Of the proposal mx2345."""
CONTACT = Rights("contact", sessions=(SessionRight(11, "mx2345", "id29"),))
"""Local contact of session 11 only."""
STAFF = Rights("staff", beamlines=frozenset({"ID29"}))
"""Of id29: sessions 11 and 21."""
STRANGER = Rights("stranger")
_USED = {"smp101", "prt1", "cmp1", "cmp2", "cmp3", "Carl", "mx2345"}
_OTHER = {"smp201", "prt3", "cmp5", "Otto", "mx9999"}
_MORE = {"smp102", "smp103", "prt2", "cmp4", "cmp6", "Mia"}
NAMES = {
    ALL.login: _USED | _OTHER | _MORE | {"smp301"},
    MEMBER.login: _USED | _MORE,
    CONTACT.login: _USED,
    STAFF.login: _USED | _OTHER,
    STRANGER.login: set(),
}
"""What each of them may find by name."""
START = datetime(2026, 11, 23, 10)  # noqa: DTZ001  # as the columns are


def at(hour: float) -> datetime:
    """A time of the day of session 11."""
    return START.replace(hour=int(hour), minute=round(hour % 1 * 60))


def embedded(path: Path, *, whole: bool | None = True) -> Engine:
    """The recorder's own database, or one that has all tables that are read.

    Or, with None, one of which only the tables of people may be seen.
    """
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as db:
        for metadata in (people,) if whole is None else (t.metadata, people):
            metadata.create_all(db)
            _add_columns(db, metadata)
        if whole:
            for metadata in (p.read_only, r.read_runs):
                metadata.create_all(db)
                _add_columns(db, metadata)
    fill(engine)
    return engine


ROWS: tuple[tuple[Any, tuple[Mapping[str, Any], ...]], ...] = (
    (
        q.person,
        (
            {"personId": 1, "login": "member", "givenName": "Mia", "familyName": "M"},
            {"personId": 2, "login": "contact", "givenName": "Carl"},
            {"personId": 3, "login": "other", "givenName": "Otto", "familyName": "O"},
        ),
    ),
    (
        q.proposal,
        (
            {"proposalId": 1, "proposalCode": "mx", "proposalNumber": "2345"},
            {"proposalId": 2, "proposalCode": "mx", "proposalNumber": "9999"},
        ),
    ),
    (
        q.session,
        (
            {
                "sessionId": 11,
                "proposalId": 1,
                "beamLineName": "id29",
                "visit_number": 1,
                "startDate": at(8),
                "endDate": at(16),
            },
            {"sessionId": 12, "proposalId": 1, "beamLineName": "id23"},
            {"sessionId": 21, "proposalId": 2, "beamLineName": "id29"},
        ),
    ),
    (q.proposal_person, ({"proposalId": 1, "personId": 1},)),
    (
        q.session_person,
        (
            {"sessionId": 11, "personId": 2, "role": "Local Contact", "remote": 1},
            {"sessionId": 21, "personId": 3},
        ),
    ),
    (
        q.protein,
        (
            {"proteinId": 1, "proposalId": 1, "acronym": "prt1", "name": "Lysozyme"},
            {"proteinId": 2, "proposalId": 1, "acronym": "prt2"},
            {"proteinId": 3, "proposalId": 2, "acronym": "prt3"},
        ),
    ),
    (
        t.crystal,
        (
            {"crystalId": 1, "proteinId": 1, "size_X": 0.02, "cell_a": 79.1},
            {"crystalId": 2, "proteinId": 2},
            {"crystalId": 3, "proteinId": 3},
        ),
    ),
    (
        t.sample,
        (
            {"blSampleId": 101, "crystalId": 1, "name": "smp101", "comments": None},
            {"blSampleId": 102, "crystalId": 2, "name": "smp102"},
            {"blSampleId": 103, "crystalId": 2, "name": "smp103"},
            {"blSampleId": 201, "crystalId": 3, "name": "smp201"},
            {"blSampleId": 301, "name": "smp301"},
        ),
    ),
    (t.component_type, ({"componentTypeId": 901, "name": "Salt"},)),
    (t.concentration_type, ({"concentrationTypeId": 9, "name": "M", "symbol": "M"},)),
    (
        t.component,
        tuple(
            {
                "componentId": n,
                "componentTypeId": 901,
                "proposalId": of,
                "name": f"cmp{n}",
            }
            for n, of in ((1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 1))
        ),
    ),
    (
        t.sample_composition,
        (
            {"componentId": 1, "blSampleId": 101, "abundance": 0.5},
            {"componentId": 4, "blSampleId": 102},
            {"componentId": 5, "blSampleId": 201},
        ),
    ),
    (
        t.crystal_composition,
        ({"componentId": 2, "crystalId": 1, "ph": 7.5, "concentrationTypeId": 9},),
    ),
    (
        r.group,
        tuple(
            {
                "dataCollectionGroupId": n,
                "sessionId": session,
                "blSampleId": sample,
                "experimentType": "SSX-Jet",
            }
            for n, session, sample in ((1, 11, 101), (2, 12, 102), (3, 21, 201))
        ),
    ),
    (
        r.collection,
        tuple(
            {
                "dataCollectionId": n,
                "dataCollectionGroupId": group,
                "startTime": start and at(start),
                "endTime": end and at(end),
                "runStatus": status,
                "wavelength": 1.0,
            }
            for n, group, start, end, status in (
                (1, 1, 9, 10, "DataCollection Successful"),
                (2, 1, 10, 10.5, "DataCollection aborted"),
                (3, 1, 11, 11.5, "DataCollection Cancelled"),
                (4, 1, 12, 12.25, "DataCollection Failed"),
                (5, 1, 13, None, None),
                (6, 2, 9, 10, "DataCollection Successful"),
                (7, 3, 9, 10, "DataCollection Successful"),
            )
        ),
    ),
    (t.event_chain, ({"eventChainId": 1, "dataCollectionId": 1},)),
    (t.event_type, ({"eventTypeId": 901, "name": "ReactionTrigger"},)),
    (
        t.event,
        ({"eventChainId": 1, "eventTypeId": 901, "componentId": 3, "offset": 0.0},),
    ),
    (
        r.program,
        tuple(
            {
                "autoProcProgramId": n,
                "dataCollectionId": of,
                "processingPrograms": "recorder",
                "processingStatus": status,
            }
            for n, of, status in ((1, 1, "SUCCESS"), (2, 4, "FAILED"), (3, 7, None))
        ),
    ),
    (r.integration, ({"dataCollectionId": 1, "autoProcProgramId": 1},)),
)


def fill(engine: Engine) -> None:
    """The rows that any database can have."""
    live = read_live(engine)
    with engine.begin() as db:
        for table, rows in ROWS:
            if live.has(table.name):
                write(db, live, table, *rows)


def write(
    db: Connection, live: LiveSchema, table: Any, *rows: Mapping[str, Any]
) -> None:
    """Rows, without what the database has no column for."""
    for row in rows:
        kept = {k: v for k, v in row.items() if live.column(table.name, k)}
        db.execute(insert(table).values(**kept))


@contextmanager
def reading(engine: Engine) -> Iterator[Rows]:
    """The database, as queries see it."""
    live = read_live(engine)
    with engine.connect() as db:
        yield Rows(db, live)
