"""Parked records are tried again by themselves, beside all that goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from recorder.errors import ConfigError, SinkDeniedError, SinkError
from recorder.journal import Journal, NewRecord, Record
from recorder.journal.records import SINK_KINDS
from recorder.records import Json
from recorder.sinks.runner import SinkRunner

TIMEOUT_S = 120.0


class Notebook:
    """A sink that writes down what it is given, and refuses what it is told to."""

    name = "notebook"

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.refused: set[str] = set()
        self.opened = 0
        self.opening: list[Exception] = []
        self.denied: list[Exception] = []

    def open(self, journal: Journal) -> None:
        self.opened += 1
        if self.opening:
            raise self.opening.pop()

    def apply(self, record: Record) -> Json | None:
        if self.denied:
            raise self.denied.pop()
        if record.run in self.refused:
            raise SinkError("no such visit")
        self.applied.append(record.seq)
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def add(journal: Journal, *runs: str, kind: str = "run_sealed") -> None:
    journal.write([NewRecord(kind, run, {}, 1) for run in runs])


@contextlib.asynccontextmanager
async def running(journal: Journal, sink: Notebook) -> AsyncIterator[SinkRunner]:
    runner = SinkRunner(sink, Journal(journal.path), 0.01)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await runner.close()


async def idle(runner: SinkRunner) -> None:
    runner.wake()
    await asyncio.wait_for(runner.idle.wait(), TIMEOUT_S)


@pytest.mark.allow_error_log("record_parked")
async def test_a_retry_applies_the_parked_records_and_no_others(journal):
    sink = Notebook()
    sink.refused = {"b"}
    add(journal, "a", "b", "c")
    async with running(journal, sink) as runner:
        await idle(runner)
        assert sink.applied == [1, 3]
        assert journal.backlog("notebook", SINK_KINDS) == 0
        assert not journal.written("notebook", "b", SINK_KINDS)
        sink.refused = set()
        assert journal.unpark("notebook") == 1
        assert journal.backlog("notebook", SINK_KINDS) == 1
        await idle(runner)
    assert sink.applied == [1, 3, 2]
    assert journal.cursor("notebook") == 3
    assert journal.written("notebook", "b", SINK_KINDS)


def test_a_retry_beside_a_batch_is_not_overtaken_by_its_cursor(journal):
    add(journal, "a", "b", "c")
    first, *_ = journal.records()
    journal.park("notebook", first, "no such visit")
    journal.advance("notebook", 2, "b", None)
    journal.unpark("notebook")
    journal.advance("notebook", 3, "c", None)  # the batch goes on
    assert [record.seq for record in journal.retries("notebook")] == [1]
    journal.advance("notebook", 1, "a", {"id": 7})
    assert journal.retries("notebook") == []
    assert journal.cursor("notebook") == 3
    assert journal.ids("notebook", "a") == {"id": 7}


@pytest.mark.allow_error_log("record_parked")
async def test_a_retry_that_is_refused_again_is_parked_again(journal):
    sink = Notebook()
    sink.refused = {"a"}
    add(journal, "a")
    async with running(journal, sink) as runner:
        await idle(runner)
        journal.unpark("notebook")
        await idle(runner)
    assert journal.sink_state("notebook", "a")[1] == "no such visit"
    assert journal.retries("notebook") == []


@pytest.mark.allow_error_log("sink_unavailable", "step_failed")
@pytest.mark.parametrize(
    "error", [RuntimeError("'pynacl' package is required"), ConfigError("no ca_file")]
)
async def test_what_no_one_foresaw_in_opening_does_not_end_the_daemon(journal, error):
    sink = Notebook()
    sink.opening = [error]
    add(journal, "a")
    async with running(journal, sink) as runner:
        await idle(runner)
    assert (sink.opened, sink.applied) == (2, [1])


async def test_a_right_that_was_lost_is_looked_at_again(journal):
    sink = Notebook()
    sink.denied = [SinkDeniedError("INSERT command denied")]
    add(journal, "a")
    async with running(journal, sink) as runner:
        await idle(runner)
    assert (sink.opened, sink.applied) == (2, [1])


async def test_descriptions_between_the_first_and_the_last_are_left_out(journal):
    sink = Notebook()
    add(journal, "a", "a", "a", "b", "a", kind="run")
    add(journal, "a", "a", kind="run_updated")
    async with running(journal, sink) as runner:
        await idle(runner)
    # "a" goes on, so it does not wait behind "b", which is only announced
    assert sink.applied == [1, 5, 7, 4]
    assert journal.cursor("notebook") == 7
