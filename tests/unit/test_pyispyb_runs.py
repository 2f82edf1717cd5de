"""py-ISPyB's API over runs of our own sink, and of others, in the embedded database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.database import connect
from recorder.journal import Journal
from recorder.records.live import LiveRun, LiveState, Trials
from recorder.records.run_report import FullReport, RunReport
from recorder.reports.store import ReportStore
from recorder.web.app import WebApp, make_app
from recorder.web.place import place_of
from recorder.web.shapes import Now
from tests.asgi import Asgi, somebody
from tests.ispyb import announcement, record
from tests.people import UserOffice
from tests.pyispyb import CELL, ROOT, SSX, Others, counts, ids

OTHER = {"name": "second", "type": "SSX-Jet"}
CELLS = 20
AXES = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class Place:
    """A site, what our reports say of its runs, and the numbers of the rows."""

    app: WebApp
    asgi: Asgi
    reports: dict[int, RunReport]
    """Of our runs, by ``dataCollectionId``."""
    foreign: dict[str, int]
    """Sessions, groups, runs that others wrote."""
    others: Others

    def stats(self, *runs: int) -> list[dict[str, Any]]:
        text = ",".join(map(str, runs))
        found: list[dict[str, Any]] = self.asgi.get(
            f"{SSX}/stats?dataCollectionIds={text}"
        ).json
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("site")
    settings = Settings(
        state_directory=folder / "state",
        beamline="id29",
        mqtt={"enabled": False},
        pool={"workers": 0},
        alarms={"off": ["disk"]},
        web={"file_roots": [str(folder)]},
    )
    bodies = (
        announcement(),
        announcement(run=4),
        announcement(run=5, experiment=OTHER),
    )
    asyncio.run(record(settings, folder, *bodies))
    engine = connect(settings)
    others = Others(engine)
    foreign = _foreign(others, UserOffice(engine), folder)
    app = make_app(place_of(settings))
    app.feed.slow_state = app.feed.view.look(None) or app.feed.slow_state
    yield Place(app, Asgi(app.asgi), _reports(settings), foreign, others)
    app.feed.view.close()
    app.pyispyb.close()
    engine.dispose()


def _foreign(others: Others, office: UserOffice, folder: Path) -> dict[str, int]:
    """Another proposal on another beamline, with runs of every kind."""
    proposal = office.proposal("IH-LS", "3456")
    session = office.session(proposal, visit_number=2, beamLineName="id23")
    protein = others.enter(t.protein, proposalId=proposal, acronym="lys")
    crystal = others.enter(t.crystal, proteinId=protein)
    sample = others.enter(t.sample, crystalId=crystal, name="theirs")
    group = others.group(session, sample)
    good = others.run(group, "2026-11-01T10:00:00", "2026-11-01T10:05:00")
    others.files(
        others.program(good, "SUCCESS"),
        folder / "good",
        ssx_stats=counts(),
        ssx_cells={"unit_cells": [CELL] * CELLS},
    )
    bad = others.run(group, "2026-11-01T10:10:00", "2026-11-01T10:15:00")
    others.change(t.collection, bad, runStatus="DataCollection Failed")
    others.files(others.program(bad, "FAILED"), folder / "bad", ssx_stats='{"nbH')
    going = others.run(group, "2026-11-01T10:20:00")
    others.files(others.program(going, "RUNNING"), folder / "going")
    return {
        "session": session,
        "sample": sample,
        "protein": protein,
        "group": group,
        "good": good,
        "bad": bad,
        "going": going,
    }


def _reports(settings: Settings) -> dict[int, RunReport]:
    with closing(Journal(settings.journal_path, read_only=True)) as journal:
        full: FullReport = ReportStore(journal, ("ispyb",)).full()
    return {run.data_collection_id or 0: run for run in full.runs}


# -- numbers ---------------------------------------------------------------------------


def test_counts_are_those_of_the_report(place: Place) -> None:
    found = place.stats(*place.reports)
    assert [one["dataCollectionId"] for one in found] == list(place.reports)
    for one in found:
        report = place.reports[one["dataCollectionId"]]
        assert one["nbHits"] == report.classes.hits > 0
        assert one["nbIndexed"] == report.classes.indexed
        assert one["key"] == str(one["dataCollectionId"])
        assert one["_metadata"]["run"] == report.run


def test_each_run_of_a_group_is_an_event_of_its_own_number(place: Place) -> None:
    first = next(iter(place.reports.values()))
    address = f"{ROOT}/events?dataCollectionGroupId={first.data_collection_group_id}"
    found = place.asgi.get(f"{address}&limit=100").json
    assert ids(found) == [2, 1]
    for one in found["results"]:
        report = place.reports[one["id"]]
        assert one["Item"]["numberOfImages"] == report.images.received
        assert one["_metadata"]["run"] == report.run
        assert one["_metadata"]["indexed"] == report.classes.indexed
        assert one["_metadata"]["running"] is False
        assert one["count"] == 1
        assert (one["session"], one["proposal"]) == ("mx2345-1", "mx2345")
        assert one["blSample"] == "laagg"
        assert one["Item"]["comments"] == "first try"


def test_a_session_is_its_groups_the_latest_first(place: Place) -> None:
    found = place.asgi.get(f"{ROOT}/events?session=mx2345-1").json
    assert (found["total"], ids(found)) == (2, [3, 2])
    assert [one["count"] for one in found["results"]] == [1, 2]
    kinds = [
        one["Item"]["DataCollectionGroup"]["experimentType"] for one in found["results"]
    ]
    assert kinds == ["SSX-Jet", "SSX-Chip"]
    page = place.asgi.get(f"{ROOT}/events?session=mx2345-1&skip=1&limit=1").json
    assert (page["total"], ids(page)) == (2, [2])


def test_runs_that_others_wrote_show_too(place: Place) -> None:
    (one,) = place.stats(place.foreign["good"])
    assert (one["nbHits"], one["nbIndexed"], one["laticeType"]) == (40, 10, "tP")
    (event,) = place.asgi.get(f"{ROOT}/events?proposal=IH-LS3456").json["results"]
    assert (event["count"], event["blSample"]) == (3, "theirs")
    assert event["_metadata"]["running"] is None
    path = f"{SSX}/cells?dataCollectionId={place.foreign['good']}"
    assert place.asgi.get(path).json == {"unit_cells": [list(CELL)] * CELLS}


def test_half_a_file_is_no_defect_and_hides_no_other_run(place: Place) -> None:
    found = place.stats(place.foreign["bad"], place.foreign["good"])
    assert [one["dataCollectionId"] for one in found] == [place.foreign["good"]]


def test_histograms_are_of_all_runs_together(place: Place) -> None:
    runs = f"{place.foreign['good']},{place.foreign['bad']}"
    found = place.asgi.get(f"{SSX}/cells/histogram?dataCollectionIds={runs}").json
    for name, value in zip(
        ("a", "b", "c", "alpha", "beta", "gamma"), CELL, strict=True
    ):
        assert found[name]["median"] == value
        assert sum(found[name]["y"]) == CELLS
        assert (len(found[name]["x"]), len(found[name]["y"])) == (51, 50)
    assert found["dataCollectionIds"] == [place.foreign["good"], place.foreign["bad"]]
    empty = place.asgi.get(f"{SSX}/cells/histogram?dataCollectionIds=999").json
    assert (empty["a"], empty["dataCollectionIds"]) == (None, [])


def test_chains_are_in_order_and_without_nulls(place: Place) -> None:
    found = place.asgi.get(f"{ROOT}/eventchain?dataCollectionId=1").json
    assert [chain["name"] for chain in found] == ["Detections", "Sample preparation"]
    for chain in found:
        offsets = [event["offset"] for event in chain["events"]]
        assert offsets == sorted(offsets)
        assert None not in [v for event in chain["events"] for v in event.values()]
    assert found[0]["events"][0]["EventType"]["name"] == "LaserExcitation"


# -- filters ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("success", {"good"}),
        ("failed", {"bad"}),
        ("processed", {"good"}),
        ("processerror", {"bad"}),
    ],
)
def test_a_status_finds_what_it_says(
    place: Place, status: str, wanted: set[str]
) -> None:
    group = place.foreign["group"]
    path = f"{ROOT}/events?dataCollectionGroupId={group}&status={status}"
    found = set(ids(place.asgi.get(path).json))
    assert found == {place.foreign[name] for name in wanted}


def test_filters_find_what_they_say(place: Place) -> None:
    foreign, going = place.foreign, [place.foreign["going"]]
    for query, wanted in (
        (f"sessionId={foreign['session']}", going),
        ("session=IH-LS3456-2", going),
        ("proposal=IH-LS3456", going),
        ("beamLineName=id23", going),
        (f"blSampleId={foreign['sample']}", going),
        (f"proteinId={foreign['protein']}", going),
        (f"dataCollectionId={foreign['good']}", [foreign["good"]]),
        ("proposal=IH-LS3456&eventType=SSX-Chip", going),
        ("proposal=IH-LS3456&eventType=dc", going),
        ("proposal=IH-LS3456&eventType=robot", []),
        ("proposal=IH-LS3456&eventType=SSX-Jet", []),
        ("sessionId=999", []),
    ):
        found = place.asgi.get(f"{ROOT}/events?{query}").json
        assert (found["total"], ids(found)) == (len(wanted), wanted), query


def test_types_are_those_that_there_are(place: Place) -> None:
    found = place.asgi.get(f"{ROOT}/events/types?session=mx2345-1").json
    assert [one["eventType"] for one in found["results"]] == ["SSX-Chip", "SSX-Jet"]
    assert found["total"] == 2


# -- what goes on ----------------------------------------------------------------------


@pytest.fixture
def goes_on(place: Place) -> Iterator[LiveRun]:
    """The first of our runs goes on: one that the others ended after."""
    report = place.reports[1]
    run = LiveRun(
        run=report.run,
        uid=report.uid,
        received=7,
        lost=1,
        pending=1,
        windows={"run": Trials(images=7, classified=6, hits=5, tried=5, indexed=4)},
    )
    place.app.feed.now_state = Now("ok", 0.1, LiveState(stage="running", run=run))
    yield run
    place.app.feed.now_state = Now()


def test_the_run_that_goes_on_is_first_with_its_numbers_of_now(
    place: Place, goes_on: LiveRun
) -> None:
    found = place.asgi.get(f"{ROOT}/events?session=mx2345-1").json
    assert ids(found) == [2, 3]  # its group; 2 is the largest id of it
    group = place.reports[1].data_collection_group_id
    found = place.asgi.get(f"{ROOT}/events?dataCollectionGroupId={group}").json
    assert ids(found) == [1, 2]
    first = found["results"][0]
    assert first["Item"]["numberOfImages"] == 7
    assert first["_metadata"] == {
        "run": goes_on.run,
        "running": True,
        "images": 7,
        "hits": 5,
        "indexed": 4,
        "classified": 6,
        "lost": 1,
        "pending": 1,
    }
    live, ended = place.stats(1, 2)
    assert (live["nbHits"], live["nbIndexed"]) == (5, 4)
    assert (live["_metadata"]["source"], live["_metadata"]["running"]) == ("live", True)
    assert ended["_metadata"]["source"] == "journal"


def test_a_daemon_that_is_gone_says_nothing(place: Place, goes_on: LiveRun) -> None:
    place.app.feed.now_state = replace(place.app.feed.now_state, daemon="gone")
    (one,) = place.stats(1)
    assert one["nbHits"] == place.reports[1].classes.hits


def test_a_marker_in_anothers_comments_shows_nothing_of_ours(place: Place) -> None:
    uid = place.reports[1].uid
    bad = place.foreign["bad"]
    place.others.change(t.collection, bad, comments=f"see [recorder:{uid}]")
    caller = somebody(beamlines=frozenset({"id23"}))
    asgi = Asgi(place.app.inside, caller)
    (event,) = asgi.get(f"{ROOT}/events?dataCollectionId={bad}").json["results"]
    assert event["_metadata"]["hits"] is None
    assert asgi.get(f"{SSX}/stats?dataCollectionIds={bad}").json == []
    place.others.change(t.collection, bad, comments=None)


def test_an_old_run_without_an_end_does_not_stand_first_for_ever(place: Place) -> None:
    found = place.asgi.get(f"{ROOT}/events").json
    assert ids(found)[-1] == place.foreign["going"]


# -- who sees what ---------------------------------------------------------------------

HERE = {"sessions": 1, "events": 2, "runs": {1, 2, 3}}
THERE = {"sessions": 1, "events": 1}


def _sees(place: Place, **rights: Any) -> tuple[set[str], set[int], int]:
    """Proposals, runs of events, and counts that somebody sees, on every route."""
    asgi = Asgi(place.app.inside, somebody(**rights))
    proposals = {one["proposal"] for one in _all(asgi, "/proposals")}
    sessions = {one["sessionId"] for one in _all(asgi, "/sessions")}
    events = _all(asgi, "/events")
    runs: set[int] = set()
    for group in {one["Item"]["dataCollectionGroupId"] for one in events}:
        path = f"/events?dataCollectionGroupId={group}"
        runs |= {one["id"] for one in _all(asgi, path)}
    known = {*place.reports, *(place.foreign[n] for n in ("good", "bad", "going"))}
    text = ",".join(map(str, sorted(known)))
    for one in asgi.get(f"{SSX}/stats?dataCollectionIds={text}").json:
        assert one["dataCollectionId"] in runs
    histogram = asgi.get(f"{SSX}/cells/histogram?dataCollectionIds={text}").json
    assert set(histogram["dataCollectionIds"]) == runs
    for run in known - runs:
        assert asgi.get(f"{ROOT}/eventchain?dataCollectionId={run}").json == []
        assert asgi.get(f"{SSX}/cells?dataCollectionId={run}").status == 404
        assert asgi.get(f"{ROOT}/events?dataCollectionId={run}").json["total"] == 0
    for session in {1, place.foreign["session"]}:
        for path in ("sessions", "session"):
            wanted = 200 if session in sessions else 404
            assert asgi.get(f"{ROOT}/{path}/{session}").status == wanted
    return proposals, runs, len(sessions)


def _all(asgi: Asgi, path: str) -> list[dict[str, Any]]:
    found = asgi.get(ROOT + path).json
    assert found["total"] == len(found["results"])
    results: list[dict[str, Any]] = found["results"]
    return results


def test_a_stranger_sees_nothing(place: Place) -> None:
    assert _sees(place) == (set(), set(), 0)


@pytest.mark.parametrize(
    "rights", [{"proposal_ids": frozenset({1})}, {"beamlines": frozenset({"ID29"})}]
)
def test_a_member_and_staff_see_theirs(place: Place, rights: dict[str, Any]) -> None:
    assert _sees(place, **rights) == ({"mx2345"}, {1, 2, 3}, 1)


def test_who_may_see_all_sees_all_once(place: Place) -> None:
    proposals, runs, sessions = _sees(place, everything=True)
    assert (proposals, sessions) == ({"mx2345", "IH-LS3456"}, 2)
    assert len(runs) == 6
