"""What is left of each part for who sees some runs, or no names; where runs belong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from recorder.journal import NewRecord, RecordKind
from recorder.journal.alarm_records import raised_body
from recorder.records.access import RunPlace, Scope
from recorder.records.alarms import RunAlarm
from recorder.web.access import Gate
from recorder.web.places import ISPYB, Places
from recorder.web.problems import ProblemError
from recorder.web.routes import PUBLIC, checked, routes
from tests.asking import kiosk, of_proposal, person, running, token
from tests.builders import T0
from tests.system.test_access import (
    BEAMLINE,
    OURS,
    THEIRS,
    announced_by,
    uid_of,
    write_live,
)
from tests.web import write_run


@pytest.fixture
def config(settings, state):
    return settings(
        ispyb={"beamline": BEAMLINE},
        state_directory=str(state),
        timezone="Europe/Paris",
    )


# -- where a run belongs ---------------------------------------------------------------


def placed(config: Any, journal: Any) -> Any:
    places = Places(config)
    places.update(journal)
    return places


def test_a_run_belongs_where_it_was_announced(config, journal):
    write_run(journal, 1, uid="one", **announced_by(OURS, visit=3))
    place = placed(config, journal).of("one")
    assert (place.beamline, place.proposal, place.visit) == (BEAMLINE, OURS, 3)
    # T0 is 17:30 UTC
    assert place.when == datetime(2026, 11, 24, 18, 30)  # noqa: DTZ001


def test_a_run_that_nobody_announced_belongs_to_the_beamline(config, journal):
    """Also where it is entered under the proposal of ``[unannounced]``."""
    write_run(journal, 1, uid="one", nobody=True, proposal=OURS, session_id=7)
    journal.advance(ISPYB, journal.last_record(), "one", {"session_id": 7})
    places = placed(config, journal)
    assert places.of("one") == RunPlace(BEAMLINE)
    gate = Gate(places)
    assert not gate.access(of_proposal(OURS)).sees("one")
    assert gate.access(person(beamlines=frozenset({"id29"}))).sees("one")


def test_a_run_has_its_session_once_it_is_written(config, journal):
    write_run(journal, 1, uid="one", **announced_by(OURS))
    places = placed(config, journal)
    assert places.of("one").session_id is None
    journal.advance(ISPYB, journal.last_record(), "one", {"session_id": 7})
    places.update(journal)
    assert places.of("one") == RunPlace(BEAMLINE, OURS, 1, 7)


def test_a_run_that_is_announced_anew_changes_hands(config, journal, state):
    write_run(journal, 1, uid="one", nobody=True)
    places = placed(config, journal)
    access = Gate(places).access(of_proposal(OURS))
    assert not access.sees("one")
    write_run(journal, 1, uid="one", **announced_by(OURS))
    assert not access.sees("one")
    access.look(journal)
    assert access.sees("one") and access.is_of("one", OURS)
    write_run(journal, 1, uid="one", **announced_by(THEIRS))
    access.look(journal)
    assert not access.sees("one")


def test_a_live_run_is_hidden_while_its_announcement_is_another_one(
    config, state, journal, daemon
):
    """The journal says one proposal, the daemon another: somebody is about to know."""
    write_run(journal, 1, uid=uid_of(OURS), sealed=False, **announced_by(OURS))
    write_live(daemon, OURS, uid_of(OURS))
    daemon.write(run=replace(daemon.state.run, proposal=THEIRS))

    async def look() -> Any:
        async with running(config, state) as asked:
            await asked.until(lambda feed: feed.now_state.live is not None)
            return (await asked.get("/api/v1/now", of_proposal(OURS))).json

    assert asyncio.run(look())["live"]["run"] is None


# -- what is left ----------------------------------------------------------------------


def answers(config: Any, state: Path, who: Any, *paths: str) -> list[Any]:
    async def ask() -> list[Any]:
        async with running(config, state) as asked:
            await asked.until(lambda feed: feed.now_state.live is not None)
            return [await asked.get(path, who) for path in paths]

    return asyncio.run(ask())


def test_a_screen_shows_numbers_and_no_names(config, state, journal, daemon):
    write_run(journal, 2, uid=uid_of(OURS), sealed=False, **announced_by(OURS))
    write_live(daemon, OURS, uid_of(OURS))
    paths = ("now", "slow", "alarms", "me", "live", "")
    found = answers(
        config, state, kiosk(BEAMLINE), *(f"/api/v1/{p}" if p else "/" for p in paths)
    )
    assert [one.status for one in found] == [200] * len(paths)
    now = found[0].json["live"]
    assert (now["run"]["received"], now["run"]["run"]) == (313_373, 2)
    assert now["sources"][0]["hz"] == 1337.71
    assert [one["kind"] for one in now["alarms"]] == ["hit_rate", "parked", "disk"]
    raw = b"".join(one.body for one in found[:-1])
    alarm_texts = (f"fell in {OURS}", f"hint-{OURS}", f"hit_rate/{OURS}")
    for words in (*alarm_texts, f"parked/{OURS}", f"full of {OURS}"):
        raw = raw.replace(words.encode(), b"")  # the test's own; the daemon's name none
    for name in (OURS, uid_of(OURS), "person-", "sample-", "experiment-", "host-"):
        assert name.encode() not in raw, name


def test_alarms_of_a_run_that_is_over_are_shown_in_the_same_way(
    config, state, journal, daemon
):
    write_run(journal, 2, uid=uid_of(OURS), **announced_by(OURS))
    alarms = [RunAlarm("a/1", "hit_rate", seen_by="zoe"), RunAlarm("b/1", "parked")]
    bodies = map(raised_body, alarms)
    journal.write(
        [NewRecord(RecordKind.ALARM, uid_of(OURS), body, T0) for body in bodies]
    )
    daemon.write(beamline=BEAMLINE)
    path = "/api/v1/alarms?run=2"
    whole, mine, screen, other = (
        answers(config, state, who, path)[0]
        for who in (
            person(everything=True),
            of_proposal(OURS),
            kiosk(BEAMLINE),
            of_proposal(THEIRS),
        )
    )
    assert [one["id"] for one in whole.json["alarms"]] == ["a/1", "b/1"]
    assert [one["id"] for one in mine.json["alarms"]] == ["a/1"]
    assert len(screen.json["alarms"]) == 2 and b"zoe" not in screen.body
    assert uid_of(OURS).encode() not in screen.body
    assert other.status == 404


def test_status_and_spool_tell_of_own_runs(config, state, journal, daemon):
    for n, of in enumerate((OURS, THEIRS), 1):
        write_run(journal, n, uid=uid_of(of), sealed=False, **announced_by(of))
        (record,) = journal.records(kinds=(RecordKind.RUN,), run=uid_of(of))
        journal.park("ispyb", record, f"refused of {of}")
    write_live(daemon, OURS, uid_of(OURS))
    paths = ("/api/v1/status", "/api/v1/spool")
    status, spool = answers(config, state, of_proposal(OURS), *paths)
    assert [one["uid"] for one in status.json["refused"]] == [uid_of(OURS)]
    assert [one["uid"] for one in status.json["open_runs"]] == [uid_of(OURS)]
    assert (status.json["waiting"], status.json["problems"]) == ({}, [])
    parked = [p for sink in spool.json for p in sink["parked"]]
    assert [(p["uid"], p["seq"]) for p in parked] == [(uid_of(OURS), None)]
    assert {sink["pending"] for sink in spool.json} == {None}
    whole, all_of_it = answers(config, state, person(everything=True), *paths)
    assert len(whole.json["refused"]) == 2 and whole.json["waiting"]["results"] > 0
    assert sum(len(sink["parked"]) for sink in all_of_it.json) == 2


def test_metrics_count_no_run_for_who_sees_some(config, state, journal, daemon):
    write_run(journal, 1, 9, uid=uid_of(OURS), **announced_by(OURS))
    write_live(daemon, OURS, uid_of(OURS))
    path = "/metrics"
    mine = token(Scope.METRICS, proposals=frozenset({OURS}))
    (part,), (whole,) = (
        answers(config, state, who, path) for who in (mine, token(Scope.METRICS))
    )
    assert (
        b"recorder_daemon{" in part.body and b"recorder_journal_readable" in part.body
    )
    for counted in (b"recorder_images", b"recorder_runs", b"recorder_sink", b"_hertz"):
        assert counted in whole.body and counted not in part.body


def test_a_journal_that_cannot_be_read_is_told_without_its_words(
    config, state, journal, daemon
):
    write_run(journal, 1, uid=uid_of(THEIRS), **announced_by(THEIRS))
    write_live(daemon, THEIRS, uid_of(THEIRS))

    async def look() -> tuple[Any, Any]:
        async with running(config, state) as asked:
            feed = asked.app.feed
            await asked.until(lambda feed: feed.now_state.live is not None)
            problem = f"a record cannot be read (KeyError of {THEIRS})"
            feed.view.look = lambda open_run: None
            feed.slow_state = replace(feed.slow_state, problem=problem)
            feed.slow = replace(feed.slow, serial=feed.slow.serial + 1)
            feed.now_state = replace(feed.now_state, problem=problem)
            told = [
                (await asked.get(f"/api/v1/{path}", of_proposal(OURS))).body
                for path in ("slow", "now", "experiments")
            ]
            ready = await asked.get("/readyz", None)
            return told, ready

    told, ready = asyncio.run(look())
    assert all(THEIRS.encode() not in body for body in (*told, ready.body))
    assert all(b"cannot be read now" in body for body in (told[0], told[2]))
    assert ready.status == 503


def test_their_own_run_is_whole_but_for_what_counts_all_runs(
    config, state, journal, daemon
):
    write_run(journal, 2, uid=uid_of(OURS), sealed=False, **announced_by(OURS))
    write_live(daemon, OURS, uid_of(OURS))
    (now, slow) = answers(
        config, state, of_proposal(OURS), "/api/v1/now", "/api/v1/slow"
    )
    live = now.json["live"]
    assert now.json["partial"] and live["run"]["received"] == 313_373
    assert set(live["run"]["windows"]) == {"run"}  # "all" may be of others, too
    assert live["sources"][0]["hz"] == 1337.71
    assert live["sinks"] == [
        {**live["sinks"][0], "state": "failing", "lag_s": 0, "parked": 0}
    ]
    assert [one["kind"] for one in live["alarms"]] == ["hit_rate"]
    assert [one["uid"] for one in live["previews"]] == [uid_of(OURS)]
    assert slow.json["run"]["uid"] == uid_of(OURS)
    (entry,) = slow.json["experiments"]
    assert [card["opened"] for card in entry["runs"]] == [1]


def test_answers_are_kept_by_no_proxy(config, state, journal, daemon):
    write_run(journal, 1, uid=uid_of(OURS), **announced_by(OURS))
    write_live(daemon, OURS, uid_of(OURS))
    paths = ("now", "runs", f"runs/{uid_of(OURS)}", "preview/hit.png", "me")
    for one in answers(
        config, state, of_proposal(OURS), *(f"/api/v1/{path}" for path in paths)
    ):
        assert "private" in one.headers["cache-control"]
        assert "Cookie" in one.headers["vary"]


# -- the gate --------------------------------------------------------------------------


def test_an_address_that_says_not_what_it_needs_is_not_served(config):
    from starlette.routing import Route

    async def answer(request: Any) -> Any:
        raise AssertionError

    with pytest.raises(TypeError, match="needs"):
        checked([Route("/forgotten", answer)])
    gate = Gate(Places(config))
    assert checked(routes(gate, "GET", {"/known": (answer, PUBLIC)}))


@pytest.mark.parametrize("scope", [s for s in Scope if s is not Scope.READ_LIVE])
def test_a_screen_is_for_live_numbers_whatever_its_token_says(config, scope):
    from recorder.web.access import check_scope

    screen = replace(kiosk(BEAMLINE), scopes=frozenset(Scope))
    check_scope(screen, Scope.READ_LIVE)
    with pytest.raises(ProblemError, match="screen"):
        check_scope(screen, scope)
