"""Persons, and what samples travel in, as somebody may see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from recorder.ispyb.reading.listed_persons import PersonFilter, persons
from recorder.ispyb.reading.parcels import (
    ParcelFilter,
    containers,
    dewars,
    lab_contacts,
    shippings,
)
from recorder.ispyb.reading.parts import Page
from recorder.ispyb.schema import people_tables as q
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.live_schema import read_live
from tests.reading import (
    ALL,
    CONTACT,
    MEMBER,
    STAFF,
    STRANGER,
    at,
    embedded,
    reading,
    write,
)

ANY = Page(0, 100)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = embedded(tmp_path / "ispyb.db")
    yield found
    found.dispose()


@pytest.mark.parametrize(
    ("rights", "seen"),
    [
        (ALL, [2, 1, 3]),
        (MEMBER, [2, 1]),
        (CONTACT, [2]),
        (STAFF, [2, 3]),
        (STRANGER, []),
    ],
)
def test_persons_of_what_one_sees(engine, rights, seen):
    with reading(engine) as rows:
        found = persons(rows, rights, ANY)
        assert [one.personId for one in found.results] == seen
        assert found.total == len(seen)
        everybody = persons(rows, rights, ANY, PersonFilter(everybody=True))
        assert everybody.total == 3
        for one in everybody.results:
            assert one.metadata.sessions == (one.personId in seen and one.personId > 1)


def test_persons_of_a_session_have_a_role(engine):
    with reading(engine) as rows:
        (carl,) = persons(rows, CONTACT, ANY, PersonFilter(session=11)).results
        assert carl.familyName is None
        assert (carl.metadata.role, carl.metadata.remote) == ("Local Contact", True)
        assert carl.metadata.lastSession == at(8)
        for wanted in (PersonFilter(session=21), PersonFilter("mx9999")):
            assert persons(rows, CONTACT, ANY, wanted).total == 0
            assert persons(rows, STAFF, ANY, wanted).total == 1
        of = persons(rows, MEMBER, ANY, PersonFilter("MX2345"))
        assert [one.personId for one in of.results] == [2, 1]


def _parcels(engine: Engine) -> None:
    live = read_live(engine)
    with engine.begin() as db:
        lab = {"laboratoryId": 1, "city": "Grenoble"}
        write(db, live, q.laboratory, lab)
        write(
            db,
            live,
            q.lab_contact,
            {"labContactId": 1, "personId": 1, "cardName": "home", "proposalId": 1},
            {"labContactId": 2, "personId": 99, "cardName": "far", "proposalId": 2},
        )
        write(
            db,
            live,
            p.shipping,
            {"shippingId": 1, "proposalId": 1, "returnLabContactId": 1},
            {"shippingId": 2, "proposalId": 2, "sendingLabContactId": 2},
            {"shippingId": 3, "proposalId": 1},
        )
        write(
            db,
            live,
            p.dewar,
            {"dewarId": 1, "shippingId": 1, "firstExperimentId": 11, "type": "Dewar"},
            {"dewarId": 2, "shippingId": 2},
            {"dewarId": 3, "shippingId": 3},
            {"dewarId": 4},
        )
        write(
            db,
            live,
            p.container,
            {"containerId": 1, "dewarId": 1, "code": "a"},
            {"containerId": 2, "dewarId": 2, "beamlineLocation": "id29"},
            {"containerId": 3, "dewarId": 3, "sessionId": 12},
            {"containerId": 4},
        )


def test_parcels_of_proposals_sessions_and_beamlines(engine):
    _parcels(engine)
    seen = {
        ALL: ([1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]),
        MEMBER: ([1], [1, 3], [1, 3], [1, 3]),
        CONTACT: ([], [1], [1], []),
        STAFF: ([], [1, 2], [1, 2], [2]),
        STRANGER: ([], [], [], []),
    }
    with reading(engine) as rows:
        for rights, expected in seen.items():
            asked = (
                [one.labContactId for one in lab_contacts(rows, rights, ANY).results],
                [one.shippingId for one in shippings(rows, rights, ANY).results],
                [one.dewarId for one in dewars(rows, rights, ANY).results],
                [one.containerId for one in containers(rows, rights, ANY).results],
            )
            assert asked == expected, rights.login
            for ask, ids in zip(
                (lab_contacts, shippings, dewars, containers), expected, strict=True
            ):
                for key in (1, 2, 3, 4, 5):
                    found = ask(rows, rights, ANY, ParcelFilter(key))
                    assert found.total == (key in ids)


def test_parcels_have_their_addresses(engine):
    _parcels(engine)
    with reading(engine) as rows:
        home, far = lab_contacts(rows, ALL, ANY).results
        assert (home.Person.givenName, home.Person.Laboratory) == ("Mia", None)
        assert far.Person.givenName is None
        one, two, _ = shippings(rows, ALL, ANY).results
        assert one.LabContact.Person.familyName == "M" and one.LabContact1 is None
        assert two.LabContact1.cardName == "far" and one.metadata.dewars == 1
        first, *_, last = dewars(rows, ALL, ANY).results
        assert (first.dewarType, first.Shipping.proposalId) == ("Dewar", 1)
        assert last.Shipping.proposalId is None
        wanted = ParcelFilter(proposal="mx2345", shipping=1)
        assert dewars(rows, ALL, ANY, wanted).total == 1
        assert containers(rows, ALL, ANY).results[0].Dewar.Shipping.proposalId == 1


def test_where_there_are_no_such_tables_there_is_nothing(tmp_path):
    engine = embedded(tmp_path / "bare.db", whole=False)
    with reading(engine) as rows:
        assert persons(rows, ALL, ANY).total == 3
        for ask in (lab_contacts, shippings, dewars, containers):
            assert ask(rows, ALL, ANY) == ask(rows, STRANGER, ANY)
    engine.dispose()
