"""The published models of each flavour read what the recorder wrote.

The recorder's account has no right beyond those that the how-to lists.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from recorder.config import Settings
from recorder.ispyb.check import check_ispyb
from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.records import Json
from recorder.sinks.ispyb.sink import IspybSink
from tests.chaos.proxy import Proxy
from tests.ispyb import (
    all_written,
    announcement,
    forget_ids,
    record,
    run_bodies,
    running,
    write,
)
from tests.published_models import ORACLES, Oracle, documented_rights, restrict
from tests.servers import Database

MakeSettings = Callable[..., Settings]
ZONE = "Europe/Paris"
LINKS = ("dataCollectionId", "dataCollectionGroupId", "detectorId")
# What the schema sets by itself.
DEFAULTS = (
    "SESSIONID",
    "printableForReport",
    "sessionId",
    "binning",
    "anomalous",
    "ispybHidden",
    "hazardGroup",
    "containmentLevel",
)
# The role of a writer of serial data at Diamond, as its schema grants it.
DIAMOND_WRITER = {
    **dict.fromkeys(
        (
            "Proposal",
            "BLSession",
            "ExperimentType",
            "ComponentType",
            "ConcentrationType",
            "EventType",
        ),
        "S",
    ),
    **dict.fromkeys(
        (
            "SSXDataCollection",
            "DataCollectionGroup",
            "DataCollection",
            "EventChain",
            "Event",
            "Component",
            "SampleComposition",
            "CrystalComposition",
        ),
        "SIU",
    ),
}


@pytest.fixture(params=["esrf", "maxiv", "diamond"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def configured(
    flavour: str, settings: MakeSettings, mariadb_database: Database
) -> Settings:
    """Of a database of the flavour, with an account that may do what is documented."""
    Oracle(ORACLES[flavour]).create(mariadb_database)
    section = mariadb_database.section(flavour=flavour, rates="percent")
    found = settings(timezone=ZONE, ispyb=section)
    restrict(mariadb_database, documented_rights(found))
    return found


async def test_the_oracle_reads_every_value_back(
    flavour: str, configured: Settings, mariadb_database: Database, tmp_path: Path
) -> None:
    await record(configured, tmp_path, announcement(run=3), announcement(run=4))
    runs = Oracle(ORACLES[flavour]).read(mariadb_database)
    bodies = run_bodies(configured)
    assert len(runs) == 2
    for n, (run, body) in enumerate(zip(runs, bodies, strict=True)):
        _collection(run, body, 3 + n, flavour)
        _sample(run, flavour)
        _chains(run, flavour)
        {"esrf": _esrf, "maxiv": _maxiv, "diamond": _diamond}[flavour](run, body)
    groups = {run["group"]["dataCollectionGroupId"] for run in runs}
    samples = {run["group"]["blSampleId"] for run in runs}
    assert (len(groups), len(samples)) == (1, 1)


async def test_applied_again_with_ids_lost_nothing_changes(
    flavour: str, configured: Settings, mariadb_database: Database, tmp_path: Path
) -> None:
    await record(configured, tmp_path, announcement(run=1), announcement(run=2))
    before = _undated(Oracle(ORACLES[flavour]).read(mariadb_database))
    forget_ids(configured)
    write(configured)
    assert _undated(Oracle(ORACLES[flavour]).read(mariadb_database)) == before


async def test_commits_that_are_cut_double_nothing_and_lose_nothing(
    flavour: str,
    configured: Settings,
    settings: MakeSettings,
    mariadb_database: Database,
    tmp_path: Path,
) -> None:
    """Two of five commits never come, or their answers do not."""
    journalled = settings(ispyb={"enabled": False})
    await record(journalled, tmp_path, announcement(run=1), announcement(run=2))
    proxy = Proxy(mariadb_database.server.port)
    proxy.storm(seed=5)
    url = mariadb_database.url.replace(
        f":{mariadb_database.server.port}/", f":{proxy.port}/"
    )
    section = {
        **configured.ispyb.model_dump(),
        "url": url,
        "image_rows": True,
        "password": mariadb_database.password,
    }
    async with running(settings(timezone=ZONE, ispyb=section)) as runner:
        await all_written(runner)
    proxy.close()
    assert proxy.cuts >= 3
    runs = Oracle(ORACLES[flavour]).read(mariadb_database)
    assert [run["collection"]["dataCollectionNumber"] for run in runs] == [1, 2]
    for run, body in zip(runs, run_bodies(configured), strict=True):
        _chains(run, flavour)
        _program(run, body)
        assert [row["imageNumber"] for row in run["images"]] == [1, 2, 3, 4]
        assert len(run["ssx"]) == 1
        assert len(run.get("results", [0])) == (flavour != "esrf")
    assert len({run["group"]["dataCollectionGroupId"] for run in runs}) == 1


def test_check_prints_the_flavour_and_what_it_may_write(
    flavour: str, configured: Settings
) -> None:
    found = check_ispyb(configured)
    assert f"flavour {flavour}, writes runs, serial runs, measured chains" in found
    assert "not:" not in found
    assert "image rows, grids, positions, motor positions" in found
    assert ("workflows" in found) == (flavour != "diamond")
    assert ("processing results" in found) == (flavour == "maxiv")


async def test_diamonds_narrow_role_still_gets_every_run(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path, log_events: Any
) -> None:
    """Statistics, samples and detector are denied so far that they are not seen."""
    oracle = Oracle("diamond")
    oracle.create(mariadb_database)
    restrict(mariadb_database, DIAMOND_WRITER)
    configured = settings(ispyb=mariadb_database.section(flavour="diamond"))
    await record(configured, tmp_path, announcement())
    (run,) = oracle.read(mariadb_database)
    assert run["collection"]["runStatus"] == "DataCollection Successful"
    assert run["collection"]["numberOfImages"] == 4
    assert len(run["chains"]) == 2
    assert (run["sample"], run["detector"], run["programs"]) == (None, None, [])
    (said,) = [e for e in log_events if e["event"] == "ispyb_limited"]
    missing = {problem.split(":")[0] for problem in said["problems"]}
    assert missing == {
        "sample",
        "detector",
        "program",
        "integration",
        "attachments",
        "image rows",
        "grids",
        "positions",
        "motor positions",
        "energy scans",
        "fluorescence spectra",
        "samples completed",
        "detectors completed",
        "beamline setup",
    }


async def test_anothers_image_row_stays_and_does_not_keep_the_run_open(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    """At Diamond zocalo writes rows of the same key."""
    oracle = Oracle("diamond")
    oracle.create(mariadb_database)
    await record(settings(ispyb={"enabled": False}), tmp_path, announcement())
    configured = settings(ispyb=mariadb_database.section(flavour="diamond"))
    with closing(Journal(configured.journal_path)) as journal:
        sink = IspybSink(configured)
        sink.open(journal)
        for entry in journal.records(kinds=SINK_KINDS):
            if entry.kind == "run_sealed":
                mariadb_database.execute(
                    "INSERT INTO ImageQualityIndicators "
                    "(dataCollectionId, imageNumber, spotTotal) VALUES (1, 2, 77)"
                )
            ids = sink.apply(entry)
            journal.advance(sink.name, entry.seq, entry.run, ids)
        sink.close()
    (run,) = oracle.read(mariadb_database)
    assert run["collection"]["runStatus"] == "DataCollection Successful"
    spots = {row["imageNumber"]: row["spotTotal"] for row in run["images"]}
    assert (len(spots), spots[2]) == (4, 77)


async def test_a_column_that_a_group_needs_costs_that_group_only(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path, log_events: Any
) -> None:
    oracle = Oracle("esrf")
    oracle.create(mariadb_database)
    mariadb_database.execute(
        "ALTER TABLE AutoProcProgram RENAME COLUMN processingEnvironment TO other"
    )
    configured = settings(ispyb=mariadb_database.section())
    await record(configured, tmp_path, announcement())
    query = "SELECT runStatus FROM DataCollection"
    assert mariadb_database.rows(query) == [{"runStatus": "DataCollection Successful"}]
    (said,) = [e for e in log_events if e["event"] == "ispyb_limited"]
    column = "column AutoProcProgram.processingEnvironment missing"
    assert f"program: {column}" in said["problems"]


async def test_image_rows_where_nobody_expects_them(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    oracle = Oracle("esrf")
    oracle.create(mariadb_database)
    section = mariadb_database.section(image_rows=True)
    configured = settings(ispyb=section)
    await record(configured, tmp_path, announcement())
    forget_ids(configured)
    write(configured)
    (run,) = oracle.read(mariadb_database)
    _images(run, {"autoProcProgramId": run["programs"][0]["autoProcProgramId"]})


def _undated(runs: list[Json]) -> list[Json]:
    """Without the time of the last change, which is each write's own."""
    for run in runs:
        for result in run.get("results", ()):
            del result["lastUpdate"]
    return runs


def without(row: Json, *names: str) -> Json:
    return {name: value for name, value in row.items() if name not in names}


def close(expected: Any) -> Any:
    """The same, numbers to what MariaDB shows of a FLOAT."""
    if isinstance(expected, dict):
        return {name: close(value) for name, value in expected.items()}
    if isinstance(expected, str) or expected is None:
        return expected
    return pytest.approx(expected, rel=1e-5)


def _local(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, ZoneInfo(ZONE))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _collection(run: Json, body: Json, number: int, flavour: str) -> None:
    assert (run["proposal"], run["visit"]) == ("2345", 1)
    kind = "Serial Fixed" if flavour == "diamond" else "SSX-Chip"
    assert run["group"]["experimentType"] == kind
    assert run["group"]["comments"] == "first try"
    assert 0 < run["collection"]["resolution"] < 100
    wanted = {
        "dataCollectionNumber": number,
        "startTime": _local(body["opened_ns"]),
        "endTime": _local(body["ended_ns"]),
        "runStatus": "DataCollection Successful",
        "numberOfImages": 4,
        "startImageNumber": 1,
        "imageDirectory": "/data/visitor/mx2345",
        "fileTemplate": "run3_master.h5",
        "imagePrefix": "run3",
        "wavelength": 1.234567,
        "detectorDistance": 150.0,
        "xBeam": 3.0,
        "yBeam": 3.75,
        "xBeamPix": 40.0,
        "yBeamPix": 50.0,
        "transmission": 87.5,
        "exposureTime": 0.0001,
        "beamSizeAtSampleX": 0.005,
        "beamSizeAtSampleY": 0.006,
        "flux": 1.23456789e12,
        "comments": f"first try [recorder:{body['uid']}]",
    }
    if flavour == "diamond":
        wanted = without(wanted, "xBeamPix", "yBeamPix")
    found = without(run["collection"], "resolution", *LINKS, *DEFAULTS)
    assert found == close(wanted)
    assert run["detector"]["detectorSerialNumber"] == "E-00-0001"
    (ssx,) = run["ssx"]
    assert without(ssx, "dataCollectionId") == close(
        {
            "repetitionRate": 231.25,
            "energyBandwidth": 0.0001,
            "laserEnergy": 1e-6,
            "jetSize": 0.05,
            "chipModel": "Oxford",
            "chipPattern": "dots",
            "monoStripe": "Pd/B4C",
            "experimentName": "fvkhb",
        }
    )


def _sample(run: Json, flavour: str) -> None:
    place = "support" if flavour == "diamond" else "comments"
    said = "SSX-Chip" if flavour == "diamond" else "support: SSX-Chip"
    assert (run["sample"]["name"], run["sample"][place]) == ("laagg", said)
    assert (run["protein"]["acronym"], run["protein"]["name"]) == ("kljvz", "a protein")
    cell = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
    assert [run["crystal"][name] for name in cell] == close(
        [79.1, 79.1, 38.2] + [90] * 3
    )
    size = [run["crystal"][f"size_{axis}"] for axis in "XYZ"]
    assert size == close([0.02, 0.03, 0.04])
    assert run["crystal"]["spaceGroup"] == "P43212"


def _chains(run: Json, flavour: str) -> None:
    found = [
        (
            chain["name"],
            [
                without(event, "eventId", "eventChainId", "eventTypeId", "componentId")
                for event in chain["events"]
            ],
        )
        for chain in run["chains"]
    ]
    position = flavour == "diamond"
    none = {"component": None, "component_type": None}
    pattern = {"period": 1.0, "repetition": 10000.0, **none}
    if position:  # one shot each, counted from the first detection
        pattern = {"repetition": 1.0, **none}
    start = 0.7 if position else 0.0
    x = {"type": "XrayDetection", "duration": close(0.1), **pattern}
    laser = {"type": "LaserExcitation", "duration": 0.5, **pattern}
    mix: Json = {"type": "ReactionTrigger"}
    if position:
        mix["repetition"] = 1.0
    assert found == [
        (
            "Detections",
            [
                {"offset": close(0.1 - start), **laser},
                {"offset": pytest.approx(0.7 - start, abs=1e-9), **x},
                {"offset": close(0.9 - start), **x},
            ],
        ),
        (
            "Sample preparation",
            [
                {
                    "name": "mixed a",
                    "offset": -50.0,
                    "component": "mixed a",
                    "component_type": "Ligand",
                    **mix,
                },
                {
                    "name": "mixed c",
                    "offset": 0.0,
                    "component": "mixed c",
                    "component_type": "Buffer",
                    **mix,
                },
            ],
        ),
    ]
    if position:
        assert run["shots_per_image"] == 2.0


def _program(run: Json, body: Json) -> Json:
    (program,) = run["programs"]
    assert program["processingPrograms"] == "recorder"
    assert program["processingEnvironment"] == f"[recorder:{body['uid']}]"
    assert program["processingMessage"].startswith("4 images, 0 lost, 0 indexed")
    (integration,) = run["integrations"]
    assert integration["autoProcProgramId"] == program["autoProcProgramId"]
    assert (integration["startImageNumber"], integration["endImageNumber"]) == (1, 4)
    return dict(program)


PAGES = {"report.html", "summary.png"}
"""For people; py-ISPyB only offers them."""


def _files(files: Json, kind: str) -> None:
    """The two files of py-ISPyB, with the keys and types that it needs."""
    assert set(files) - PAGES == {"ssx_stats.json", "ssx_cells.json"}
    (stats,), (cells,) = files["ssx_stats.json"], files["ssx_cells.json"]
    assert (stats["fileType"], cells["fileType"]) == (kind, kind)
    assert (stats["body"]["nbHits"], stats["body"]["nbIndexed"]) == (2, 0)
    assert isinstance(stats["body"]["laticeType"], str)
    assert isinstance(stats["body"]["estimatedResolution"], float)
    assert cells["body"] == {"unit_cells": []}


def _esrf(run: Json, body: Json) -> None:
    program = _program(run, body)
    assert program["processingStatus"] == "SUCCESS"
    _files(program["files"], "Result")
    assert (run["results"], run["images"]) == ([], [])


def _maxiv(run: Json, body: Json) -> None:
    program = _program(run, body)
    assert (program["processingStatus"], set(program["files"])) == ("SUCCESS", PAGES)
    (result,) = run["results"]
    assert (result["status"], result["indexingType"]) == ("Success", "Final")
    assert (result["hitRate"], result["indexingRate"]) == (50.0, 0.0)
    assert (result["nbCrystals"], result["comments"]) == (
        0,
        f"[recorder:{body['uid']}]",
    )
    assert result["lastUpdate"]  # the server's own time
    _files(result["files"], "Real-time processing results")
    assert run["images"] == []


def _diamond(run: Json, body: Json) -> None:
    program = _program(run, body)
    assert program["processingStatus"] == 1
    assert run["experiment_type"]["name"] == "Serial Fixed"
    _files(program["files"], "Result")
    _images(run, {"autoProcProgramId": program["autoProcProgramId"]})


def _images(run: Json, link: Json) -> None:
    found = run["images"]
    assert [row["imageNumber"] for row in found] == [1, 2, 3, 4]
    assert [row["spotTotal"] > 8 for row in found] == [True, False, True, False]
    for row in found:
        assert {name: row[name] for name in link} == link
        assert row["goodBraggCandidates"] == row["spotTotal"]
        assert row["recordTimeStamp"]
    hits = [row for row in found if row["spotTotal"] > 8]
    assert all(row["method1Res"] == row["method2Res"] > 0 for row in hits)
