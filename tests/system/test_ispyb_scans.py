"""Energy scans and spectra in ISPyB and as files, by the published models' schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.journal import Journal
from recorder.records import Json
from recorder.service.host import hosting
from recorder.service.run_settings import book_settings
from recorder.sinks.ispyb.sink import IspybSink
from recorder.sources.control.messages import parse_message
from tests.ispyb import Site, announcement, embedded_site, forget_ids, write
from tests.published_models import ORACLES, Oracle, documented_rights, restrict
from tests.servers import Database

FLAVOURS = ("esrf", "maxiv", "diamond")
ENERGIES = [12658.0 + 0.1 * n for n in range(30)]
COUNTS = [100.0 + 13.25 * n for n in range(30)]
RESULT = {
    "peak": {"energy": 12661.53, "f_prime": -7.11, "f_double_prime": 5.24},
    "inflection": {"energy": 12658.2, "f_prime": -9.6, "f_double_prime": 2.7},
    "remote": {"energy": 12758.25, "f_prime": -3.1, "f_double_prime": 3.4},
}
SCAN = {
    "experiment": {"name": "mad", "type": "Energy scan", "comments": "first try"},
    "technique": "energy-scan",
    "energy_scan": {
        **{"element": "se", "edge": "K", "edge_energy": 12658.0},
        **{"range": [12600.0, 12700.0], "points": 31},
    },
    "detector": {"type": "Vortex", "exposure_time": 0.5},
    "event_chains": None,
}
XRF = {
    "experiment": {"name": "mad", "type": "XRF spectrum"},
    "spectrum": {"energy": 12700.0, "exposure_time": 10.0},
    "event_chains": None,
}


@pytest.fixture(params=["sqlite", *FLAVOURS])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(flavour: str, request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    if flavour == "sqlite":
        return embedded_site(tmp_path / "state" / "ispyb.sqlite")
    database: Database = request.getfixturevalue("mariadb_database")
    Oracle(ORACLES[flavour]).create(database)
    return Site(database.rows, database.section(flavour=flavour, rates="percent"))


@pytest.fixture
def configured(
    flavour: str,
    site: Site,
    settings: Callable[..., Settings],
    request: pytest.FixtureRequest,
) -> Settings:
    """With an account that may do what is documented."""
    found = settings(ispyb=site.section)
    if flavour != "sqlite":
        restrict(request.getfixturevalue("mariadb_database"), documented_rights(found))
    return found


def scan_messages(uid: str, **end: Any) -> list[tuple[str, Json]]:
    points = {
        **{"uid": f"{uid}-p", "collection": uid, "first": 0},
        **{"energy": ENERGIES, "counts": COUNTS, "monitor": [1.5] * 30},
    }
    body = {"uid": uid, "time_ns": 10**18, "status": "success", **end}
    return [
        ("collection/start", announcement(uid=uid, **SCAN)),
        ("scan/points", points),
        ("collection/end", {**body, "flux_end": 1.25e12, "result": RESULT}),
    ]


def spectrum_messages(uid: str, **end: Any) -> list[tuple[str, Json]]:
    spectrum = {
        **{"uid": f"{uid}-s", "collection": uid, "counts": [0, 3, None, 12.5]},
        **{"calibration": [-20.0, 10.5, 0.001], "live_time": 9.0, "real_time": 10.0},
    }
    body = {"uid": uid, "time_ns": 10**18, "status": "success", **end}
    return [
        ("collection/start", announcement(uid=uid, **XRF)),
        ("spectrum", spectrum),
        ("collection/end", body),
    ]


async def run(settings: Settings, messages: list[tuple[str, Json]]) -> None:
    """Send control messages to a recorder, to the end of what is written."""
    book = replace(book_settings(settings), drain_s=0.0)
    async with hosting(settings, book) as (host, _):
        for topic, body in messages:
            records = parse_message(topic, json.dumps(body).encode(), 10**18)
            host.pipeline.feed_control(records)
        while host.pipeline.book.active:
            host.pipeline.changed.clear()
            await host.pipeline.changed.wait()
        await host.sinks_done(20.0)


def folder_of(settings: Settings, uid: str) -> Path:
    with closing(Journal(settings.journal_path)) as journal:
        found = journal.latest("run", uid)
        assert found is not None
        return settings.results.resolve() / str(found.body["folder"])


async def test_a_scan_in_each_dialect(flavour, site, configured):
    await run(configured, scan_messages("scan-1"))
    row = site.one("SELECT * FROM EnergyScan")
    unit = 1.0 if flavour == "diamond" else 1000.0
    folder = folder_of(configured, "scan-1")
    assert (row["element"], row["fluorescenceDetector"]) == ("Se", "Vortex")
    assert float(row["edgeEnergy"]) == 12658 / unit
    for name, value in (
        *(("peakEnergy", 12661.53 / unit), ("inflectionEnergy", 12658.2 / unit)),
        *(("startEnergy", ENERGIES[0] / unit), ("endEnergy", ENERGIES[-1] / unit)),
        *(("peakFPrime", -7.11), ("peakFDoublePrime", 5.24)),
        *(("inflectionFPrime", -9.6), ("inflectionFDoublePrime", 2.7)),
        ("transmissionFactor", 0.875 if flavour == "diamond" else 87.5),
        *(("beamSizeHorizontal", 5.0), ("beamSizeVertical", 6.0)),
        *(("flux", 1.23456789e12), ("flux_end", 1.25e12), ("exposureTime", 0.5)),
    ):
        assert float(row[name]) == pytest.approx(value, rel=5e-6), name
    if flavour != "diamond":
        assert row["remoteEnergy"] == pytest.approx(12.75825, rel=5e-6)
        link = site.one("SELECT * FROM BLSample_has_EnergyScan")
        assert link["blSampleId"] == row["blSampleId"]
        assert link["energyScanId"] == row["energyScanId"]
    assert row["comments"] == "first try edge K, 1 of 31 points lost [recorder:scan-1]"
    assert row["scanFileFullPath"] == str(folder / "scan")
    assert row["jpegChoochFileFullPath"] == str(folder / "scan.png")
    assert row["choochFileFullPath"] is None
    assert row["endTime"] is not None
    assert site.one("SELECT COUNT(*) AS n FROM DataCollection")["n"] == 0
    assert site.one("SELECT COUNT(*) AS n FROM DataCollectionGroup")["n"] == 0


async def test_a_spectrum_in_each_dialect(flavour, site, configured):
    await run(configured, spectrum_messages("xrf-1"))
    row = site.one("SELECT * FROM XFEFluorescenceSpectrum")
    unit = 1.0 if flavour == "diamond" else 1000.0
    folder = folder_of(configured, "xrf-1")
    assert float(row["energy"]) == pytest.approx(12700 / unit, rel=5e-6)
    assert (row["beamTransmission"], row["exposureTime"]) == (87.5, 10.0)
    text = str(folder / "spectrum.mca")
    assert row["scanFileFullPath"] == text
    assert row["fittedDataFileFullPath"] == str(folder / "spectrum.csv")
    assert row["filename"] == (text if flavour == "diamond" else "spectrum.mca")
    assert row["comments"] == "[recorder:xrf-1]"


@pytest.mark.parametrize("sample", [None, {"name": "nobody entered it"}])
async def test_no_sample_is_invented(flavour, site, configured, sample):
    """As of rotations: only what is there, or was described, is linked."""
    messages = scan_messages("scan-1") + spectrum_messages("xrf-1")
    for topic, body in messages:
        if topic == "collection/start":
            body["sample"] = sample
    await run(configured, messages)
    for table in ("EnergyScan", "XFEFluorescenceSpectrum"):
        assert site.one(f"SELECT blSampleId AS s FROM {table}")["s"] is None
    link = () if flavour == "diamond" else ("BLSample_has_EnergyScan",)
    for table in ("Protein", "Crystal", "BLSample", *link):
        assert site.one(f"SELECT COUNT(*) AS n FROM {table}")["n"] == 0


async def test_written_again_with_ids_lost_nothing_changes(site, configured):
    await run(configured, scan_messages("scan-1") + spectrum_messages("xrf-1"))
    tables = ("EnergyScan", "XFEFluorescenceSpectrum", "BLSample_has_EnergyScan")
    before = [site.rows(f"SELECT * FROM {name}") for name in tables]
    assert [len(rows) for rows in before[:2]] == [1, 1]
    forget_ids(configured)
    write(configured)
    assert [site.rows(f"SELECT * FROM {name}") for name in tables] == before


async def test_what_the_sender_has_counts_more_than_ours(site, configured):
    files = {name: f"/data/{name}.x" for name in ("scan", "efs", "plot")}
    aborted = {"status": "aborted", "reason": "shutter", "files": files}
    await run(configured, scan_messages("scan-1", **aborted))
    row = site.one("SELECT * FROM EnergyScan")
    assert row["scanFileFullPath"] == "/data/scan.x"
    assert row["choochFileFullPath"] == "/data/efs.x"
    assert row["jpegChoochFileFullPath"] == "/data/plot.x"
    assert row["workingDirectory"] == "/data"
    assert "aborted: shutter" in row["comments"]


async def test_the_files_have_every_digit(configured, flavour):
    if flavour != "sqlite":
        pytest.skip("files are the same whatever the database")
    await run(configured, scan_messages("scan-1") + spectrum_messages("xrf-1"))
    folder = folder_of(configured, "scan-1")
    head, *lines = (folder / "scan.csv").read_text().splitlines()
    assert head == "point,energy_ev,counts,monitor,live_time_s"
    rows = [line.split(",") for line in lines]
    assert [float(row[1]) for row in rows] == ENERGIES
    assert [float(row[2]) for row in rows] == COUNTS
    assert {(row[3], row[4]) for row in rows} == {("1.5", "")}
    pairs = [line.split() for line in (folder / "scan").read_text().splitlines()]
    assert [float(pair[0]) for pair in pairs] == ENERGIES
    assert (folder / "scan.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    folder = folder_of(configured, "xrf-1")
    assert (folder / "spectrum.csv").read_text().splitlines() == [
        *("channel, Energy, counts", "0, -0.02, 0", "1, -0.009499, 3"),
        *("2, 0.001004, ", "3, 0.011509, 12.5"),
    ]
    *head, last = (folder / "spectrum.mca").read_text().splitlines()
    assert [line[0] for line in head[:4]] == ["#", "#", "#", "-"]
    assert last == "11.509 12.5"


@pytest.mark.allow_error_log("record_parked")
async def test_a_database_without_the_table_refuses_scans_by_name(settings, make_esrf):
    site = make_esrf("SET FOREIGN_KEY_CHECKS=0", "DROP TABLE EnergyScan")
    configured = settings(ispyb=site.section)
    await run(configured, scan_messages("scan-1") + spectrum_messages("xrf-1"))
    with closing(Journal(configured.journal_path)) as journal:
        errors = [why for _, why in journal.parked_records(IspybSink.name)]
    assert any("energy scans" in error for error in errors)
    assert len(site.rows("SELECT * FROM XFEFluorescenceSpectrum")) == 1


@pytest.fixture
def make_esrf(mariadb_database: Database) -> Callable[..., Site]:
    """A database of flavour esrf, changed."""

    def make(*statements: str) -> Site:
        Oracle("esrf").create(mariadb_database)
        mariadb_database.execute(*statements)
        return Site(mariadb_database.rows, mariadb_database.section(flavour="esrf"))

    return make
