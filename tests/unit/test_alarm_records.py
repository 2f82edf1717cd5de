"""Alarms in the journal and over a restart: nothing lost, nothing told twice."""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from recorder.config.settings import Settings
from recorder.journal import Journal, RecordKind
from recorder.journal.alarm_records import (
    SEEN,
    after,
    alarms_of,
    cleared_body,
    raised_body,
    said_body,
)
from recorder.journal.writer import JournalWriter
from recorder.live.alarm_book import KEPT_NS, AlarmBook, live_alarms
from recorder.live.alarm_memory import KIND, Memory, pack_memory, unpack_memory
from recorder.live.followed_run import FollowedRun
from recorder.live.moment import run_facts, senders, sending_facts, source_facts
from recorder.live.runs import current_run
from recorder.records import ImageClass, ImageOutcome, RunState
from recorder.records.alarms import AlarmKind, RunAlarm
from recorder.records.live import LiveSource, LiveState
from recorder.records.mx_plan import Part
from recorder.records.report_json import report_from_json
from recorder.records.said import NormalSaid, SeenSaid, read_said, said_to_json
from recorder.runs.book.endings import NOT_ANNOUNCED
from recorder.runs.run import Run
from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Evidence, Severity
from recorder.ssx.alarms.observation import Fates, Observation, RunFacts, SinkFacts
from recorder.ssx.alarms.watch import AlarmState, step
from tests.builders import collection
from tests.unit.test_alarm_docs import PAGE
from tests.unit.test_docs import names, sections
from tests.unit.test_image_flow import outcome

RAISED = AlarmRaised(
    "hit_rate/1",
    "hit_rate",
    "gone",
    Severity.RED,
    "u1",
    "",
    7,
    1.0,
    9,
    2.0,
    "It fell.",
    (Evidence("hits", 0.2, float("nan"), float("-inf")),),
    (),
)
CLEARED = AlarmCleared("hit_rate/1", "hit_rate", "u1", None, 3.0, "It recovered.")


def a_run(**known) -> Run:
    return Run("u1", 3, 0, NOT_ANNOUNCED, state=RunState.OPEN, **known)


def test_the_kinds_that_may_be_off_are_those_of_the_reference():
    tables = [text for name, text in sections(PAGE).items() if "Told by" in name]
    listed = {kind for text in tables for kind in names(text)}
    assert set(get_args(AlarmKind)) == listed
    assert Settings(alarms={"off": ["disk"]}).alarms.off == ("disk",)
    with pytest.raises(ValueError, match="none_come"):
        Settings(alarms={"off": ["disc"]})


def test_a_run_is_restored_with_its_alarms(tmp_path):
    book, run = AlarmBook(), a_run()
    first = book.raised(RAISED, run).alarm
    over = book.cleared(CLEARED)
    bodies = [
        raised_body(first),
        said_body(SEEN, first.id, "eve", None),
        cleared_body(over.alarm),
        {"what": "of a later recorder", "id": first.id},
        {"what": "raised", "alarm": {"severity": "loud"}},
        {"what": "cleared", "id": "unknown"},
    ]
    journal = Journal(tmp_path / "j")
    loop_writes(journal, bodies)
    found = alarms_of(journal, "u1")
    journal.close()
    assert list(found) == [first.id]
    kept = found[first.id]
    assert (kept.seen_by, kept.cleared_because) == ("eve", "It recovered.")
    assert kept.evidence[0].before == 0.2
    assert kept.evidence[0].since is kept.evidence[0].z is None


def loop_writes(journal: Journal, bodies) -> None:
    async def write() -> None:
        writer = JournalWriter(journal, lambda: None)
        for body in bodies:
            writer.record(RecordKind.ALARM, "u1", body)
        writer.keep(KIND, b"old")
        writer.keep(KIND, b"new")
        assert writer.age_s > 0
        await writer.flush()
        assert writer.age_s == 0
        writer.close()

    asyncio.run(write())
    assert journal.kept(KIND) == b"new"


def test_an_alarm_that_got_worse_keeps_who_saw_it():
    worse = raised_body(RunAlarm("a", text="worse"))
    found = after(
        after({}, raised_body(RunAlarm("a"))), said_body(SEEN, "a", "eve", "")
    )
    found = after(found, worse)
    assert (found["a"].text, found["a"].seen_by) == ("worse", "eve")


def test_ids_of_two_runs_differ_and_what_is_over_goes_after_ten_minutes():
    book = AlarmBook()
    first = book.raised(RAISED, a_run())
    again = book.raised(RAISED, a_run())
    assert (again.alarm.id, len(book.noted)) == (first.alarm.id, 1)
    book.cleared(CLEARED)
    other = book.raised(
        AlarmRaised(
            **{n: getattr(RAISED, n) for n in RAISED.__slots__} | {"run_uid": "u2"}
        ),
        None,
    )
    assert other.alarm.id != first.alarm.id
    over, stands = live_alarms(book.noted)
    assert over.cleared_ns == 3 * 10**9
    assert stands.cleared_ns is None
    book.forget(3 * 10**9 + KEPT_NS)
    assert [one.alarm.id for one in book.noted] == [other.alarm.id]


def test_what_is_remembered_comes_back_and_what_cannot_be_read_is_said():
    book = AlarmBook()
    book.raised(RAISED, a_run())
    states = {"": AlarmState(), "u1": AlarmState()}
    memory = Memory(states, book, {"u1": (1, 2, 3)}, ("u0",))
    found = unpack_memory(pack_memory(memory))
    assert found.book.noted == book.noted
    assert found.states == states
    assert (found.cursors, found.left) == ({"u1": (1, 2, 3)}, ("u0",))
    for body in (b"", b"x" * 100, pack_memory(memory)[:-9]):
        with pytest.raises(ValueError):
            unpack_memory(body)


def follow(order, looks: int, restart: int | None) -> list:
    """Hits that stop; the recorder is killed after some looks, or never."""
    rng = np.random.default_rng(3)
    hit = (rng.random(1700) < 0.3) & (np.arange(1700) < 1200)
    run, state, told = a_run(), AlarmState(), []
    mine, memory, rows = FollowedRun(run, lambda i: i.image_id / 100), None, []
    for number, first in enumerate(range(0, len(order), looks)):
        now_ns = number * 500_000_000
        new = [
            outcome(n, kind=ImageClass.INDEXED if hit[n] else ImageClass.NON_HIT)
            for n in order[first : first + looks]
        ]
        for one in new:
            run.images.receive(one.image_id, None)
            run.images.finish(one)
        rows += new
        mine.note(new, now_ns)
        cut = mine.take(now_ns)
        seen = Observation(
            now_ns / 1e9, run_facts(run, live=True), cut.images, fates=cut.fates
        )
        state, events = step(state, seen)
        told += [
            (type(e).__name__, e.id, getattr(e, "since_image", 0), e.at_image)
            for e in events
        ]
        if events or number % 4 == 0:
            memory = pack_memory(
                Memory({"u1": state}, AlarmBook(), {"u1": mine.cursors})
            )
        if number == restart:
            known = unpack_memory(memory)
            state, cursors = known.states["u1"], known.cursors["u1"]
            mine = FollowedRun.at(run, mine.time_s, cursors)
            mine.note([r for r in rows if r.image_id >= cursors[0]], now_ns)
    return told


@pytest.mark.parametrize("restart", [3, 6, 17, 26, 27, 30])
def test_a_restart_tells_the_same_as_none(restart):
    order = list(range(1700))
    quiet = follow(order, 50, None)
    assert [name for name, *_ in quiet].count("AlarmRaised") >= 1
    assert follow(order, 50, restart) == quiet


def test_ages_are_told_of_what_should_send_only():
    state = LiveState(sources=(LiveSource("eiger", clock_ppm=3.0), LiveSource("panda")))
    run = a_run()
    mine = FollowedRun(run, lambda i: 0.0)
    facts = source_facts(state)
    assert [one.age_s for one in facts] == [None, None], "ages are told by runs"
    assert facts[0].clock_ppm == 3.0
    assert senders([mine]) == {}, "it has no series yet"
    run.key = type("Key", (), {"source": "eiger"})()
    run.images.receive(0, None)
    assert senders([mine]) == {"eiger": mine}
    (fact,) = sending_facts(mine, {"eiger": 10**9}, 3 * 10**9)
    assert (fact.name, fact.age_s) == ("eiger", 2.0)
    assert sending_facts(mine, {"panda": 10**9}, 3 * 10**9) == ()
    run.state = RunState.DRAINING
    assert senders([mine]) == {}


def a_part(number: int, images: int = 0) -> Run:
    part = Part("u", number, 3, 100 * (number - 1), 100)
    announcement = replace(collection(f"u.{number}"), part=part)
    run = Run(f"u.{number}", number, 0, announcement, state=RunState.OPEN)
    for n in range(images):
        run.images.receive(n, None)
    return run


def test_a_part_whose_images_come_later_waits_for_none():
    assert run_facts(a_part(1), live=True).open
    assert not run_facts(a_part(2), live=True).open
    assert run_facts(a_part(2, 1), live=True).open


def test_the_part_that_is_shown_is_the_latest_with_images():
    parts = [a_part(1), a_part(2), a_part(3)]
    assert current_run(parts) is parts[0]
    parts[1].images.receive(0, None)
    assert current_run(parts) is parts[1]
    assert current_run([a_run(), *parts]) is parts[1]
    assert current_run([*parts, later := a_run()]) is later


def test_what_an_earlier_recorder_remembered_of_its_one_run_is_taken_over():
    """Version 1: one state for the run, the sinks and the host."""
    seen = Observation(
        9.0,
        RunFacts("u1"),
        fates=Fates(np.arange(999), np.zeros(999), np.arange(999) > 500),
        sinks=(SinkFacts("ispyb", parked=1),),
    )
    state, events = step(AlarmState(), seen)
    assert {one.kind for one in events} >= {"losses", "parked"}
    book = AlarmBook()
    for one in events:
        book.raised(one, a_run())
    body = {
        "version": 1,
        "state": state.to_json(),
        "book": [{k: v for k, v in one.items() if k != "of"} for one in book.to_json()],
        "uid": "u1",
        "cursors": [999, 999, 0],
        "left": ["u0"],
    }
    found = unpack_memory(zlib.compress(json.dumps(body).encode()))
    assert {one.kind for one in found.states[""].standing} == {"parked"}
    assert "losses" in {one.kind for one in found.states["u1"].standing}
    assert found.states["u1"].run is not None
    assert (found.cursors, found.left) == ({"u1": (999, 999, 0)}, ("u0",))
    assert {one.of for one in found.book.noted if one.alarm.kind == "parked"} == {""}
    _, over = step(found.states["u1"], Observation(10.0))
    assert "losses" in {one.kind for one in over}
    assert all(found.book.cleared(one) is not None for one in over)


def test_of_a_replay_nothing_is_told_that_depends_on_now():
    facts = run_facts(a_run(), live=False)
    assert (facts.announced, facts.open) == (True, False)


def test_sayings_about_alarms_are_read():
    for said in (
        SeenSaid("seen", "a/1", "eve", 1),
        NormalSaid("normal", "a/1", "b", 1),
    ):
        text = str(said_to_json(said)).replace("'", '"').encode()
        assert read_said(text) == said


def test_a_report_of_an_earlier_recorder_has_no_alarms():
    assert report_from_json({"run": 1, "uid": "u"}).alarms == ()
    assert isinstance(outcome(1), ImageOutcome)
