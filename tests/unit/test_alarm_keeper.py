"""The keeper of the alarms: what is told was journalled, with what is remembered."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from recorder.journal import Journal, RecordKind
from recorder.journal.alarm_records import alarms_of
from recorder.journal.writer import JournalWriter
from recorder.live.run_counts import RunCounts
from recorder.live.runs import LiveRuns
from recorder.records import ImageClass, RunState
from recorder.records.said import NormalSaid, SeenSaid
from recorder.runs.book.book import RunBook
from recorder.runs.book.endings import NOT_ANNOUNCED, BookSettings
from recorder.runs.run import Run
from recorder.runtime.host_clock import arrival_ns
from recorder.service.alarm_keeper import AlarmKeeper
from recorder.service.alarm_teller import AlarmTeller
from recorder.ssx.alarms.watch import step
from tests.builders import collection
from tests.unit.test_image_flow import outcome


class Kept:
    """A keeper with a real journal, and a run whose hits stop at image 1200."""

    def __init__(self, path, images: int = 1700) -> None:
        self.journal = Journal(path)
        self.writer = JournalWriter(self.journal, lambda: None)
        self.changed = asyncio.Event()
        teller = AlarmTeller(self.writer, self.changed, ["not_announced"])
        self.run = Run("u1", 3, 0, NOT_ANNOUNCED, state=RunState.OPEN)
        self.book = book = RunBook(BookSettings())
        book.restore((self.run,), {}, ())
        self.counts = LiveRuns(arrival_ns)
        self.keeper = AlarmKeeper(teller, book, self.counts, live=True)
        hit = (np.random.default_rng(3).random(images) < 0.3) & (
            np.arange(images) < 1200
        )
        self.images = [
            outcome(n, kind=ImageClass.INDEXED if h else ImageClass.NON_HIT)
            for n, h in enumerate(hit.tolist())
        ]

    def another(self, uid: str, **said) -> Run:
        """A run that goes on beside the first."""
        said = {"detector": "other", **said}
        run = Run(uid, 4, 0, collection(uid, **said), state=RunState.OPEN)
        self.book.restore((self.run, run), {}, ())
        return run

    async def feed(self, first: int, end: int, run: Run | None = None) -> None:
        run, new = run or self.run, self.images[first:end]
        for one in new:
            run.images.receive(one.image_id, None)
            run.images.finish(one)
            self.writer.image(run.uid, one)
        self.counts.told(run, new, RunCounts(run.images))
        await self.keeper.look()

    async def close(self) -> None:
        await self.writer.flush()
        self.writer.close()
        self.journal.close()


async def test_it_is_told_once_it_is_on_disk(tmp_path, log_events):
    kept = Kept(tmp_path / "j")
    await kept.feed(0, 1190)
    await kept.writer.flush()
    await kept.feed(1190, 1700)
    assert (kept.keeper.alarms(), kept.keeper.status()) == ((), [])
    assert not kept.changed.is_set()
    await kept.writer.flush()
    (alarm,) = kept.keeper.alarms()
    (told,) = [e for e in log_events if e["event"] == "alarm_raised"]
    assert told["id"] == alarm.id == kept.keeper.status()[0]["id"]
    assert kept.changed.is_set()
    assert list(alarms_of(kept.journal, "u1")) == [alarm.id] == list(kept.run.alarms)
    kept.keeper.seen(SeenSaid("seen", alarm.id, "eve"))
    kept.keeper.seen(SeenSaid("seen", "another", "eve"))
    await kept.writer.flush()
    assert kept.keeper.alarms()[0].seen_by == "eve"
    assert alarms_of(kept.journal, "u1")[alarm.id].seen_by == "eve"
    await kept.close()


async def test_the_level_of_an_alarm_is_taken_as_normal(tmp_path, log_events):
    kept = Kept(tmp_path / "j")
    await kept.feed(0, 1700)
    await kept.writer.flush()
    (alarm,) = kept.keeper.alarms()
    assert "stands" in kept.keeper.normal(NormalSaid("normal", "another", "eve"))
    assert kept.keeper.normal(NormalSaid("normal", alarm.id, "eve")) == ""
    assert "stands" in kept.keeper.normal(NormalSaid("normal", alarm.id, "eve"))
    await kept.writer.flush()
    (over,) = kept.keeper.alarms()
    assert over.cleared_ns is not None
    assert kept.keeper.status() == []
    assert [e["by"] for e in log_events if e["event"] == "alarm_taken_as_normal"] == [
        "eve"
    ]
    found = [r.body["what"] for r in kept.journal.records(kinds=(RecordKind.ALARM,))]
    assert found == ["raised", "normal", "cleared"]
    await kept.close()


async def test_a_killed_one_goes_on_where_it_was(tmp_path, log_events):
    """Images that were journalled after the last word are read again."""
    kept = Kept(tmp_path / "j")
    await kept.feed(0, 600)
    await kept.feed(600, 1100)
    await kept.close()
    again = Kept(tmp_path / "j")
    again.run.images = kept.run.images
    again.keeper.restore(again.journal)
    await again.feed(1100, 1700)
    await again.writer.flush()
    (alarm,) = again.keeper.alarms()
    assert 1185 <= alarm.since_image <= 1200
    again.keeper.finish(again.run)
    await again.writer.flush()
    assert [one.cleared_ns is None for one in again.keeper.alarms()] == [False]
    third = Kept(tmp_path / "j")
    third.keeper.restore(third.journal)
    assert [one.id for one in third.keeper.alarms()] == [alarm.id]
    await third.keeper.look()  # the run is over, and is not followed again
    assert third.keeper.status() == []
    await again.close()
    await third.close()


async def test_what_was_told_at_once_is_not_taken_back_by_what_waited(tmp_path):
    kept = Kept(tmp_path / "j")
    await kept.feed(0, 1190)
    await kept.writer.flush()
    await kept.feed(1190, 1700)  # waits for the disk
    kept.writer._failing = True
    kept.keeper._teller.seen(
        SeenSaid("seen", kept.keeper._teller.book.noted[0].alarm.id, "eve"), ()
    )
    assert kept.keeper.alarms()[0].seen_by == "eve"
    kept.writer._failing = False
    await kept.writer.flush()
    assert kept.keeper.alarms()[0].seen_by == "eve"
    await kept.close()


async def test_runs_beside_each_other_have_alarms_of_their_own(tmp_path):
    """Hits stop in both; each alarm is of its run, and ends with it."""
    kept = Kept(tmp_path / "j")
    other = kept.another("u2")
    await kept.feed(0, 1190)
    await kept.feed(0, 1190, other)
    assert kept.keeper._teller.book.noted == ()
    await kept.feed(1190, 1700)
    await kept.feed(1190, 1700, other)
    await kept.writer.flush()
    both = kept.keeper.alarms()
    assert [(one.kind, one.uid) for one in both] == [
        ("hit_rate", "u1"),
        ("hit_rate", "u2"),
    ]
    assert list(kept.run.alarms) == [both[0].id]
    assert list(other.alarms) == [both[1].id]
    kept.keeper.finish(kept.run)
    await kept.writer.flush()
    stands = [one.uid for one in kept.keeper.alarms() if one.cleared_ns is None]
    assert stands == ["u2"]
    again = Kept(tmp_path / "j")
    again.another("u2").images = other.images
    again.keeper.restore(again.journal)
    await again.keeper.look()
    assert [one["id"] for one in again.keeper.status()] == [both[1].id]
    assert kept.keeper.normal(NormalSaid("normal", both[1].id, "eve")) == ""
    await kept.writer.flush()
    assert kept.keeper.status() == []
    await kept.close()
    await again.close()


async def test_no_hit_rate_is_judged_of_a_crystal_that_turns(tmp_path):
    """Its images are not alike: that spots are fewer at some angles alarms nobody."""
    kept = Kept(tmp_path / "j")
    turns = kept.another("u2", technique="mx-rotation")
    for first in range(0, 1700, 100):
        await kept.feed(first, first + 100, turns)
    await kept.writer.flush()
    assert kept.keeper.alarms() == ()
    for n in range(1700, 2700, 2):  # every second one is lost: that is one's business
        turns.images.receive(n, None)
        turns.images.finish(outcome(n))
    new = [outcome(n) for n in range(1700, 2700, 2)]
    kept.counts.told(turns, new, RunCounts(turns.images))
    kept.keeper.finish(turns)
    await kept.writer.flush()
    assert {one.kind for one in kept.keeper.alarms()} >= {"losses"}
    await kept.close()


async def test_while_the_disk_refuses_it_is_told_at_once(tmp_path, log_events):
    kept = Kept(tmp_path / "j")
    await kept.feed(0, 1190)
    await kept.writer.flush()
    kept.writer._failing = True  # as a full disk leaves it
    await kept.feed(1190, 1700)
    assert len(kept.keeper.status()) == 1
    await kept.close()


async def test_a_slow_step_holds_nobody_up_but_who_needs_its_state(
    tmp_path, monkeypatch
):
    """The event loop goes on; the end of the run waits, and is told after the alarm."""
    gate, begun = threading.Event(), threading.Event()

    def slow(*arguments):
        begun.set()
        assert gate.wait(60)
        return step(*arguments)

    kept = Kept(tmp_path / "j")
    await kept.feed(0, 1190)
    monkeypatch.setattr("recorder.service.alarm_steps.step", slow)
    going = asyncio.create_task(kept.feed(1190, 1700))
    await asyncio.to_thread(begun.wait, 60)
    assert not going.done()
    assert kept.keeper.alarms() == ()  # what others ask for five times a second
    monkeypatch.setattr("recorder.service.alarm_steps.step", step)
    threading.Timer(0.1, gate.set).start()
    kept.keeper.finish(kept.run)
    await going
    await kept.writer.flush()
    found = [r.body["what"] for r in kept.journal.records(kinds=(RecordKind.ALARM,))]
    assert found == ["raised", "cleared"]
    assert [one.cleared_ns is None for one in kept.keeper.alarms()] == [False]
    await kept.close()


async def test_a_step_that_fails_is_told_and_the_next_one_goes_on(
    tmp_path, monkeypatch
):
    kept = Kept(tmp_path / "j")
    monkeypatch.setattr("recorder.service.alarm_steps.step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await kept.feed(0, 100)
    monkeypatch.setattr("recorder.service.alarm_steps.step", step)
    await kept.feed(100, 1700)
    await kept.writer.flush()
    assert [one.kind for one in kept.keeper.alarms()] == ["hit_rate"]
    await kept.close()
