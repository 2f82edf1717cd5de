"""The time of an answer does not tell what is somebody else's from what is not there.

Own addresses do the same work for both (CPU time); what py-ISPyB's addresses and
pictures do more for a row or file that is there is hidden by the beat (wall time). Both
would fail without: +40 to +1900 us of 700 us, and +50 us of 1900 us.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.journal import Journal
from recorder.web.callers import Caller, Kind
from tests.access_matrix import announced_by, write_live
from tests.asking import PERSON, running
from tests.reading import MEMBER, embedded
from tests.timing import Difference, measured
from tests.web import LiveWriter, write_run

beat = importlib.import_module("recorder.web.beat")
MINE, THEIRS = "mx2345", "mx9999"
API = "/ispyb/api/v1"
SSX = f"{API}/ssx/datacollection/processing"
WHO = Caller(Kind.SESSION, MEMBER, PERSON, "key")
SAME_WORK = [
    ("/api/v1/runs/nobody-001", "/api/v1/runs/theirs-001"),
    ("/api/v1/runs/nobody-", "/api/v1/runs/theirs-"),
    ("/api/v1/runs/78", "/api/v1/runs/77"),
    ("/api/v1/runs/nobody-001/images/0", "/api/v1/runs/theirs-001/images/0"),
    ("/api/v1/alarms?run=78", "/api/v1/alarms?run=77"),
    (f"/api/v1/runs?experiment=of-{MINE[:-1]}", f"/api/v1/runs?experiment=of-{THEIRS}"),
]
"""What is not there, and what is another's."""
ON_THE_BEAT = [
    ("/api/v1/preview/indexed.png", "/api/v1/preview/hit.png"),
    (f"{API}/samples/200", f"{API}/samples/201"),
    (f"{API}/proteins/4", f"{API}/proteins/3"),
    (f"{API}/samples?search=smp209", f"{API}/samples?search=smp201"),
    (f"{API}/sessions/20", f"{API}/sessions/21"),
    (
        f"{SSX}/cells/histogram?dataCollectionIds=9",
        f"{SSX}/cells/histogram?dataCollectionIds=7",
    ),
]
OTHERS = 60
"""Runs of others of one number, whose uids begin alike."""
WORK_TURNS, BEAT_TURNS = 300, 60
TEST_BEAT_S = 0.02
SURE = 0.001
"""Shuffles with as large a shift, below which it is none of chance."""
LOOKS = 3
"""A difference that is there is there each time; one of chance is not."""


@pytest.fixture
def config(settings: Any, state: Path, journal: Journal, daemon: LiveWriter) -> Any:
    """Runs of both, and a database with rows of both."""
    for n in range(1, 21):
        write_run(journal, n, 3, uid=f"mine-{n:03}", at=n, **announced_by(MINE))
    for n in range(OTHERS):
        name = f"theirs-{n:03}"
        write_run(journal, 77, 3, uid=name, at=100 + n, **announced_by(THEIRS))
    write_live(daemon, THEIRS, "theirs-001", 77)
    embedded(state / "ispyb.sqlite").dispose()
    return settings(beamline="id29")


@pytest.fixture
def no_pauses() -> Iterator[None]:
    """Of the collector, which would meet one question more often than the other."""
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def differences(
    config: Settings, state: Path, pairs: list[tuple[str, str]], turns: int
) -> dict[str, tuple[Difference, Difference]]:
    """Wall and CPU times, by the address of what is another's."""

    async def look() -> dict[str, tuple[Difference, Difference]]:
        found = {}
        async with running(config, state) as asked:
            await asked.until(lambda feed: feed.now_state.live is not None)
            asked.app.feed.stop()

            async def ask(path: str) -> None:
                await asked.get(path, WHO)

            for seed, (one, other) in enumerate(pairs):
                answers = [await asked.get(path, WHO) for path in (one, other)]
                assert answers[0].status == answers[1].status
                found[other] = await measured(ask, one, other, turns, seed)
        return found

    return asyncio.run(look())


def test_what_is_anothers_takes_no_more_work_than_what_is_not_there(
    config: Settings, state: Path, no_pauses: None
) -> None:
    left = SAME_WORK
    for _ in range(LOOKS):
        found = differences(config, state, left, WORK_TURNS)
        left = [pair for pair in left if found[pair[1]][1].p < SURE]
    assert not left, {path: str(one[1]) for path, one in found.items()}


def test_what_takes_more_work_is_said_at_the_same_time(
    config: Settings, state: Path, no_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat, "BEAT_S", TEST_BEAT_S)
    left = ON_THE_BEAT
    for _ in range(LOOKS):
        found = differences(config, state, left, BEAT_TURNS)
        assert all(one[0].median_s > TEST_BEAT_S / 2 for one in found.values())
        left = [pair for pair in left if found[pair[1]][0].p < SURE]
    assert not left, {path: str(one[0]) for path, one in found.items()}
