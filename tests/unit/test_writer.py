"""The journal's writer: in order, whole, and in memory while the disk refuses."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recorder.journal.writer as writer_module
from recorder.journal import Journal
from recorder.journal.series_headers import HEADER
from recorder.journal.writer import HEADERS, JournalWriter
from tests.builders import outcome, start
from tests.guards import Event, logged
from tests.laws import examples

NO_LIMIT = 2**31 - 2
BIG = "x" * 100_000
"""Of a body that needs new pages."""
NOISE = np.random.default_rng(1).random((1000, 1000)) < 0.5
"""A mask that no compression makes smaller."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal.sqlite", owner=True)
    yield made
    made.close()


def fill_disk(journal: Journal) -> None:
    """From now on SQLite finds no room for another page."""
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages}")


def free_disk(journal: Journal) -> None:
    journal._db.execute(f"PRAGMA max_page_count = {NO_LIMIT}")


@settings(max_examples=examples(30))
@given(st.lists(st.sampled_from(["record", "image", "flush"]), max_size=40))
def test_all_is_written_once_and_in_order(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_all_is_written(Path(folder), steps))


async def _all_is_written(folder: Path, steps: list[str]) -> None:
    journal = Journal(folder / "journal.sqlite", synchronous="normal")
    depths: list[int] = []
    writer = JournalWriter(journal, lambda: depths.append(writer.depth))
    records = images = 0
    for step in [*steps, "flush"]:
        if step == "record":
            writer.record("event", "a", {"n": records})
            records += 1
        elif step == "image":
            writer.image("a", outcome(images))
            images += 1
        else:
            await writer.flush()
            assert writer.depth == 0
    assert [r.body["n"] for r in journal.records()] == list(range(records))
    assert [row.image_id for row in journal.image_rows("a")] == list(range(images))
    assert set(depths) <= {0} and bool(depths) == bool(records)
    writer.close()
    journal.close()


async def test_what_waits_for_a_commit_is_called_once_it_is_on_disk(
    journal: Journal,
) -> None:
    writer, seen = JournalWriter(journal, lambda: None), list[int]()
    writer.record("event", "a", {"n": 1})
    writer.after_commit(lambda: seen.append(len(journal.records())))
    await writer.flush()
    await writer.flush()
    assert seen == [1]
    writer.close()


@pytest.mark.allow_error_log("journal_failing")
async def test_a_full_disk_loses_and_reorders_nothing(
    journal: Journal, log_events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_S", 0.001)
    writer, seen = JournalWriter(journal, lambda: None, most=3), list[str]()
    fill_disk(journal)
    for n in range(3):
        assert not writer.full
        writer.record("event", "a", {"n": n, "text": BIG})
        writer.after_commit(lambda: seen.append("done"))
        await writer.flush()
        assert (writer.failing, writer.depth, seen) == (True, n + 1, [])
    assert writer.full
    assert journal.records() == []
    free_disk(journal)
    await writer.flush()
    assert [r.body["n"] for r in journal.records()] == [0, 1, 2]
    assert (writer.failing, writer.depth, seen) == (False, 0, ["done"] * 3)
    assert (await logged(log_events, "journal_recovered"))["written"] == 3
    assert [e["event"] for e in log_events].count("journal_failing") == 1
    writer.close()


async def test_the_latest_headers_are_kept(journal: Journal) -> None:
    writer = JournalWriter(journal, lambda: None)
    runs = [f"run-{n}" for n in range(HEADERS + 2)]
    for run in runs:
        writer.header(run, start())
    await writer.flush()
    kept = [run for run in runs if journal.snapshot(run, HEADER, 0)]
    assert kept == runs[-HEADERS:]
    writer.close()


async def test_a_header_that_does_not_fit_waits_and_holds_up_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "HEADER_RETRY_S", 1e6)
    writer = JournalWriter(journal, lambda: None)
    fill_disk(journal)
    writer.header("a", start(mask=NOISE))
    await writer.flush()
    free_disk(journal)
    writer.record("event", "a", {})
    await writer.flush()
    assert len(journal.records()) == 1
    assert journal.snapshot("a", HEADER, 0) is None
    writer.retry_headers()
    await writer.flush()
    assert journal.snapshot("a", HEADER, 0) is not None
    writer.close()
