"""What pages of data collections show of a run that is not serial: cards, lists."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.ispyb.check import check_ispyb
from recorder.journal import Journal, RecordKind
from recorder.journal.records import SINK_KINDS, Record
from recorder.records import Json
from recorder.sinks.ispyb.sink import IspybSink
from tests.chaos.proxy import Proxy
from tests.ispyb import (
    NO_ISPYB,
    Site,
    all_written,
    record,
    record_with_end,
    running,
    write,
)
from tests.mx_readers import total
from tests.mx_runs import PLANE, TURNED, characterisation, grid, rotation
from tests.published_models import ORACLES, Oracle
from tests.servers import Database

MakeSettings = Callable[..., Settings]
EIGER_4M = {"shape": [2167, 2070], "pixel_size": [75e-6, 75e-6]}
BEAM = {"energy": 7000.0, "flux": 1.2e12, "transmission": 12.5}
MIDDLE = [1035.0, 1083.5]
FINE = {"start": 184.32, "range": 0.05, "images": 7200}


def apply(
    settings: Settings,
    change: Callable[[Record], Json],
    kinds: tuple[str, ...] = SINK_KINDS,
) -> None:
    """Write the journal's records with other bodies."""
    with closing(Journal(settings.journal_path)) as journal:
        sink = IspybSink(settings)
        sink.open(journal)
        for entry in journal.records(kinds=kinds):
            ids = sink.apply(replace(entry, body=change(entry)))
            journal.advance(sink.name, entry.seq, entry.run, ids)
        sink.close()


def of_a_real_detector(images: int) -> Callable[[Record], Json]:
    """As if the run had been of so many images of an EIGER 4M."""

    def change(entry: Record) -> Json:
        body = deepcopy(entry.body)
        if entry.kind == RecordKind.RUN and body["series"]:
            body["series"]["detector"] |= EIGER_4M
        if entry.kind == RecordKind.RUN_SEALED:
            counts = {"received": images, "expected": images, "declared": images}
            body["report"]["images"] |= {**counts, "lost": 0, "lost_ranges": []}
            body["report"]["mx"]["images"] = images
        return body

    return change


def card(run: Json) -> Json:
    """The acquisition's fields of a card, as the page writes them."""
    row, name = run["collection"], run["protein"]["acronym"]
    return {
        "type": run["group"]["experimentType"],
        "workflow": (run["workflow"] or {}).get("workflowType"),
        "protein": name,
        "sample": run["sample"]["name"],
        "prefix": row["imagePrefix"],
        "run": row["dataCollectionNumber"],
        "images": f"{row['numberOfImages']} ({total(run):.0f}°)",
        "transmission": row["transmission"],
        "resolution": f"{row['resolution']:.2f} ({row['resolutionAtCorner']:.2f}) Å",
        "energy": f"{12.39842 / row['wavelength']:.2f} keV",
        "omega": f"{row['axisRange']:.2f}°",
        "start": f"{row['axisStart']:.2f} ({total(run):.2f})",
        "exposure": row["exposureTime"],
        "flux": row["flux"],
        "flux end": row["flux_end"],
    }


CARDS = {
    "OSC": (
        rotation("OSC", FINE),
        0.06003,
        7200,
        {"images": "7200 (360°)", "resolution": "2.01 (1.72) Å", "omega": "0.05°"},
    ),
    "Characterization": (
        characterisation(workflow={"type": "EnhancedCharacterisation"}),
        0.08235,
        4,
        {"images": "4 (360°)", "resolution": "2.40 (1.96) Å", "omega": "1.00°"}
        | {"workflow": "EnhancedCharacterisation"},
    ),
}


@pytest.mark.parametrize("kind", CARDS)
async def test_the_cards_of_the_page_come_back_field_by_field(
    settings, mariadb_database, tmp_path, kind
):
    body, distance, images, shown = CARDS[kind]
    sample = {"name": "lyso-7", "protein": {"acronym": "lyso"}}
    body = {**body, "beam": BEAM, "sample": sample, "run": 2, "files": {}}
    body["files"] = {"template": "lyso-7_2_####.cbf", "prefix": "lyso-7"}
    place = {"distance": distance, "beam_center": MIDDLE, "exposure_time": 0.02}
    body["detector"] = place
    end = {"uid": body["uid"], "status": "success", "time_ns": 1, "flux_end": 1.1e12}
    await record_with_end(settings(ispyb=NO_ISPYB), tmp_path, body, end)
    Oracle(ORACLES["esrf"]).create(mariadb_database)
    configured = settings(timezone="UTC", ispyb=mariadb_database.section())
    apply(configured, of_a_real_detector(images))
    (run,) = Oracle(ORACLES["esrf"]).read(mariadb_database)
    wanted = {
        **{"type": kind, "workflow": None, "protein": "lyso", "sample": "lyso-7"},
        **{"prefix": "lyso-7", "run": 2, "transmission": 12.5, "energy": "7.00 keV"},
        **{"start": "184.32 (360.00)", "exposure": 0.02},
        **{"flux": 1.2e12, "flux end": 1.1e12},
    }
    found = card(run)
    assert (found.pop("flux"), found.pop("flux end")) == (
        pytest.approx(wanted.pop("flux"), rel=1e-5),
        pytest.approx(wanted.pop("flux end"), rel=1e-5),
    )
    assert found == wanted | shown


# -- py-ISPyB's list of events --------------------------------------------------------

EVENTS = """
SELECT g.dataCollectionGroupId AS grp, MAX(c.dataCollectionId) AS id, COUNT(*) AS runs,
 MIN(c.startTime) AS begun, MAX(c.endTime) AS ended, g.startTime, g.endTime,
 g.experimentType AS kind, SUM(c.runStatus LIKE '%%success%%') AS good
FROM DataCollection c JOIN DataCollectionGroup g
 ON g.dataCollectionGroupId = c.dataCollectionGroupId
GROUP BY g.dataCollectionGroupId ORDER BY grp"""
"""One event a group: the largest id stands for it, its times are those of all its runs,
and a status is good if it says success."""


async def test_an_announcement_of_two_planes_is_one_event_of_py_ispyb(
    settings, mariadb_database, tmp_path
):
    """Of one series of four images, which the planes share."""
    Oracle(ORACLES["esrf"]).create(mariadb_database)
    configured = settings(timezone="UTC", ispyb=mariadb_database.section())
    plane = {**PLANE, "steps": [2, 1]}
    body = grid("Mesh3D", uid="both")
    body["grid"] = {"planes": [plane, {**plane, "angle": 120.0}]}
    await record(configured, tmp_path, rotation(), body)
    found = mariadb_database.rows(EVENTS)
    assert [(e["kind"], e["id"], e["runs"], int(e["good"])) for e in found] == [
        ("OSC", 1, 1, 1),
        ("Mesh", 3, 2, 2),
    ]
    for one in found:
        assert (one["begun"], one["ended"]) == (one["startTime"], one["endTime"])
    angles = "SELECT meshAngle AS a FROM GridInfo ORDER BY gridInfoId"
    assert [row["a"] for row in mariadb_database.rows(angles)] == [30.0, 120.0]
    counts = "SELECT numberOfImages AS n FROM DataCollection ORDER BY dataCollectionId"
    assert [row["n"] for row in mariadb_database.rows(counts)] == [4, 2, 2]


# -- faults ---------------------------------------------------------------------------


async def test_commits_that_are_cut_double_nothing_and_lose_nothing(
    settings, mariadb_database, tmp_path
):
    """Two of five commits never come, or their answers do not."""
    sweep = {**TURNED, "position": [0.1, 0.2, 0.3], "end_position": [0.1, 0.2, 0.9]}
    bodies = [rotation("Helical", sweep), grid("Mesh", workflow={"type": "MeshScan"})]
    await record(settings(ispyb=NO_ISPYB), tmp_path, *bodies)
    oracle = Oracle(ORACLES["esrf"])
    oracle.create(mariadb_database)
    proxy = Proxy(mariadb_database.server.port)
    proxy.storm(seed=5)
    ports = f":{mariadb_database.server.port}/", f":{proxy.port}/"
    section = mariadb_database.section(url=mariadb_database.url.replace(*ports))
    async with running(settings(ispyb=section)) as runner:
        await all_written(runner)
    proxy.close()
    assert proxy.cuts >= 3
    first, second = oracle.read(mariadb_database)
    for run in (first, second):
        assert [row["imageNumber"] for row in run["images"]] == [1, 2, 3, 4]
        assert len(run["programs"]) == 1
        assert run["collection"]["runStatus"] == "DataCollection Successful"
    assert len(second["grids"]) == 1
    tables = ("Position", "MotorPosition", "Workflow", "DataCollectionGroup")
    counts = [f"(SELECT COUNT(*) FROM {name}) AS {name}" for name in tables]
    found = mariadb_database.rows(f"SELECT {', '.join(counts)}")[0]
    assert list(found.values()) == [1, 2, 1, 2]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_run_that_began_as_a_serial_one_becomes_what_it_is(
    site: Site, settings: MakeSettings, tmp_path: Path, times: int
) -> None:
    """Announced late: its group and row are described anew, and no other is made."""
    await record(settings(ispyb=NO_ISPYB), tmp_path, rotation())
    configured = settings(timezone="UTC", ispyb=site.section)
    with closing(Journal(configured.journal_path)) as journal:
        opened, *rest = journal.records(kinds=SINK_KINDS)
        body = deepcopy(opened.body)
        plain = {"experiment": {"name": "unannounced", "type": "SSX-Jet"}}
        body["body"] = {"proposal": "mx2345", "visit": 1, **plain}
        sink = IspybSink(configured)
        sink.open(journal)
        for _ in range(times):
            for entry in (replace(opened, body=body), opened, *rest):
                ids = sink.apply(entry)
                journal.advance(sink.name, entry.seq, entry.run, ids)
        sink.close()
    assert site.one("SELECT experimentType AS t FROM DataCollectionGroup")["t"] == "OSC"
    row = site.one("SELECT axisRange + 0e0 AS r, numberOfImages FROM DataCollection")
    assert row == {"r": pytest.approx(0.05), "numberOfImages": 4}


def test_check_says_that_unannounced_runs_have_a_type_that_is_none(
    settings: MakeSettings, mariadb_database: Database
) -> None:
    Oracle(ORACLES["esrf"]).create(mariadb_database)
    section = mariadb_database.section()
    stands_in: Json = {"proposal": "mx2345", "visit": 1}
    for kind in ("Toast", "Energy scan"):
        unannounced = {**stands_in, "experiment_type": kind}
        configured = settings(ispyb=section, unannounced=unannounced)
        with pytest.raises(SinkError, match=r"nobody announces .* is none that flavou"):
            check_ispyb(configured)
    unannounced = {**stands_in, "experiment_type": "OSC"}
    configured = settings(ispyb=section, unannounced=unannounced)
    assert "writes runs" in check_ispyb(configured)


async def test_what_is_amended_replaces_what_was_planned(
    settings: MakeSettings, mariadb_database: Database, tmp_path: Path
) -> None:
    """The same run announced anew with another sweep, another place, another grid."""
    oracle = Oracle(ORACLES["esrf"])
    oracle.create(mariadb_database)
    sweep: Json = {**TURNED, "position": [0.1, 0.2, 0.3]}
    await record(settings(ispyb=NO_ISPYB), tmp_path, rotation("OSC", sweep))
    configured = settings(timezone="UTC", ispyb=mariadb_database.section())
    write(configured)
    other: Any = {**sweep, "start": 10.0, "position": [0.4, 0.5, 0.6]}

    def amended(entry: Record) -> Json:
        body = deepcopy(entry.body)
        body["body"]["scan"]["sweeps"] = [other]
        return body

    apply(configured, amended, (RecordKind.RUN,))
    (run,) = oracle.read(mariadb_database)
    row = run["collection"]
    assert (row["axisStart"], row["axisEnd"]) == (10.0, pytest.approx(10.2))
    assert run["positions"]["positionId"]["posX"] == 0.4
    count = "SELECT COUNT(*) AS n FROM Position"
    assert mariadb_database.rows(count) == [{"n": 1}]
