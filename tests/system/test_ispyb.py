"""What a run becomes in ISPyB, on SQLite and on a real MariaDB."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.ispyb.schema.database import connect, transaction
from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.sinks.ispyb.sink import IspybSink
from tests.ispyb import (
    NO_ISPYB,
    Site,
    announcement,
    esrf_site,
    forget_ids,
    record,
    record_with_end,
    run_bodies,
    write,
)
from tests.servers import Database

MakeSettings = Callable[..., Settings]
ZONE = "Pacific/Kiritimati"  # 14 hours ahead: no host's own zone


@pytest.fixture
def configured(settings: MakeSettings, site: Site) -> Settings:
    return settings(timezone=ZONE, ispyb=site.section)


@pytest.fixture
def record_runs(settings: MakeSettings, tmp_path: Path) -> Callable[..., Any]:
    """Makes the journal of real runs; nothing is written to ISPyB yet."""
    return lambda *bodies: record(settings(ispyb=NO_ISPYB), tmp_path, *bodies)


def local(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, ZoneInfo(ZONE))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: Any) -> str:
    """A DATETIME as text: SQLite has no such type."""
    return str(value)[:19]


# -- one run ---------------------------------------------------------------------------


async def test_a_run_and_its_group(site, configured, record_runs):
    await record_runs(announcement())
    write(configured)
    (run,) = run_bodies(configured)
    group = site.one("SELECT * FROM DataCollectionGroup")
    assert group["experimentType"] == "SSX-Chip"
    assert group["comments"] == "first try"
    assert seconds(group["startTime"]) == local(run["opened_ns"])
    assert seconds(group["endTime"]) == local(run["ended_ns"])
    session = (
        "SELECT visit_number FROM BLSession JOIN DataCollectionGroup USING (sessionId)"
    )
    assert site.one(session)["visit_number"] == 1
    row = site.one("SELECT * FROM DataCollection")
    assert row["dataCollectionGroupId"] == group["dataCollectionGroupId"]
    assert (row["dataCollectionNumber"], row["numberOfImages"]) == (3, 4)
    assert row["runStatus"] == "DataCollection Successful"
    assert seconds(row["startTime"]) == local(run["opened_ns"])
    assert seconds(row["endTime"]) == local(run["ended_ns"])
    assert row["imageDirectory"] == "/data/visitor/mx2345"
    assert (row["imagePrefix"], row["fileTemplate"]) == ("run3", "run3_master.h5")
    assert row["startImageNumber"] == 1
    assert row["comments"] == f"first try [recorder:{run['uid']}]"


async def test_lengths_are_in_millimetres_and_floats_within_1e_5(
    site, configured, record_runs
):
    await record_runs(announcement())
    write(configured)
    expected = {
        "detectorDistance": 150.0,
        "xBeam": 3.0,
        "yBeam": 3.75,
        "xBeamPix": 40.0,
        "yBeamPix": 50.0,
        "wavelength": 1.234567,
        "transmission": 87.5,
        "exposureTime": 0.0001,
        "beamSizeAtSampleX": 0.005,
        "beamSizeAtSampleY": 0.006,
        "flux": 1.23456789e12,
    }
    # FLOAT is shown with six digits; as a sum it comes whole.
    columns = ", ".join(f"{name} + 0e0 AS {name}" for name in expected)
    row = site.one(f"SELECT {columns} FROM DataCollection")
    assert row == pytest.approx(expected, rel=1e-5)
    detector = site.one("SELECT * FROM Detector NATURAL JOIN DataCollection")
    assert detector["detectorSerialNumber"] == "E-00-0001"
    assert detector["detectorModel"] == "Test 9K"
    assert detector["detectorPixelSizeHorizontal"] == pytest.approx(75e-6)


async def test_the_file_says_what_the_announcement_does_not(
    site, configured, record_runs
):
    await record_runs(announcement(beam=None, detector=None, files=None, ssx=None))
    write(configured)
    row = site.one("SELECT * FROM DataCollection")
    assert row["detectorDistance"] == pytest.approx(200.0)
    assert row["exposureTime"] == pytest.approx(0.0002)
    assert row["wavelength"] is None
    assert row["imagePrefix"] is None
    assert site.one("SELECT * FROM SSXDataCollection")["repetitionRate"] is None


async def test_the_ssx_values(site, configured, record_runs):
    await record_runs(announcement())
    write(configured)
    row = site.one("SELECT * FROM SSXDataCollection")
    texts = ("experimentName", "chipModel", "chipPattern", "monoStripe", "jetSpeed")
    assert [row[name] for name in texts] == ["fvkhb", "Oxford", "dots", "Pd/B4C", None]
    numbers = ("repetitionRate", "energyBandwidth", "laserEnergy", "jetSize")
    assert [row[name] for name in numbers] == pytest.approx(
        [231.25, 1e-4, 1e-6, 0.05], rel=1e-5
    )


async def test_the_sample_is_described(site, configured, record_runs):
    await record_runs(announcement())
    write(configured)
    row = site.one(
        "SELECT s.name AS sample, p.acronym, p.name AS protein, c.* "
        "FROM DataCollectionGroup g JOIN BLSample s ON s.blSampleId = g.blSampleId "
        "JOIN Crystal c ON c.crystalId = s.crystalId "
        "JOIN Protein p ON p.proteinId = c.proteinId"
    )
    names = (row["sample"], row["acronym"], row["protein"], row["spaceGroup"])
    assert names == ("laagg", "kljvz", "a protein", "P43212")
    assert [row[f"size_{axis}"] for axis in "XYZ"] == [0.02, 0.03, 0.04]
    cell = [row[f"cell_{n}"] for n in ("a", "b", "c", "alpha", "beta", "gamma")]
    assert cell == [79.1, 79.1, 38.2, 90, 90, 90]
    parts = site.rows(
        "SELECT c.name, t.name AS type, c.composition, x.abundance, c.proposalId "
        "FROM SampleComposition x JOIN Component c ON c.componentId = x.componentId "
        "JOIN ComponentType t ON t.componentTypeId = c.componentTypeId ORDER BY c.name"
    )
    assert [tuple(part.values()) for part in parts] == [
        ("mixed a", "Ligand", "C6H12O6", 0.25, 1),
        ("mixed c", "Buffer", None, 0.75, 1),
    ]
    crystal = "SELECT name FROM CrystalComposition NATURAL JOIN Component"
    assert site.rows(crystal) == [{"name": "salt"}]


async def test_chains_and_events_are_written_as_declared(site, configured, record_runs):
    await record_runs(announcement())
    write(configured)
    rows = site.rows(
        "SELECT c.name AS chain, t.name AS type, e.name, e.offset, e.duration, "
        "e.period, e.repetition, k.name AS component FROM Event e "
        "JOIN EventChain c ON c.eventChainId = e.eventChainId "
        "JOIN EventType t ON t.eventTypeId = e.eventTypeId "
        "LEFT JOIN Component k ON k.componentId = e.componentId ORDER BY e.eventId"
    )
    first, second = "Detections", "Sample preparation"
    x, mix = "XrayDetection", "ReactionTrigger"
    pattern = (1, 10000, None)
    assert [tuple(row.values()) for row in rows] == [
        (first, "LaserExcitation", None, pytest.approx(0.1), 0.5, *pattern),
        (first, x, None, pytest.approx(0.7), pytest.approx(0.1), *pattern),
        (first, x, None, pytest.approx(0.9), pytest.approx(0.1), *pattern),
        (second, mix, "mixed a", -50, None, None, None, "mixed a"),
        (second, mix, "mixed c", 0, None, None, None, "mixed c"),
    ]


async def test_one_program_with_each_file_attached_once(site, configured, record_runs):
    await record_runs(announcement())
    write(configured)
    (run,) = run_bodies(configured)
    program = site.one("SELECT * FROM AutoProcProgram")
    assert program["processingPrograms"] == "recorder"
    assert program["processingStatus"] == "SUCCESS"
    assert program["processingEnvironment"] == f"[recorder:{run['uid']}]"
    message = "4 images, 0 lost, 0 indexed, 2 non-indexed hits, 2 non-hits"
    assert program["processingMessage"] == message
    assert program["dataCollectionId"] is not None
    files = site.rows("SELECT * FROM AutoProcProgramAttachment ORDER BY fileName")
    assert {file["fileName"]: file["fileType"] for file in files} == {
        "report.html": "Log",
        "ssx_cells.json": "Result",
        "ssx_stats.json": "Result",
        "summary.png": "Graph",
    }
    folder = str(configured.results / run["folder"])
    for file in files:
        assert file["filePath"] == folder
        assert (Path(folder) / file["fileName"]).is_file()


async def test_the_end_is_the_runs_not_that_of_writing_it_down(
    site, configured, record_runs
):
    await record_runs(announcement())
    write(configured, late_ns=3600 * 10**9)
    (run,) = run_bodies(configured)
    for table in ("DataCollection", "DataCollectionGroup"):
        row = site.one(f"SELECT endTime FROM {table}")
        assert seconds(row["endTime"]) == local(run["ended_ns"])


async def test_a_cancelled_run(site, configured, record_runs):
    await record_runs(announcement(images=10))
    write(configured)
    row = site.one("SELECT runStatus, numberOfImages FROM DataCollection")
    assert row == {"runStatus": "DataCollection aborted", "numberOfImages": 4}
    program = site.one("SELECT * FROM AutoProcProgram")
    assert program["processingMessage"].endswith("ended after image 4 of 10")


async def test_a_failed_run(site, configured, settings, tmp_path):
    body = announcement()
    end = {"uid": body["uid"], "time_ns": 1, "status": "failed", "reason": "no beam"}
    await record_with_end(settings(ispyb=NO_ISPYB), tmp_path, body, end)
    write(configured)
    row = site.one("SELECT runStatus FROM DataCollection")
    assert row["runStatus"] == "DataCollection Failed"
    program = site.one("SELECT * FROM AutoProcProgram")
    assert program["processingStatus"] == "FAILED"
    assert program["processingMessage"].endswith("failed: no beam")


# -- several runs ----------------------------------------------------------------------


async def test_a_second_run_joins_the_group_and_doubles_nothing(
    site, configured, record_runs
):
    await record_runs(announcement(run=1), announcement(run=2))
    write(configured)
    counts = site.counts()
    twice = {
        "DataCollection": 2,
        "SSXDataCollection": 2,
        "EventChain": 4,
        "Event": 10,
        "AutoProcProgram": 2,
        "AutoProcProgramAttachment": 8,
        "AutoProcIntegration": 2,
    }
    assert {name: counts.pop(name) for name in twice} == twice
    assert counts == {
        "Protein": 1,
        "Crystal": 1,
        "BLSample": 1,
        "Component": 3,
        "SampleComposition": 2,
        "CrystalComposition": 1,
        "Detector": 1,
        "DataCollectionGroup": 1,
    }


async def test_a_full_group_is_followed_by_a_new_one(site, settings, record_runs):
    """py-ISPyB's page shows no more than 100 runs of a group."""
    await record_runs(*(announcement(run=n) for n in range(1, 6)))
    section = {**site.section, "runs_per_group": 2}
    configured = settings(timezone=ZONE, ispyb=section)
    write(configured)
    query = (
        "SELECT dataCollectionGroupId AS g FROM DataCollection "
        "ORDER BY dataCollectionNumber"
    )
    groups = [row["g"] for row in site.rows(query)]
    assert [groups.index(g) for g in groups] == [0, 0, 2, 2, 4]
    forget_ids(configured)
    write(configured)
    assert [row["g"] for row in site.rows(query)] == groups
    assert site.counts()["DataCollectionGroup"] == 3


@pytest.mark.parametrize("times", [1, 3])
async def test_a_late_announcement_takes_its_group_along(
    site, configured, record_runs, times
):
    """Opened as unannounced, then announced: no group is left empty, nor made again."""
    await record_runs(announcement(run=1))
    with closing(Journal(configured.journal_path)) as journal:
        opened, *rest = journal.records(kinds=SINK_KINDS)
        unannounced = deepcopy(opened.body)
        unannounced["body"] |= {"experiment": {"name": "unannounced"}, "sample": None}
        sink = IspybSink(configured)
        sink.open(journal)
        for _ in range(times):
            for entry in (replace(opened, body=unannounced), opened, *rest):
                ids = sink.apply(entry)
                journal.advance(sink.name, entry.seq, entry.run, ids)
        sink.close()
    group = site.one("SELECT * FROM DataCollectionGroup")
    assert (group["experimentType"], group["comments"]) == ("SSX-Chip", "first try")
    assert site.one("SELECT experimentName FROM SSXDataCollection") == {
        "experimentName": "fvkhb"
    }


async def test_types_are_compared_without_case(site, configured, record_runs):
    """MXCuBE sends SSX-CHIP."""
    await record_runs(announcement(experiment={"name": "x", "type": "SSX-CHIP"}))
    write(configured)
    row = site.one("SELECT experimentType FROM DataCollectionGroup")
    assert row == {"experimentType": "SSX-Chip"}


async def test_a_second_sample_has_a_group_of_its_own(site, configured, record_runs):
    other = {"name": "another", "protein": {"acronym": "kljvz"}}
    await record_runs(announcement(), announcement(sample=other))
    write(configured)
    counts = site.counts()
    assert (counts["DataCollectionGroup"], counts["BLSample"]) == (2, 2)
    assert counts["Protein"] == 1


async def test_a_second_experiment_has_a_group_of_its_own(
    site, configured, record_runs
):
    other = {"name": "afternoon", "type": "SSX-Jet"}
    await record_runs(announcement(), announcement(experiment=other))
    write(configured)
    kinds = site.rows("SELECT experimentType FROM DataCollectionGroup ORDER BY 1")
    assert {row["experimentType"] for row in kinds} == {"SSX-Chip", "SSX-Jet"}
    assert site.counts()["BLSample"] == 1


async def test_experiments_that_differ_in_case_are_two_groups(
    site, configured, record_runs
):
    bodies = [announcement(experiment={"name": name}) for name in ("night", "Night")]
    await record_runs(*bodies)
    write(configured)
    assert site.counts()["DataCollectionGroup"] == 2


@pytest.mark.parametrize("forget", [False, True], ids=["ids-kept", "ids-lost"])
async def test_records_applied_again_change_nothing(
    site, configured, record_runs, forget
):
    await record_runs(announcement(run=1), announcement(run=2))
    write(configured)
    before = {name: site.rows(f"SELECT * FROM {name}") for name in site.counts()}
    if forget:
        forget_ids(configured)
    write(configured)
    after = {name: site.rows(f"SELECT * FROM {name}") for name in site.counts()}
    assert after == before


async def test_uids_that_differ_in_case_are_two_runs(site, configured, record_runs):
    await record_runs(announcement(uid="Night-A"), announcement(uid="night-a"))
    forget_ids(configured)
    write(configured)
    assert site.counts()["DataCollection"] == 2


@pytest.mark.parametrize("uid", ["mes\u00fcre-\u03b1-\u65e5", "x" * 255, "50%_/\\'\"["])
async def test_odd_uids_are_found_again(site, configured, record_runs, uid):
    await record_runs(announcement(uid=uid))
    write(configured)
    forget_ids(configured)
    write(configured)
    assert site.counts()["DataCollection"] == 1
    assert site.counts()["AutoProcProgram"] == 1


async def test_odd_uids_do_not_meet(site, configured, record_runs):
    await record_runs(announcement(uid="\u65e5"), announcement(uid="\u672c"))
    write(configured)
    assert site.counts()["DataCollection"] == 2


# -- what does not fit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"proposal": "mx9999"}, "proposal mx9999 is not in ISPyB"),
        ({"visit": 77}, "proposal mx2345 has no visit 77"),
        ({"visit": None, "proposal": "ls1"}, "proposal ls1 is not in ISPyB"),
    ],
)
async def test_runs_of_nobody_are_refused(site, configured, record_runs, changes, said):
    await record_runs(announcement(**changes))
    with pytest.raises(SinkError, match=said):
        write(configured)
    assert set(site.counts().values()) == {0}


async def test_without_a_visit_the_beamline_decides(site, configured, record_runs):
    await record_runs(announcement(visit=None))
    write(configured)
    query = (
        "SELECT beamLineName FROM BLSession JOIN DataCollectionGroup USING (sessionId)"
    )
    assert site.one(query)["beamLineName"] == "demo"


async def test_an_unknown_component_type_costs_the_component(
    site, configured, record_runs, log_events
):
    good, odd = {"name": "y", "type": "Buffer"}, {"name": "x", "type": "Plasma"}
    sample = {
        "name": "s",
        "components": [odd, good],
        "crystal": {"components": [good, odd]},
    }
    await record_runs(announcement(sample=sample))
    write(configured)
    assert site.one("SELECT name FROM Component")["name"] == "y"
    assert site.counts()["DataCollection"] == 1
    (said,) = [e for e in log_events if e["event"] == "value_left_out"]
    assert (said["what"], said["value"]) == ("component 'x'", "'Plasma'")
    assert "this ISPyB knows Buffer, DNA" in said["hint"]


async def test_the_other_familys_name_of_a_serial_type(site, configured, record_runs):
    await record_runs(announcement(experiment={"name": "e", "type": "Serial Jet"}))
    write(configured)
    group = site.one("SELECT experimentType FROM DataCollectionGroup")
    assert group["experimentType"] == "SSX-Jet"


@pytest.mark.parametrize("letter", ["x", "\u03b1", "\u03bc"])
async def test_long_texts_are_cut_but_the_mark_stays(
    site, configured, record_runs, letter
):
    body = announcement(
        experiment={"name": "e", "type": "SSX-Chip", "comments": letter * 3000},
        sample={"name": letter * 250, "protein": {"acronym": letter * 250}},
        ssx={"chip_model": letter * 300},
    )
    await record_runs(body)
    write(configured)
    row = site.one("SELECT comments FROM DataCollection")
    assert len(row["comments"]) <= 1024
    assert row["comments"].endswith(f" [recorder:{body['uid']}]")
    assert len(site.one("SELECT acronym FROM Protein")["acronym"]) == 45
    assert site.one("SELECT * FROM SSXDataCollection")["chipModel"] == letter * 255
    forget_ids(configured)
    write(configured)
    assert site.counts()["DataCollection"] == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("5 \u03bcm chip \u2013 \u00c5", "5 \u00b5m chip - \u00c5"),
        ("\u65e5\u672c", "??"),
        ("nul\0", "nul"),
    ],
)
async def test_latin1_columns_keep_what_they_can(
    site, configured, record_runs, given, kept
):
    experiment = {"name": "e", "type": "SSX-Chip", "comments": given}
    await record_runs(announcement(experiment=experiment, ssx={"chip_model": given}))
    write(configured)
    group = site.one("SELECT comments FROM DataCollectionGroup")
    assert group["comments"] == kept
    chip = site.one("SELECT chipModel FROM SSXDataCollection")["chipModel"]
    assert chip == given.replace("\0", "")


async def test_an_experiment_in_greek_letters_has_its_files(
    site, configured, record_runs
):
    experiment = {"name": "5 \u03bcs \u03b1", "type": "SSX-Jet"}
    await record_runs(announcement(experiment=experiment))
    write(configured)
    write(configured)
    assert site.counts()["DataCollectionGroup"] == 1
    for file in site.rows("SELECT * FROM AutoProcProgramAttachment"):
        assert (Path(file["filePath"]) / file["fileName"]).is_file()


@pytest.mark.parametrize("directory", ["/data/" + "x" * 300, "/data/🙂"])
async def test_a_path_is_never_cut(
    site, configured, record_runs, directory, log_events
):
    files = {"directory": directory, "template": "a.h5"}
    await record_runs(announcement(files=files))
    write(configured)
    row = site.one("SELECT imageDirectory, fileTemplate FROM DataCollection")
    assert row["fileTemplate"] == "a.h5"
    if row["imageDirectory"] != directory:
        assert row["imageDirectory"] is None
        (said,) = [e for e in log_events if e["event"] == "value_left_out"]
        assert said["what"] == "DataCollection.imageDirectory"
        assert "announce a files.directory that is shorter" in said["hint"]
    else:
        assert directory.endswith("🙂"), "this database's charset holds it"


async def test_the_session_that_is_on_is_taken(settings, record_runs, mariadb_database):
    site = esrf_site(mariadb_database)
    sessions = "(1, 4, 'demo', '2020-01-01', '2020-01-02')," + ",".join(
        f"(1, {visit}, 'demo', NOW() + INTERVAL {day - 2} DAY, "
        f"NOW() + INTERVAL {day + 2} DAY)"
        for visit, day in ((5, 0), (6, 9))
    )
    mariadb_database.execute(
        "INSERT INTO BLSession "
        "(proposalId, visit_number, beamLineName, startDate, endDate) "
        f"VALUES {sessions}"
    )
    await record_runs(announcement(visit=None))
    write(settings(ispyb=site.section))
    query = (
        "SELECT visit_number FROM BLSession JOIN DataCollectionGroup USING (sessionId)"
    )
    assert site.one(query)["visit_number"] == 5


def test_our_connections_are_strict_on_a_lax_server(
    settings: MakeSettings, mariadb_database: Database
) -> None:
    mariadb_database.execute("CREATE TABLE t (code varchar(3))")
    mariadb_database.execute("INSERT INTO t VALUES ('cut off')")
    assert mariadb_database.rows("SELECT code FROM t") == [{"code": "cut"}]
    engine = connect(settings(ispyb=mariadb_database.section()))
    with pytest.raises(SinkError, match="Data too long"), transaction(engine) as db:
        db.execute(text("INSERT INTO t VALUES ('cut off')"))
    engine.dispose()
