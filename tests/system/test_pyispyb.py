"""py-ISPyB's API on real MariaDB with the published schemas of three kinds of site.

Runs are those of our own sink, and rows as other programs write them. The account that
reads may only SELECT.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from sqlalchemy import Column, DateTime, Float, Integer, MetaData, String, Table

from recorder.config import Settings
from recorder.ispyb.people.asking import People
from recorder.ispyb.schema import mx_tables as m
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import tables as t
from recorder.journal import Journal
from recorder.records.access import Identity
from recorder.records.live import LiveRun, Trials
from recorder.records.run_report import RunReport
from recorder.reports.store import ReportStore
from recorder.web.app import WebApp, make_app
from recorder.web.callers import Caller, Kind
from recorder.web.place import place_of
from recorder.web.pyispyb.calls import CALLS
from tests.asgi import ALL, EVERYTHING, Asgi
from tests.ispyb import announcement, record
from tests.people import SiteOfPeople, UserOffice, populate, root_engine
from tests.published_models import ORACLES, Oracle
from tests.pyispyb import CELL, ROOT, SSX, Others, counts, ids
from tests.servers import Database
from tests.web import Answer, LiveWriter, Web

_SCAN = Table(
    "EnergyScan",
    MetaData(),
    Column("energyScanId", Integer, primary_key=True),
    Column("sessionId", Integer),
    Column("element", String(45)),
    Column("edgeEnergy", String(255)),
    Column("startTime", DateTime),
    Column("endTime", DateTime),
)
_SPECTRUM = Table(
    "XFEFluorescenceSpectrum",
    MetaData(),
    Column("xfeFluorescenceSpectrumId", Integer, primary_key=True),
    Column("sessionId", Integer),
    Column("energy", Float),
    Column("startTime", DateTime),
    Column("endTime", DateTime),
)
FLAVOURS = ("esrf", "maxiv", "diamond")
PERCENT = {"esrf": "fraction", "maxiv": "percent", "diamond": "fraction"}


@dataclass(frozen=True)
class Site:
    """A database of a flavour, with our runs and those of others."""

    flavour: str
    app: WebApp
    asgi: Asgi
    settings: Settings
    reports: dict[int, RunReport]
    others: Others
    people: SiteOfPeople
    database: Database

    def as_person(self, login: str) -> Asgi:
        """Asks as somebody with the rights that the tables give."""
        people = People(self.settings)
        try:
            rights = people.rights(Identity(login))
        finally:
            people.close()
        return Asgi(self.app.inside, Caller(Kind.SESSION, rights, ALL))


@pytest.fixture(params=FLAVOURS)
async def site(
    request: pytest.FixtureRequest,
    settings: Callable[..., Settings],
    mariadb_database: Database,
    tmp_path: Path,
) -> AsyncIterator[Site]:
    flavour = str(request.param)
    Oracle(ORACLES[flavour]).create(mariadb_database)
    section = mariadb_database.section(flavour=flavour, rates=PERCENT[flavour])
    found = settings(
        beamline="demo",
        ispyb=section,
        web={"ispyb": mariadb_database.section(), "file_roots": [str(tmp_path)]},
    )
    other = {"name": "second", "type": "SSX-Jet"}
    await record(
        found,
        tmp_path,
        announcement(),
        announcement(run=4),
        announcement(run=5, experiment=other),
    )
    engine = root_engine(mariadb_database)
    people = populate(UserOffice(engine))
    user = f"{mariadb_database.user}@'127.0.0.1'"
    mariadb_database.execute(
        f"REVOKE ALL ON {mariadb_database.name}.* FROM {user}",
        f"GRANT SELECT ON {mariadb_database.name}.* TO {user}",
    )
    app = make_app(place_of(found))
    app.feed.slow_state = app.feed.view.look(None) or app.feed.slow_state
    yield Site(
        flavour,
        app,
        Asgi(app.inside, EVERYTHING),
        found,
        _reports(found),
        Others(engine),
        people,
        mariadb_database,
    )
    app.feed.view.close()
    app.pyispyb.close()
    engine.dispose()


def _reports(settings: Settings) -> dict[int, RunReport]:
    with closing(Journal(settings.journal_path, read_only=True)) as journal:
        full = ReportStore(journal, ("ispyb",)).full()
    return {run.data_collection_id or 0: run for run in full.runs}


async def test_our_runs_are_read_as_reported(site: Site) -> None:
    found = await site.asgi.aget(f"{ROOT}/events?proposal=mx2345")
    assert (found.json["total"], ids(found.json)) == (2, [3, 2])
    kinds = [
        one["Item"]["DataCollectionGroup"]["experimentType"]
        for one in found.json["results"]
    ]
    assert kinds == ["SSX-Jet", "SSX-Chip"]
    text = ",".join(map(str, site.reports))
    for one in (await site.asgi.aget(f"{SSX}/stats?dataCollectionIds={text}")).json:
        report = site.reports[one["dataCollectionId"]]
        assert one["nbHits"] == report.classes.hits > 0
        assert one["nbIndexed"] == report.classes.indexed
        assert one["_metadata"]["run"] == report.run
    for number in site.reports:
        path = f"{ROOT}/eventchain?dataCollectionId={number}"
        chains = (await site.asgi.aget(path)).json
        assert [one["name"] for one in chains] == ["Detections", "Sample preparation"]
        offsets = [event["offset"] for event in chains[0]["events"]]
        assert offsets == sorted(offsets)
    session = found.json["results"][0]["sessionId"]
    one = (await site.asgi.aget(f"{ROOT}/sessions/{session}")).json
    assert one["BeamLineSetup"] is None or "synchrotronMode" in one["BeamLineSetup"]
    assert one["_metadata"]["datacollections"] == 3


async def test_the_same_is_read_from_the_tables_without_the_journal(
    site: Site,
) -> None:
    """As by a web process on a host that no recorder runs on."""
    site.app.feed.view.cards = None
    text = ",".join(map(str, site.reports))
    found = (await site.asgi.aget(f"{SSX}/stats?dataCollectionIds={text}")).json
    assert len(found) == len(site.reports)
    for one in found:
        report = site.reports[one["dataCollectionId"]]
        assert one["nbHits"] == report.classes.hits
        assert one["nbIndexed"] == report.classes.indexed
        assert one["_metadata"]["source"] == "file"


async def test_runs_of_others_show_whatever_they_left_out(
    site: Site, tmp_path: Path
) -> None:
    others, session = site.others, site.people.sessions["mx20-1"]
    kind = "Serial Fixed" if site.flavour == "diamond" else "SSX-Chip"
    group = others.group(session, experimentType=kind)
    bare = others.run(group, None, numberOfImages=None)
    good = others.run(group, "2026-11-28T10:00:00", "2026-11-28T10:05:00")
    bad = others.run(group, "2026-11-28T10:06:00", "2026-11-28T10:07:00")
    others.change(t.collection, bad, runStatus="DataCollection Failed")
    numbers = site.flavour == "diamond"
    program = others.program(good, 1 if numbers else "SUCCESS")
    cells = {"unit_cells": [CELL] * 3}
    folder = tmp_path / "good"
    others.files(program, folder, ssx_stats=counts(), ssx_cells=cells)
    others.program(bad, 0 if numbers else "FAILED")
    others.program(bare, None if numbers else "RUNNING")
    for run in (good, good, bad):
        site.database.execute(
            "INSERT INTO DataCollectionFileAttachment "
            f"(dataCollectionId, fileFullPath, fileType) VALUES ({run}, '/x', 'log')"
        )
    path = f"{ROOT}/events?dataCollectionGroupId={group}"
    found = (await site.asgi.aget(path)).json["results"]
    assert [one["attachments"] for one in found] == [1, 2, 0]
    found = (await site.asgi.aget(f"{ROOT}/events?sessionId={session}")).json["results"]
    assert [one["attachments"] for one in found] == [3]
    for status, wanted in (
        ("", [bad, good, bare]),
        ("&status=success", [good]),
        ("&status=failed", [bad]),
        ("&status=processed", [good]),
        ("&status=processerror", [bad]),
    ):
        assert ids((await site.asgi.aget(path + status)).json) == wanted, status
    runs = f"{bare},{good},{bad}"
    (one,) = (await site.asgi.aget(f"{SSX}/stats?dataCollectionIds={runs}")).json
    assert (one["dataCollectionId"], one["nbHits"], one["nbIndexed"]) == (good, 40, 10)
    found = await site.asgi.aget(f"{SSX}/cells/histogram?dataCollectionIds={runs}")
    assert found.json["a"]["median"] == pytest.approx(CELL[0])


async def test_rates_of_max_iv_stand_for_files(site: Site) -> None:
    if site.flavour != "maxiv":
        pytest.skip("a table of MAX IV alone")
    others, session = site.others, site.people.sessions["mx20-1"]
    run = others.run(others.group(session), "2026-11-28T10:00:00")
    others.enter(t.result, dataCollectionId=run, hitRate=40.0, indexingRate=10.0)
    (one,) = (await site.asgi.aget(f"{SSX}/stats?dataCollectionIds={run}")).json
    assert (one["nbHits"], one["nbIndexed"]) == (40, 10)
    assert one["_metadata"]["source"] == "rates"


async def test_rows_for_images_stand_for_files(site: Site) -> None:
    if site.flavour != "diamond":
        pytest.skip("as Diamond's programs write them")
    others, session = site.others, site.people.sessions["mx20-1"]
    run = others.run(others.group(session, experimentType="Serial Jet"), None)
    program = others.program(run, 1)
    for number, spots in enumerate((3, 16, 17, 90), 1):
        others.enter(
            t.image_quality,
            dataCollectionId=run,
            autoProcProgramId=program,
            imageNumber=number,
            spotTotal=spots,
        )
    (one,) = (await site.asgi.aget(f"{SSX}/stats?dataCollectionIds={run}")).json
    assert (one["nbHits"], one["nbIndexed"]) == (2, 0)
    assert one["_metadata"]["knows_indexed"] is False


async def test_everybody_sees_theirs_and_nothing_else(site: Site) -> None:
    """By the tables of the site: what each person sees of sessions, runs, counts."""
    runs: dict[str, int] = {}
    for name, session in site.people.sessions.items():
        group = site.others.group(session, experimentType=None)
        runs[name] = site.others.run(group, "2026-11-28T10:00:00", None)
    diamond = site.flavour == "diamond"
    both = {"mx10-1", "mx10-2"}
    for login, sees in {
        "none": set[str](),
        "stranger": set[str](),
        "local": {"mx10-2"},
        "member": {"mx10-1"} if diamond else both,
        "staff": set[str]() if diamond else {"mx10-1", "mx20-2"},
        "boss": set(runs),
    }.items():
        asgi = site.as_person(login)
        found = (await asgi.aget(f"{ROOT}/events?proposalId=0&limit=9999")).json
        assert found["total"] == 0
        for name, run in runs.items():
            seen = name in sees
            for path in (
                f"/events?dataCollectionId={run}",
                f"/events?session={name}",
                f"/events?sessionId={site.people.sessions[name]}",
                f"/sessions?sessionId={site.people.sessions[name]}",
            ):
                total = (await asgi.aget(ROOT + path)).json["total"]
                assert total == (1 if seen else 0), (login, path)
            for path in ("session", "sessions"):
                key = site.people.sessions[name]
                status = (await asgi.aget(f"{ROOT}/{path}/{key}")).status
                assert status == (200 if seen else 404), (login, path)
            text = f"{SSX}/cells/histogram?dataCollectionIds={run}"
            told = (await asgi.aget(text)).json["dataCollectionIds"]
            assert told == ([run] if seen else []), login
        proposals = (await asgi.aget(f"{ROOT}/proposals")).json["results"]
        names = {one["proposal"] for one in proposals}
        assert names - {"mx2345"} == {name[:4] for name in sees}, login
        for one in proposals:
            if one["proposal"] != "mx2345":
                count = sum(name.startswith(one["proposal"]) for name in sees)
                assert one["_metadata"]["sessions"] == count, login


WICKED = ("' OR 1=1 --", "\U0001f600", "\u017f\u212a", "%", "\\", "a\u2028b", "9" * 12)


async def test_the_server_takes_any_text(site: Site) -> None:
    """Character sets of columns and of what is asked differ."""
    for call in CALLS:
        texts = [p for p in call.parameters if p.schema.get("type") == "string"]
        for parameter in texts:
            if call.method != "GET" or parameter.place == "path":
                continue
            for text in WICKED:
                path = f"{ROOT}{call.path}?{parameter.name}={quote(text, safe='')}"
                found = await site.asgi.aget(path)
                allowed = (200, 404, 422) if call.permission is None else (403,)
                assert found.status in allowed, (path, found.body)


async def test_a_server_that_goes_away_is_said_and_comes_back(site: Site) -> None:
    assert (await site.asgi.aget(f"{ROOT}/proposals")).status == 200
    site.database.server.stop()
    found = await site.asgi.aget(f"{ROOT}/proposals")
    assert (found.status, "database" in found.json["detail"]) == (503, True)
    assert site.database.user not in found.body.decode()
    site.database.server.start()
    assert (await site.asgi.aget(f"{ROOT}/proposals")).status == 200


async def test_an_account_with_too_few_rights_is_no_defect(site: Site) -> None:
    user = f"{site.database.user}@'127.0.0.1'"
    site.database.execute(
        f"REVOKE ALL ON {site.database.name}.* FROM {user}",
        *(
            f"GRANT SELECT ON {site.database.name}.{name} TO {user}"
            for name in ("Proposal", "BLSession")
        ),
    )
    app = make_app(place_of(site.settings))
    asgi = Asgi(app.inside, EVERYTHING)
    assert (await asgi.aget(f"{ROOT}/proposals")).json["total"] == 3
    assert (await asgi.aget(f"{ROOT}/events")).status == 503
    app.pyispyb.close()


async def test_a_run_that_goes_on_moves_by_itself(
    start_web: Callable[..., Web], settings: Callable[..., Settings], tmp_path: Path
) -> None:
    """As the page polls: first in the list, numbers of now, then those of the end."""
    found = settings(beamline="demo")
    await record(found, tmp_path, announcement(), announcement(run=4))
    reports = _reports(found)
    writer = LiveWriter(found.state_directory)
    going = LiveRun(run=reports[1].run, uid=reports[1].uid)
    web = start_web(beamline="demo")
    path = f"{ROOT}/events?dataCollectionGroupId=1&limit=100"
    tags = set[str]()
    try:
        for images, hits in ((5, 2), (6, 3)):
            trials = Trials(images=images, classified=images, hits=hits, indexed=1)
            run = replace(going, received=images, windows={"run": trials})
            writer.write(stage="running", run=run)
            if not tags:
                writer.start()

            def is_now(answer: Answer, images: int = images) -> bool:
                first = answer.json["results"][0]
                return bool(first["Item"]["numberOfImages"] == images)

            answer = web.until(path, is_now)
            tags.add(answer.headers["etag"])
            assert ids(answer.json) == [1, 2]
            assert answer.json["results"][0]["_metadata"]["hits"] == hits
            stats = web.get(f"{SSX}/stats?dataCollectionIds=1,2").json
            assert [one["nbHits"] for one in stats] == [hits, reports[2].classes.hits]
    finally:
        writer.stop()
    assert len(tags) == 2
    writer.write(run=None)
    answer = web.until(path, lambda answer: ids(answer.json) == [2, 1])
    assert answer.json["results"][1]["Item"]["numberOfImages"] == 4


def test_a_build_of_the_page_is_served_and_may_use_the_api(
    start_web: Callable[..., Web], tmp_path: Path
) -> None:
    """A real process: two ports, and what a browser asks before it sends a token."""
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "index.html").write_text("<html>py-ISPyB</html>")
    web = start_web("--pyispyb-ui", str(folder), "--ui-port", "0")
    address = str(web.wait_for_event("pyispyb_ui_ready")["address"]).rstrip("/")
    with urlopen(f"{address}/proposals/mx1") as answer:
        assert answer.read() == b"<html>py-ISPyB</html>"
    asked = {
        "origin": address,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    found = web.ask("OPTIONS", f"{ROOT}/proposals", None, asked)
    assert (found.status, found.headers["access-control-allow-origin"]) == (
        200,
        address,
    )
    token = web.ask(
        "POST", f"{ROOT}/auth/login", b'{"login": "ada", "password": "x"}', asked
    ).json["token"]
    found = web.get(
        f"{ROOT}/options/ui", origin=address, authorization=f"Bearer {token}"
    )
    assert found.headers["access-control-allow-origin"] == address
    assert found.status in (200, 503)  # the embedded file is not there yet


async def test_scans_spectra_grids_workflows_and_screenings_are_read(
    site: Site,
) -> None:
    """Rows as they stand in the tables; what a flavour has no table for is nothing."""
    session = (await site.asgi.aget(f"{ROOT}/events?proposal=mx2345")).json["results"][
        0
    ]["sessionId"]
    times = {
        "startTime": datetime.fromisoformat("2030-01-01T10:00"),
        "endTime": datetime.fromisoformat("2030-01-01T10:02"),
    }
    enter = site.others.enter
    scan = enter(_SCAN, sessionId=session, element="Se", edgeEnergy="12.658", **times)
    later = {**times, "endTime": datetime.fromisoformat("2030-01-01T11:00")}
    spectrum = enter(_SPECTRUM, sessionId=session, energy=12.7, **later)
    flow = {}
    if site.flavour != "diamond":
        flow["workflowId"] = enter(
            m.workflow, workflowTitle="x", workflowType="MeshScan"
        )
    group = site.others.group(session, experimentType="Mesh", **flow)
    run = site.others.run(group, "2030-01-01T09:00:00", "2030-01-01T09:01:00")
    enter(
        m.grid_info,
        dataCollectionId=run,
        dataCollectionGroupId=group,
        steps_x=30,
        steps_y=20,
        dx_mm=0.02,
        dy_mm=0.02,
        snaked=1,
    )
    screening = enter(
        r.screening,
        dataCollectionId=run,
        dataCollectionGroupId=group,
        programVersion="E",
    )
    found = (await site.asgi.aget(f"{ROOT}/events?proposal=mx2345&limit=100")).json
    assert found["total"] == 2 + 3
    newest = [(one["type"], one["id"]) for one in found["results"][:3]]
    assert newest == [("xrf", spectrum), ("es", scan), ("dc", run)]
    xrf, es, dc = found["results"][:3]
    assert es["Item"]["energyScanId"] == scan
    assert (es["Item"]["element"], es["duration"], es["count"]) == ("Se", 2.0, 1)
    assert xrf["Item"]["xfeFluorescenceSpectrumId"] == spectrum
    (grid,) = dc["Item"]["GridInfo"]
    assert (grid["steps_x"], grid["steps_y"], grid["dx_mm"]) == (30, 20, 0.02)
    known = dc["Item"]["DataCollectionGroup"]["Workflow"]
    if flow:
        assert (known["workflowTitle"], known["workflowType"]) == ("x", "MeshScan")
    else:
        assert known is None
    path = f"{ROOT}/processings/screenings?dataCollectionId={run}"
    (one,) = (await site.asgi.aget(path)).json["results"]
    assert (one["screeningId"], one["programVersion"]) == (screening, "E")
    kinds = (await site.asgi.aget(f"{ROOT}/events/types?proposal=mx2345")).json
    assert {one["eventType"] for one in kinds["results"]} >= {"Mesh", "es", "xrf"}
    path = f"{ROOT}/events?proposal=mx2345&eventType=es"
    assert ids((await site.asgi.aget(path)).json) == [scan]
    path = f"{ROOT}/events?proposal=mx2345&eventType=dc&skip=0&limit=1"
    assert ids((await site.asgi.aget(path)).json) == [run]
    path = f"{ROOT}/events?proposal=mx2345&skip=1&limit=1"
    assert ids((await site.asgi.aget(path)).json) == [scan]
    stranger = site.as_person("nobody-at-all")
    assert (await stranger.aget(f"{ROOT}/events?eventType=es")).json["total"] == 0
    path = f"{ROOT}/processings/screenings?dataCollectionId={run}"
    assert (await stranger.aget(path)).json["total"] == 0
