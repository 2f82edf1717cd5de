"""What is announced of samples, ring, optics and detector, and what completes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.ispyb.schema.people_tables import people
from recorder.journal import Journal, RecordKind
from recorder.journal.records import SINK_KINDS
from recorder.sinks.ispyb.sink import IspybSink
from tests.ispyb import announcement, esrf_site, write
from tests.published_models import ORACLES, Oracle, documented_rights, restrict

MakeSettings = Callable[..., Settings]


def told(log_events: list[dict[str, Any]]) -> list[str]:
    found = [e for e in log_events if e["event"] == "description_differs"]
    return sorted(f"{e['table']}.{e['column']}: {e['there']}" for e in found)


# -- what is announced later -----------------------------------------------------------


async def test_what_a_description_lacks_is_filled_in_and_what_it_says_stays(
    site, settings, record_runs, log_events
):
    bare = {
        "sample": {
            "name": "laagg",
            "protein": {"acronym": "kljvz"},
            "components": [{"name": "mixed a"}, {"name": "mixed c", "type": "Buffer"}],
        },
        "unit_cell": None,
        "space_group": None,
    }
    full = announcement(run=2)
    other = deepcopy(announcement(run=3))
    other["sample"]["protein"]["name"] = "another"
    other["sample"]["crystal"]["size"] = [9, 0.03, 0.04]
    other["sample"]["components"][0] |= {"composition": "water", "abundance": 0.5}
    other["space_group"] = "P1"
    again = deepcopy({**other, "uid": "again", "run": 4})
    await record_runs(announcement(run=1, **bare), full, other, again)
    write(settings(ispyb=site.section))
    counts = site.counts()
    kinds = (
        "Protein",
        "Crystal",
        "BLSample",
        "SampleComposition",
        "CrystalComposition",
    )
    assert [counts[name] for name in kinds] == [1, 1, 1, 2, 1]
    assert site.one("SELECT name FROM Protein") == {"name": "a protein"}
    crystal = site.one("SELECT * FROM Crystal")
    assert [crystal[f"size_{axis}"] for axis in "XYZ"] == [0.02, 0.03, 0.04]
    assert (crystal["cell_a"], crystal["spaceGroup"]) == (79.1, "P43212")
    assert site.one("SELECT comments FROM BLSample")["comments"] == "support: SSX-Chip"
    part = "SELECT composition, abundance FROM Component NATURAL JOIN SampleComposition"
    assert site.one(f"{part} WHERE name = 'mixed a'") == {
        "composition": "C6H12O6",
        "abundance": 0.25,
    }
    assert told(log_events) == [
        "Component.composition: C6H12O6",
        "Crystal.size_X: 0.02",
        "Crystal.spaceGroup: P43212",
        "Protein.name: a protein",
        "SampleComposition.abundance: 0.25",
    ]  # each once, though two runs say it


async def test_what_may_not_be_changed_is_not_changed(
    settings, record_runs, mariadb_database
):
    """Without UPDATE on the sample's tables, rows stay as they were made."""
    site = esrf_site(mariadb_database)
    bare = {"sample": {"name": "laagg", "protein": {"acronym": "kljvz"}}}
    await record_runs(announcement(run=1, **bare), announcement(run=2))
    configured = settings(ispyb=site.section)
    rights = documented_rights(configured)
    narrow = ("Protein", "Crystal", "BLSample", "Component", "Detector")
    rights |= dict.fromkeys((*narrow, "SampleComposition", "CrystalComposition"), "SI")
    rights["BLSession"] = "S"
    restrict(mariadb_database, rights)
    write(configured)
    assert site.one("SELECT name FROM Protein") == {"name": "kljvz"}
    assert site.one("SELECT size_X FROM Crystal") == {"size_X": None}
    assert site.counts()["DataCollection"] == 2


# -- the tables of the parameters tab --------------------------------------------------


async def test_every_optional_key_has_its_column(site, settings, record_runs):
    body = announcement()
    body["beam"] |= {
        "shape": "gaussian",
        "polarisation": 0.99,
        "filling_mode": "16 bunch",
        "undulator": "CPMU18",
        "undulator_gap": 6.5,
        "focusing_optic": "CRL",
        "monochromator": "Si(111)",
        "something_else": {"of": "ours"},
    }
    body["detector"] |= {"type": "hybrid pixel", "manufacturer": "House"}
    part = body["sample"]["components"][0]
    part |= {"ph": 7.4, "ratio": 0.5, "concentration_type": "mM"}
    await record_runs(body)
    if site.section:
        mariadb = settings(ispyb=site.section)
        with connect(mariadb).begin() as db:
            db.execute(t.concentration_type.insert(), {"name": "Milli", "symbol": "mM"})
    else:
        part["concentration_type"] = "M"
    write(settings(ispyb=site.section))
    row = site.one("SELECT * FROM DataCollection")
    names = ("beamShape", "polarisation", "undulatorGap1", "synchrotronMode")
    assert [row[name] for name in names] == ["gaussian", 0.99, 6.5, "16 bunch"]
    setup = site.one(
        "SELECT b.* FROM BeamLineSetup b NATURAL JOIN BLSession s "
        "JOIN DataCollectionGroup g ON g.sessionId = s.sessionId"
    )
    del setup["beamLineSetupId"], setup["recordTimeStamp"]
    assert setup == {
        "synchrotronMode": "16 bunch",
        "undulatorType1": "CPMU18",
        "focusingOptic": "CRL",
        "monochromatorType": "Si(111)",
        "polarisation": 0.99,
    }
    detector = site.one("SELECT * FROM Detector")
    assert detector["detectorType"] == "hybrid pixel"
    assert detector["detectorManufacturer"] == "House"
    part = site.one("SELECT * FROM SampleComposition WHERE ph IS NOT NULL")
    assert (part["ph"], part["ratio"]) == (pytest.approx(7.4), 0.5)
    kind = "SELECT symbol FROM ConcentrationType NATURAL JOIN SampleComposition"
    assert [row["symbol"] for row in site.rows(kind)] == (
        ["mM"] if site.section else []
    )


@pytest.mark.parametrize("flavour", ["esrf", "maxiv", "diamond"])
async def test_the_published_schemas_have_these_columns(
    settings, record_runs, mariadb_database, flavour, log_events
):
    """With no more than the documented rights; sessions are changed in one column."""
    Oracle(ORACLES[flavour]).create(mariadb_database)
    mariadb_database.execute(
        "INSERT INTO ConcentrationType (name, symbol) VALUES ('Molar', 'M')"
    )
    configured = settings(ispyb=mariadb_database.section(flavour=flavour))
    restrict(mariadb_database, documented_rights(configured))
    body = announcement(beam={"undulator": "U20", "shape": "flat", "polarisation": 1})
    part = body["sample"]["components"][0]
    part |= {"ph": 6.5, "ratio": 0.5, "concentration_type": "molar"}
    await record_runs(body)
    write(configured)
    rows = mariadb_database.rows
    assert [e for e in log_events if e["event"] == "ispyb_limited"] == []
    parts = rows("SELECT * FROM SampleComposition WHERE ratio IS NOT NULL")
    acidity = "pH" if flavour == "diamond" else "ph"
    kinds = [(row[acidity], row["concentrationTypeId"]) for row in parts]
    assert kinds == [(6.5, 1)]
    assert rows("SELECT undulatorType1 AS u FROM BeamLineSetup") == [{"u": "U20"}]
    used = "SELECT COUNT(*) AS n FROM BLSession WHERE beamLineSetupId IS NOT NULL"
    assert rows(used) == [{"n": 1}]
    assert rows("SELECT beamShape FROM DataCollection") == [{"beamShape": "flat"}]


async def test_a_set_up_that_is_there_is_completed_only(
    settings, record_runs, mariadb_database, log_events
):
    site = esrf_site(mariadb_database)
    mariadb_database.execute(
        "INSERT INTO BeamLineSetup (beamLineSetupId, undulatorType1) VALUES (5, 'U35')",
        "UPDATE BLSession SET beamLineSetupId = 5",
    )
    await record_runs(announcement(beam={"undulator": "U20", "focusing_optic": "KB"}))
    write(settings(ispyb=site.section))
    row = site.one("SELECT undulatorType1, focusingOptic FROM BeamLineSetup")
    assert row == {"undulatorType1": "U35", "focusingOptic": "KB"}
    assert told(log_events) == ["BeamLineSetup.undulatorType1: U35"]


async def test_a_concentration_type_that_nobody_knows(
    site, settings, record_runs, log_events
):
    body = announcement()
    body["sample"]["components"][0]["concentration_type"] = "spoons"
    await record_runs(body)
    write(settings(ispyb=site.section))
    rows = site.rows("SELECT concentrationTypeId, abundance FROM SampleComposition")
    assert {row["concentrationTypeId"] for row in rows} == {None}
    (said, *_) = [e for e in log_events if e["event"] == "concentration_type_unknown"]
    assert (said["component"], said["type"]) == ("mixed a", "spoons")


async def test_a_detector_without_serial_number(site, settings, record_runs, tmp_path):
    place = {"manufacturer": "House"}
    await record_runs(
        announcement(run=1), announcement(run=2, detector=place), announcement(run=3)
    )
    configured = settings(ispyb=site.section)
    with closing(Journal(configured.journal_path)) as journal:
        sink = IspybSink(configured)
        sink.open(journal)
        for entry in journal.records(kinds=SINK_KINDS):
            body = deepcopy(entry.body)
            if entry.kind == RecordKind.RUN and (series := body["series"]):
                series["detector"]["serial_number"] = None
                if body["run"] == 3:
                    series["detector"]["description"] = "Dectris EIGER2"
            entry = replace(entry, body=body)
            ids = sink.apply(entry)
            journal.advance(sink.name, entry.seq, entry.run, ids)
        sink.close()
    rows = site.rows("SELECT * FROM Detector ORDER BY detectorId")
    assert [row["detectorSerialNumber"] for row in rows] == [None, None]
    assert [row["detectorManufacturer"] for row in rows] == ["House", "Dectris"]
    used = site.rows("SELECT DISTINCT detectorId FROM DataCollection")
    assert len(used) == 2


# -- runs that are not serial ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["EM", "dehydration", "GphNative", "Toast", ""])
async def test_a_type_that_no_technique_has_is_refused_with_the_list(
    site, settings, record_runs, kind
):
    """Stored as a jet, as it once was, it would be false."""
    await record_runs(announcement(experiment={"name": "e", "type": kind}))
    with pytest.raises(SinkError, match=r"is none that flavour esrf stores") as said:
        write(settings(ispyb=site.section))
    assert repr(kind) in str(said.value)
    assert "OSC, SAD, SAD - Inverse Beam, SSX-Chip, SSX-Jet" in str(said.value)
    assert set(site.counts().values()) == {0}


async def test_a_serial_run_is_not_filed_under_another_techniques_type(
    site, settings, record_runs
):
    """What it is the technique says, whose types do not say which it is."""
    body = announcement(experiment={"name": "e", "type": "OSC"}, technique="ssx")
    await record_runs(body)
    with pytest.raises(SinkError, match=r"'OSC' means technique mx-rotation, but tech"):
        write(settings(ispyb=site.section))
    assert set(site.counts().values()) == {0}


# -- an embedded database of an earlier recorder ---------------------------------------


def test_an_embedded_database_gets_its_new_columns(settings: MakeSettings) -> None:
    configured = settings()
    path = configured.state_directory / "ispyb.sqlite"
    engine = connect(configured)
    create_embedded(engine, "mx2345", "demo")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE DataCollection DROP COLUMN beamShape")
        db.execute("ALTER TABLE Detector DROP COLUMN detectorType")
        db.execute("ALTER TABLE SampleComposition DROP COLUMN ph")
        db.execute("DROP TABLE BeamLineSetup")
        db.execute("INSERT INTO Detector (detectorModel) VALUES ('kept')")
    for _ in range(2):
        create_embedded(engine, "mx2345", "demo")
    engine.dispose()
    with closing(sqlite3.connect(path)) as db:
        known: dict[str, set[str]] = {}
        for table in (*t.metadata.sorted_tables, *people.sorted_tables):
            columns = known.setdefault(table.name, set())
            columns.update(column.name for column in table.columns)
        for name, columns in known.items():
            found = {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
            assert found == columns
        assert db.execute("SELECT detectorModel FROM Detector").fetchall() == [
            ("kept",)
        ]
