"""Law of a batch: whatever is killed, lost or late, each file is its run once."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recorder
from recorder.config import Settings
from recorder.journal import Journal
from recorder.pool.batch_task import END, BatchEnd, BatchTask
from recorder.service.batch.finding import find
from recorder.service.batch.pieces import Piece, make_pieces
from recorder.service.batch.queue import BatchQueue
from recorder.service.batch.results import FileState
from recorder.service.batch.taking import Taking
from recorder.service.batch.tasks import Manner, left_to_do, task_of
from recorder.service.replay import replay
from recorder.service.replay_control import ReplayOptions
from recorder.service.replay_end import Stop
from tests.batches import reports_of, rows_of
from tests.laws import examples

COUNTS = (3, 5, 2)
VERSION = recorder.__version__


class HomeKilled(BaseException):
    """Nothing of the home goes on."""


@dataclass
class Night:
    """Files, what a replay of each leaves, and what local replays of all do."""

    settings: Settings
    files: list[Path]
    left: dict[str, Path]
    """State directory of a task that came to its end, by uid."""
    local: Path


def settings_in(state: Path) -> Settings:
    return Settings(
        state_directory=state,
        mqtt={"enabled": False},
        ispyb={"enabled": False},
        pool={"workers": 0},
        classify={"index": False},
        alarms={"off": ["disk"]},
        live={"pictures": False},
    )


def pieces_of(night: Night, journal: Path) -> list[Piece]:
    found, left = find(night.files, None, night.settings.replay, follow=False)
    assert not left
    with closing(Journal(journal)) as db:
        return make_pieces(found, night.settings, db, {}, [])


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("law")
    files = []
    for n, count in enumerate(COUNTS):
        files.append(folder / f"file{n}.h5")
        with h5py.File(files[-1], "w") as file:
            images = np.random.default_rng(n).poisson(1, (count, 64, 64)).astype("u2")
            file.create_dataset("data", data=images, chunks=(1, 64, 64))
    local = settings_in(folder / "local")
    made = Night(local, files, {}, local.state_directory)
    for piece in pieces_of(made, folder / "none" / "journal.sqlite"):
        own = settings_in(folder / piece.uid)
        for where, options in (
            (own, ReplayOptions(piece.found.file, uid=piece.uid, journal_only=True)),
            (local, ReplayOptions(piece.found.file)),
        ):
            asyncio.run(replay(where, options, lambda done, total: None))
        made.left[piece.uid] = own.state_directory
    return made


@dataclass
class Scripted:
    """A place whose tasks end as a script says; the journals are those of replays."""

    night: Night
    size: int
    script: list[str]
    name: str = "a script"
    attempts: int = 0
    kept: list[asyncio.Future[None]] = field(default_factory=list)

    async def do(self, task: BatchTask) -> BatchEnd:
        what = self.script.pop() if self.script else "done"
        self.attempts += 1
        folder = Path(task.folder) / f"attempt-{self.attempts}-{id(self)}"
        uid = next(a for a in task.arguments if a.startswith("--uid="))[6:]
        for _ in range(len(self.script) % 3):  # those that began later may end before
            await asyncio.sleep(0)
        if what == "home killed":
            raise HomeKilled
        if what == "unheard of":
            return BatchEnd(None, problem="its host is lost")
        shutil.copytree(self.night.left[uid], folder)
        if what == "killed":
            with (folder / "journal.sqlite").open("r+b") as file:
                file.truncate(5000)
            return BatchEnd(-9, str(folder), "here", "", VERSION)
        end = BatchEnd(0, str(folder), "here", "", VERSION)
        (folder / END).write_text(json.dumps(end.to_json()))
        if what == "not heard":
            return BatchEnd(None, problem="its answer never came")
        if what == "other version":
            return BatchEnd(0, str(folder), "here", "", "0.0.0")
        return end


def run_home(night: Night, home: Settings, place: Scripted, script: list[str]) -> bool:
    """One life of a home; whether all is done."""
    manner = Manner(home.state_directory / "batch", 0)
    pieces = pieces_of(night, home.journal_path)
    to_do, _ = left_to_do(pieces, manner, resume=True)
    manner.folder.mkdir(parents=True, exist_ok=True)

    def tell(row: Any) -> None:
        if script and script.pop() == "home killed":
            raise HomeKilled  # after the commit, before anything is put in order

    taking = Taking(home, pieces)

    async def work() -> dict[str, Any]:
        queue = BatchQueue(
            place,
            taking,
            lambda: None,
            retries=1,
            folder=manner.folder,
            stop=Stop(),
            tell=tell,
            progress=lambda done, total: None,
        )
        await queue.run([(piece, task_of(piece, home, manner)) for piece in to_do])
        return queue.rows

    try:
        rows = asyncio.run(work())
    except HomeKilled:
        return False
    finally:
        taking.close()
    return all(row.state is FileState.DONE for row in rows.values())


ENDS = ("done", "killed", "not heard", "unheard of", "other version", "home killed")


@settings(max_examples=examples(40))
@given(
    st.integers(1, 3),
    st.lists(st.sampled_from(ENDS), max_size=12),
    st.lists(st.sampled_from(("on", "home killed")), max_size=4),
)
def test_each_file_is_its_run_once(tmp_path_factory, night, size, script, telling):
    home = settings_in(tmp_path_factory.mktemp("home"))
    place = Scripted(night, size, list(script))
    for _ in range(2 * len(script) + 10):
        if run_home(night, home, place, telling):
            break
        # what is there is whole, with the number and folder that it will keep
        for number, rows in rows_of(home.state_directory).items():
            assert rows == rows_of(night.local)[number]
    else:
        pytest.fail("it never came to an end")
    state = home.state_directory
    assert rows_of(state) == rows_of(night.local)
    assert reports_of(state) == reports_of(night.local)
    shutil.rmtree(state)
