"""Killed (SIGKILL) in the middle of a seal: the next daemon seals it, once."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import h5py
import pytest

from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.event_json import event_to_json
from recorder.journal.run_record import run_record
from recorder.records import (
    Classification,
    ImageClass,
    ImageOutcome,
    Lattice,
    RunState,
    SeriesKey,
)
from recorder.runs.run import Run
from tests.builders import EXAMPLE_CHAINS, T0, collection, event
from tests.servers import Recorder
from tests.system.beamline import Beamline, make_beamline, wait_sealed

IMAGES = 60_000
"""Their report takes some 0.2 s, their files some more: the kill comes in
time."""
TRIES = 8
"""Until a kill comes in time: on a busy machine it may be late."""
BATCH = 10_000
EMPTY = 100
"""Bytes; a file of cells without a cell has fewer."""
CELL = Lattice(
    (79.1, 79.1, 38.2, 90.0, 90.0, 90.0), (26.36667,) * 9, 25, -31.25, 0.0012345
)
WRITTEN = {"ispyb": "written", "results": "written"}
FOUND = (
    Classification(ImageClass.INDEXED, 30, (CELL,), 1.9),
    Classification(ImageClass.NON_HIT, 2),
    Classification(ImageClass.NON_INDEXED_HIT, 20),
)
"""Of images in turn."""


def journal_a_run(path: Path) -> None:
    """What a recorder leaves that was killed when the last image had come."""
    announced = collection("long", T0, images=IMAGES, event_chains=EXAMPLE_CHAINS)
    key = SeriesKey("eiger", 1, "long")
    run = Run("long", 1, T0, announced, key=key, state=RunState.DRAINING)
    run.folder = "long"
    with closing(Journal(path)) as journal:
        journal.write([NewRecord(RecordKind.RUN, "long", run_record(run, "opened"), 0)])
        for first in range(0, IMAGES, BATCH):
            ids = range(first, first + BATCH)
            rows = [
                NewRecord(
                    RecordKind.EVENT,
                    "long",
                    event_to_json(event("XrayDetection", n, "long", T0 + n * 10**6)),
                    0,
                )
                for n in ids
                if n % 10 == 0
            ]
            images = [
                ("long", ImageOutcome(n, FOUND[n % 3], n * 10**6, n * 10**6 + 1000))
                for n in ids
            ]
            journal.write(rows, images)


def when_its_report_is_made(daemon: Recorder, beamline: Beamline) -> None:
    daemon.wait_for_event("run_sealing", uid="long")


def when_its_files_are_written(daemon: Recorder, beamline: Beamline) -> None:
    """The first of them has the cells, the large one is being made."""
    cells = beamline.settings.results / "long" / "ssx_cells.json"
    while not (cells.exists() and cells.stat().st_size > EMPTY):
        assert daemon.running
        time.sleep(0.002)


def when_it_is_in_the_journal(daemon: Recorder, beamline: Beamline) -> None:
    """Its sinks have it before them."""
    daemon.wait_for_event("run_sealed", uid="long")


@pytest.fixture(scope="module")
def journalled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal, closed; each test has a copy."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    journal_a_run(path)
    return path


@pytest.fixture
def beamline(config_file: Callable[..., Path], journalled: Path) -> Beamline:
    made = make_beamline(config_file, None)
    begin_anew(made, journalled)
    return made


def begin_anew(beamline: Beamline, journalled: Path) -> None:
    """A state directory in which there is the journal and nothing else."""
    folder = beamline.settings.state_directory
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part in journalled.parent.glob("journal.sqlite*"):  # and what is beside it
        shutil.copy(part, folder / part.name)


@pytest.mark.parametrize(
    ("moment", "in_journal"),
    [
        (when_its_report_is_made, 0),
        (when_its_files_are_written, 1),
        (when_it_is_in_the_journal, 1),
    ],
)
def test_a_kill_in_the_middle_of_a_seal_costs_and_doubles_nothing(
    beamline: Beamline,
    recorder_daemon: Callable[..., Recorder],
    moment: Callable[[Recorder, Beamline], None],
    in_journal: int,
    journalled: Path,
):
    folder = beamline.settings.results / "long"
    for _ in range(TRIES):
        first = recorder_daemon(beamline.config)
        moment(first, beamline)
        first.kill()
        with closing(Journal(beamline.settings.journal_path)) as journal:
            sealed = journal.count(kinds=(RecordKind.RUN_SEALED,))
        if sealed == in_journal and not (folder / "results.h5").exists():
            break
        begin_anew(beamline, journalled)  # whoever kills was held up for too long
    else:
        pytest.fail("no kill came in time")
    second = recorder_daemon(beamline.config)
    if not in_journal:
        wait_sealed(second, beamline, "long")
    while (run := beamline.report()["long"])["sinks"] != WRITTEN:
        assert second.running
        time.sleep(0.1)
    second.terminate()
    third = IMAGES // 3
    assert (run["state"], run["status"], run["revision"]) == ("sealed", "success", 0)
    assert run["images"]["received"] == run["images"]["expected"] == IMAGES
    assert run["classes"] == {
        "indexed": third,
        "non_indexed_hits": third,
        "non_hits": third,
        "lattices": third,
    }
    assert run["ledger"] == {"closed": True, "differences": []}
    with closing(Journal(beamline.settings.journal_path)) as journal:
        assert journal.count(kinds=(RecordKind.RUN_SEALED,)) == 1
    with h5py.File(folder / "results.h5") as file:
        assert not list(folder.glob(".*"))
        assert len(file["entry/images/image_id"]) == IMAGES
    database = beamline.settings.state_directory / "ispyb.sqlite"
    with closing(sqlite3.connect(database)) as db:
        (rows,) = db.execute("SELECT COUNT(*) FROM DataCollection").fetchone()
    assert rows == 1
    again = recorder_daemon(beamline.config)
    again.wait_for_event("recorder_ready")
    assert not [e for e in again.log if e["event"] in ("run_resumed", "run_sealed")]
