"""A sink gets the journal's records in order, each until it has taken or refused it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import (
    SinkDeniedError,
    SinkError,
    SinkFollowsError,
    SinkUnavailableError,
)
from recorder.journal import Journal, Record
from recorder.journal.records import NewRecord
from recorder.records import Json
from recorder.sinks.refusals import CAUSES, Refusals
from recorder.sinks.runner import SinkRunner, _without_superseded
from tests.guards import Event, logged
from tests.laws import examples

TIMEOUT_S = 120.0


class Memory:
    """A sink that keeps what it gets; ``answer`` may refuse."""

    name = "memory"

    def __init__(self, answer: Callable[[Record], None] = lambda _: None) -> None:
        self.answer = answer
        self.got: list[int] = []
        self.opened = 0
        self.closed = False
        self.refuse_to_open: Exception | None = None

    def open(self, journal: Journal) -> None:
        self.opened += 1
        if self.refuse_to_open is not None:
            error, self.refuse_to_open = self.refuse_to_open, None
            raise error

    def apply(self, record: Record) -> Json | None:
        self.answer(record)
        self.got.append(record.body["n"])
        return {"last": record.body["n"]}

    def close(self) -> None:
        self.closed = True


class Bench:
    """A journal with records, and a runner on it."""

    def __init__(self, folder: Path, sink: Memory, records: list[NewRecord]) -> None:
        self.path = folder / "journal.sqlite"
        self.journal = Journal(self.path, owner=True)
        self.journal.write(records)
        self.runner = SinkRunner(sink, Journal(self.path), retry_max_s=0.01)

    async def until_idle(self) -> None:
        task = asyncio.ensure_future(self.runner.run())
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self.runner.idle.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.runner.close()

    def close(self) -> None:
        self.journal.close()


@pytest.fixture
def bench(tmp_path: Path):
    made: list[Bench] = []

    def make(sink: Memory, records: list[NewRecord]) -> Bench:
        made.append(Bench(tmp_path, sink, records))
        return made[-1]

    yield make
    for item in made:
        item.close()


def sealed(count: int) -> list[NewRecord]:
    return [NewRecord("run_sealed", f"run-{n}", {"n": n}, n) for n in range(count)]


async def test_records_arrive_in_order_beyond_one_batch(bench: Any) -> None:
    sink = Memory()
    made = bench(sink, sealed(450))
    await made.until_idle()
    assert sink.got == list(range(450))
    assert (sink.opened, sink.closed, made.runner.backlog) == (1, True, 0)
    assert made.journal.cursor("memory") == made.journal.last_seq(
        "run-449", ("run_sealed",)
    )


async def test_a_sink_that_is_away_gets_all_once_it_is_back(
    bench: Any, log_events: list[Event]
) -> None:
    failures = iter([SinkUnavailableError("gone")] * 3)

    def away(record: Record) -> None:
        if record.body["n"] == 4 and (error := next(failures, None)):
            raise error

    sink = Memory(away)
    made = bench(sink, sealed(10))
    await made.until_idle()
    assert sink.got == list(range(10))
    assert (await logged(log_events, "sink_recovered"))["after_failures"] == 3
    told = [e for e in log_events if e["event"] == "sink_unavailable"]
    assert len(told) == 1
    assert made.runner.unavailable == ""


@pytest.mark.allow_error_log("record_parked")
async def test_what_is_refused_is_parked_and_the_rest_passes(bench: Any) -> None:
    def refuse(record: Record) -> None:
        if record.body["n"] % 3 == 0:
            raise SinkError("no")

    sink = Memory(refuse)
    made = bench(sink, sealed(7))
    await made.until_idle()
    assert sink.got == [1, 2, 4, 5]
    parked = made.journal.parked_records("memory")
    assert [(record.body["n"], why) for record, why in parked] == [
        (0, "no"),
        (3, "no"),
        (6, "no"),
    ]


@pytest.mark.allow_error_log("record_parked")
async def test_a_refusal_is_logged_once_for_each_run_and_cause(
    bench: Any, log_events: list[Event]
) -> None:
    def refuse(record: Record) -> None:
        n = record.body["n"]
        if record.run == "b" and n > 20:
            raise SinkFollowsError("an earlier one was refused")
        raise SinkError("no such proposal" if n < 20 else "no such session")

    records = [
        NewRecord("run_sealed", run, {"n": n}, n) for n in range(30) for run in "ab"
    ]
    made = bench(Memory(refuse), records)
    await made.until_idle()
    told = [e for e in log_events if e["event"] == "record_parked"]
    assert [(e["run"], e["error"]) for e in told] == [
        ("a", "no such proposal"),
        ("b", "no such proposal"),
        ("a", "no such session"),
        ("b", "no such session"),
    ]
    assert made.runner.refusals.total == 60
    assert made.journal.parked_runs("memory") == [
        ("a", "no such proposal", 30),
        ("b", "no such proposal", 30),
    ]


@pytest.mark.allow_error_log("record_parked")
def test_errors_that_all_differ_do_not_flood_the_log(log_events: list[Event]) -> None:
    refusals = Refusals("memory")
    for n in range(100):
        record = Record(n, "a", "run_updated", n, {})
        refusals.tell(record, SinkError(f"row {n} is refused"))
    assert len(log_events) == CAUSES
    assert refusals.total == 100


@pytest.mark.allow_error_log("record_parked", "step_failed")
async def test_a_defect_of_a_sink_parks_one_record(bench: Any) -> None:
    def break_down(record: Record) -> None:
        if record.body["n"] == 1:
            raise ZeroDivisionError

    sink = Memory(break_down)
    made = bench(sink, sealed(3))
    await made.until_idle()
    assert sink.got == [0, 2]
    ((record, why),) = made.journal.parked_records("memory")
    assert record.body["n"] == 1 and "defect" in why


@pytest.mark.allow_error_log("sink_unavailable")
@pytest.mark.parametrize("error", [SinkError("no"), SinkUnavailableError("not now")])
async def test_a_refusal_to_open_is_tried_again(bench: Any, error: Exception) -> None:
    sink = Memory()
    sink.refuse_to_open = error
    await bench(sink, sealed(2)).until_idle()
    assert (sink.opened, sink.got) == (2, [0, 1])


@pytest.mark.allow_error_log("sink_unavailable")
async def test_a_denial_has_the_sink_look_again_at_what_it_may(bench: Any) -> None:
    denials = iter([SinkDeniedError("revoked")])

    def deny(_: Record) -> None:
        if error := next(denials, None):
            raise error

    sink = Memory(deny)
    await bench(sink, sealed(2)).until_idle()
    assert (sink.opened, sink.got) == (2, [0, 1])


async def test_a_restart_tries_again_what_was_parked_and_nothing_else(
    bench: Any,
) -> None:
    made = bench(Memory(), sealed(5))
    first, *_, last = made.journal.records()
    made.journal.park("memory", first, "no")
    made.journal.advance("memory", last.seq, None, None)
    await made.until_idle()
    assert made.runner.sink.got == [0]
    assert made.journal.parked_records("memory") == []


KINDS = st.sampled_from(["run", "run_updated", "run_sealed"])


@settings(max_examples=examples(200))
@given(st.lists(st.tuples(KINDS, st.sampled_from("ab")), max_size=30))
def test_only_what_later_records_say_again_is_left_out(made: list[Any]) -> None:
    records = [Record(n, run, kind, n, {}) for n, (kind, run) in enumerate(made)]
    kept = _without_superseded(records)
    left_out = [record for record in records if record not in kept]
    assert [r.seq for r in kept] == sorted(r.seq for r in kept)
    for record in left_out:
        later = [r for r in kept if (r.run, r.kind) == (record.run, record.kind)]
        assert any(r.seq > record.seq for r in later)
        assert record.kind != "run_sealed"
        assert any(r.run == record.run and r.seq < record.seq for r in kept) or (
            record.kind != "run"
        )


def described(run: str, n: int, state: str) -> NewRecord:
    return NewRecord("run", run, {"n": n, "state": state}, n)


async def test_a_run_that_goes_on_does_not_wait_behind_announcements(
    bench: Any,
) -> None:
    sink = Memory()
    records = [described(f"ahead-{n}", n, "announced") for n in range(150)]
    records += [described("real", 1000, "open"), *sealed(1)]
    made = bench(sink, records)
    await made.until_idle()
    assert sink.got[:2] == [1000, 0]
    assert sorted(sink.got) == [0, *range(150), 1000]
    assert made.journal.cursor("memory") == len(records)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["announced", "open"])),
        max_size=60,
    ),
    st.sets(st.integers(0, 59), max_size=3),
)
def test_each_run_gets_its_last_word_whatever_fails(
    made: list[Any], fails: set[int]
) -> None:
    """What goes first changes no order within a run, and loses nothing."""
    records = [described(run, n, state) for n, (run, state) in enumerate(made)]
    failing = set(fails)

    def away(record: Record) -> None:
        if record.body["n"] in failing:
            failing.discard(record.body["n"])
            raise SinkUnavailableError("gone")

    sink = Memory(away)
    with TemporaryDirectory() as folder:
        item = Bench(Path(folder), sink, records)
        asyncio.run(item.until_idle())
        assert item.journal.cursor("memory") == len(records)
        item.close()
    for name in {run for run, _ in made}:
        mine = [n for n, (run, _) in enumerate(made) if run == name]
        got = [n for n in sink.got if n in mine]
        assert got == sorted(set(got))
        assert (got[0], got[-1]) == (mine[0], mine[-1])
