"""Samples, proteins and components, and what of them somebody sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from recorder.ispyb.reading.components import (
    component_types,
    components,
    concentration_types,
)
from recorder.ispyb.reading.parts import Page
from recorder.ispyb.reading.proteins import ProteinFilter, proteins
from recorder.ispyb.reading.sample_parts import (
    SubSampleFilter,
    sample_images,
    sub_samples,
)
from recorder.ispyb.reading.sample_status import STATUSES
from recorder.ispyb.reading.samples import ORDERS, SampleFilter, samples
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.live_schema import read_live
from recorder.records.access import Rights
from recorder.web.pyispyb.frame import adapter_of
from tests.reading import (
    ALL,
    CONTACT,
    MEMBER,
    STAFF,
    STRANGER,
    embedded,
    reading,
    write,
)

ANY = Page(0, 100)


def json_of(record: object) -> bytes:
    return adapter_of(type(record)).dump_json(record, by_alias=True)


@pytest.fixture(scope="module", params=[False, True], ids=["bare", "whole"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Our own database, and one with all tables of a facility."""
    found = embedded(tmp_path_factory.mktemp("db") / "ispyb.db", whole=request.param)
    yield found
    found.dispose()


@pytest.mark.parametrize(
    ("rights", "seen"),
    [
        (ALL, [101, 102, 103, 201, 301]),
        (MEMBER, [101, 102, 103]),
        (CONTACT, [101]),
        (STAFF, [101, 201]),
        (STRANGER, []),
    ],
)
def test_samples_of_the_sessions_that_one_sees(engine, rights, seen):
    with reading(engine) as rows:
        found = samples(rows, rights, ANY)
        assert [s.blSampleId for s in found.results] == seen
        assert found.total == len(seen)
        for sample in (101, 102, 103, 201, 301):
            one = samples(rows, rights, ANY, SampleFilter(sample=sample))
            assert one.total == (sample in seen)


@pytest.mark.parametrize(
    ("rights", "seen"),
    [
        (ALL, [1, 2, 3, 4, 5, 6]),
        (MEMBER, [1, 2, 3, 4, 6]),
        (CONTACT, [1, 2, 3]),
        (STAFF, [1, 2, 3, 5]),
        (STRANGER, []),
    ],
)
def test_components_once_each_however_many_sessions(engine, rights, seen):
    """py-ISPyB counts them once for each session of the proposal."""
    with reading(engine) as rows:
        found = components(rows, rights, ANY)
        assert [c.componentId for c in found.results] == seen
        assert found.total == len(seen)


@pytest.mark.parametrize(
    ("rights", "seen"),
    [(ALL, [1, 2, 3]), (MEMBER, [1, 2]), (CONTACT, [1]), (STAFF, [1, 3])],
)
def test_proteins_of_what_was_used(engine, rights, seen):
    with reading(engine) as rows:
        found = proteins(rows, rights, ANY)
        assert [s.proteinId for s in found.results] == seen
        assert proteins(rows, STRANGER, ANY).total == 0


def test_a_sample_has_all_that_the_page_draws(engine):
    with reading(engine) as rows:
        (sample,) = samples(rows, CONTACT, ANY).results
    assert sample.Crystal.size_X == 0.02 and sample.Crystal.cell_a == 79.1
    assert sample.Crystal.Protein.acronym == "prt1"
    assert sample.Crystal.Protein.proposalId == "1"
    (made_of,) = sample.sample_compositions
    assert (made_of.Component.name, made_of.abundance) == ("cmp1", 0.5)
    assert made_of.Component.ComponentType.name == "Salt"
    assert made_of.ConcentrationType is None
    (crystals,) = sample.Crystal.crystal_compositions
    assert crystals.ph == 7.5 and crystals.ConcentrationType.symbol == "M"
    known = sample.metadata
    assert (known.datacollections, known.types) == (5, ("SSX-Jet",))
    assert (known.autoIntegrations, known.proposal) == (1, "mx2345")
    assert b'"_metadata":{' in json_of(sample)


def test_a_sample_without_crystal_has_an_empty_one(engine):
    """The page reads its protein's acronym without asking."""
    with reading(engine) as rows:
        (sample,) = samples(rows, ALL, ANY, SampleFilter(sample=301)).results
    assert sample.Crystal.crystalId is None
    assert sample.Crystal.Protein.acronym is None
    assert sample.metadata.proposal is None


def test_counts_are_of_sessions_that_one_sees(engine):
    """Sample 101 is used in session 12, too, which the local contact does not see."""
    with reading(engine) as rows:
        rows.run(
            update(r.group)
            .where(r.group.c.dataCollectionGroupId == 2)
            .values(blSampleId=101)
        )
        for rights, collections in ((CONTACT, 5), (MEMBER, 6), (STAFF, 5)):
            wanted = SampleFilter(sample=101)
            (sample,) = samples(rows, rights, ANY, wanted).results
            assert sample.metadata.datacollections == collections
            (protein,) = proteins(rows, rights, ANY, ProteinFilter(1)).results
            assert protein.metadata.datacollections == collections
            assert protein.metadata.samples == 1


@pytest.mark.parametrize("order", ORDERS)
def test_orders(engine, order):
    with reading(engine) as rows:
        for descending in (False, True):
            wanted = SampleFilter(order=order, descending=descending)
            found = samples(rows, ALL, ANY, wanted)
            assert found.total == len(found.results) == 5
            if order == "datacollections":
                most = found.results[0 if descending else -1]
                assert most.blSampleId == 101


@pytest.mark.parametrize("status", STATUSES)
def test_statuses(engine, status):
    expected = {"Data Collected": [101, 102, 201], "Auto Integrated": [101]}
    with reading(engine) as rows:
        found = samples(rows, ALL, ANY, SampleFilter(status=status))
        assert [s.blSampleId for s in found.results] == expected.get(status, [])


def test_filters(engine):
    def ids(**wanted: object) -> list[int]:
        found = samples(rows, ALL, ANY, SampleFilter(**wanted))
        assert found.total == len(found.results)
        return [s.blSampleId for s in found.results]

    with reading(engine) as rows:
        assert ids(search="P101") == [101]
        assert ids(search="_") == ids(search="%") == []
        assert ids(protein=2) == [102, 103]
        assert ids(proposal="MX9999") == [201]
        assert ids(proposal="mx1") == []
        assert ids(container=1) == ids(beamline="id29") == ids(assigned=True) == []
        found = components(rows, ALL, ANY, "mx9999")
        assert [c.componentId for c in found.results] == [5]
        found = proteins(rows, ALL, ANY, ProteinFilter(search="LYSO"))
        assert [f.proteinId for f in found.results] == [1]
        assert samples(rows, ALL, Page(4, 1)).results[0].blSampleId == 301
        assert samples(rows, ALL, Page(5, 1)) == samples(rows, ALL, Page(10**17, 1))
        assert component_types(rows)[0].name == "Salt"
        assert concentration_types(rows)[0].symbol == "M"
        assert sub_samples(rows, ALL, ANY).total == 0
        assert sample_images(rows, ALL, ANY, "/api").total == 0


def test_samples_in_a_changer_and_their_parts(tmp_path: Path):
    engine = embedded(tmp_path / "ispyb.db")
    live = read_live(engine)
    with engine.begin() as db:
        write(db, live, p.shipping, {"shippingId": 1, "proposalId": 2})
        dewar = {"dewarId": 1, "shippingId": 1, "dewarStatus": "processing"}
        write(db, live, p.dewar, dewar)
        container = {"containerId": 1, "dewarId": 1, "code": "puck"}
        changer = {"sampleChangerLocation": "3", "beamlineLocation": "id29"}
        write(db, live, p.container, {**container, **changer})
        db.execute(
            update(p.sample).where(p.sample.c.blSampleId == 301).values(containerId=1)
        )
        position = {"positionId": 1, "posX": 1.5}
        write(db, live, p.position, position)
        write(db, live, p.sub_sample, {"blSampleId": 301, "positionId": 1})
        write(db, live, p.sample_image, {"blSampleImageId": 7, "blSampleId": 101})
    with reading(engine) as rows:
        for wanted in (
            SampleFilter(assigned=True),
            SampleFilter(beamline="ID29"),
            SampleFilter(container=1),
        ):
            (sample,) = samples(rows, STAFF, ANY, wanted).results
            assert sample.blSampleId == 301 and sample.Container.code == "puck"
            assert sample.metadata.proposal == "mx9999"
            assert sample.metadata.subsamples == 1
            assert samples(rows, CONTACT, ANY, wanted).total == 0
            assert samples(rows, MEMBER, ANY, wanted).total == 0
        assert samples(rows, ALL, ANY, SampleFilter(beamline="id23")).total == 0
        (part,) = sub_samples(rows, STAFF, ANY, SubSampleFilter(sample=301)).results
        assert part.Position1.posX == 1.5 and part.Position2 is None
        assert part.BLSample.name == "smp301"
        assert sub_samples(rows, CONTACT, ANY).total == 0
        (image,) = sample_images(rows, CONTACT, ANY, "/api").results
        assert b'"_metadata":{"url":"/api/samples/images/7"}' in json_of(image)
        assert sample_images(rows, STRANGER, ANY, "/api").total == 0
    engine.dispose()


RIGHTS = st.builds(
    Rights,
    st.just("someone"),
    everything=st.booleans(),
    beamlines=st.frozensets(st.sampled_from(["id29", "ID23", "id0"])),
    sessions=st.lists(st.sampled_from(CONTACT.sessions), max_size=1).map(tuple),
    proposal_ids=st.frozensets(st.integers(1, 3)),
)


@given(RIGHTS, RIGHTS)
@settings(max_examples=30)
def test_more_rights_never_show_less(engine, one, other):
    """And what both together show is what one of them shows."""
    both = Rights(
        "both",
        everything=one.everything or other.everything,
        beamlines=one.beamlines | other.beamlines,
        sessions=one.sessions or other.sessions,
        proposal_ids=one.proposal_ids | other.proposal_ids,
    )

    def seen(rights: Rights) -> set[tuple[str, int]]:
        asked = {
            "sample": [s.blSampleId for s in samples(rows, rights, ANY).results],
            "protein": [s.proteinId for s in proteins(rows, rights, ANY).results],
            "component": [s.componentId for s in components(rows, rights, ANY).results],
        }
        assert all(len(set(ids)) == len(ids) for ids in asked.values())
        return {(what, number) for what, ids in asked.items() for number in ids}

    with reading(engine) as rows:
        assert seen(both) == seen(one) | seen(other)


@given(st.text())
@settings(max_examples=30)
def test_no_text_is_more_than_text(engine, text):
    with reading(engine) as rows:
        for wanted in (
            SampleFilter(search=text),
            SampleFilter(proposal=text),
            SampleFilter(beamline=text),
        ):
            assert samples(rows, STRANGER, ANY, wanted).total == 0
        assert proteins(rows, STRANGER, ANY, ProteinFilter(search=text)).total == 0
        assert components(rows, STRANGER, ANY, text).total == 0
