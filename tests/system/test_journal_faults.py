"""What a disk can do to the journal: torn, damaged, full, too large."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from recorder.config import Settings
from recorder.errors import (
    JournalError,
    NoSuchRunError,
    SinkError,
    SinkUnavailableError,
)
from recorder.journal import Journal
from recorder.journal.event_json import event_to_json
from recorder.journal.pruning import KEPT_RUNS, prune
from recorder.journal.records import SINK_KINDS, NewRecord
from recorder.journal.run_record import run_record
from recorder.journal.series_headers import HEADER, with_arrays
from recorder.journal.writer import JournalWriter
from recorder.records import DetectorInfo, RunState, Unprocessed
from recorder.records.report_json import report_to_json
from recorder.reports.explain import explain_image
from recorder.reports.run_report import run_report
from recorder.reports.store import ReportStore
from recorder.sinks.results.sink import ResultsSink
from tests.builders import event, new_run, non_hits, outcome, start
from tests.disks import fill, small_disk
from tests.system.beamline import (
    assert_equals_truth,
    make_beamline,
    small_series,
    wait_sealed,
)

SINKS = ("ispyb", "results")


def copied(path: Path, folder: Path) -> Path:
    """The journal's files as a power cut leaves them: nothing is closed."""
    folder.mkdir()
    for part in path.parent.glob(f"{path.name}*"):
        shutil.copy(part, folder / part.name)
    return folder / path.name


@pytest.mark.parametrize("cut", [1, 40, 4000])
def test_a_torn_write_takes_only_what_was_torn(tmp_path: Path, cut: int) -> None:
    """The log's last frame is half there: its transaction never was."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    for n in range(20):
        journal.write(images=non_hits("a", range(n * 10, n * 10 + 10)))
    torn = copied(path, tmp_path / "torn")
    journal.close()
    log = torn.with_name(f"{torn.name}-wal")
    os.truncate(log, log.stat().st_size - cut)
    again = Journal(torn)
    found = [row.image_id for row in again.image_rows("a")]
    assert found == list(range(190))
    again.write(images=non_hits("a", [190]))
    again.close()


def test_bytes_that_changed_in_the_log_are_not_taken_for_data(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    for n in range(5):
        journal.write(images=non_hits("a", [n]))
    torn = copied(path, tmp_path / "torn")
    journal.close()
    log = torn.with_name(f"{torn.name}-wal")
    body = bytearray(log.read_bytes())
    body[-2000] ^= 0xFF
    log.write_bytes(body)
    again = Journal(torn)
    assert [row.image_id for row in again.image_rows("a")] == [0, 1, 2, 3]
    again.close()


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(JournalError, match="damaged: move it away"):
        Journal(path)


def test_a_page_that_is_damaged_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.write(images=non_hits("a", range(5000)))
    journal.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size - size // 2))
    journal = Journal(path)
    with pytest.raises(JournalError, match="cannot read"):
        list(journal.image_rows("a"))
    journal.close()


# -- size ------------------------------------------------------------------------------


def sealed_run(journal: Journal, n: int, images: int = 400) -> None:
    run = new_run(f"uid-{n}", n, 10**18 + n, state=RunState.SEALED, folder=f"run{n}")
    events = [
        NewRecord("event", run.uid, event_to_json(event("XrayDetection", k)), 1)
        for k in range(100)
    ]
    rows = [
        (run.uid, outcome(k, Unprocessed.CORRUPT, reason="x" * 200))
        for k in range(images)
    ]
    report = {"report": report_to_json(run_report(run))}
    journal.write(
        [
            NewRecord("run", run.uid, run_record(run, "sealed"), 1),
            *events,
            NewRecord("run_sealed", run.uid, report, 1),
        ],
        rows,
    )


def test_the_oldest_written_runs_go_and_their_reports_stay(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    runs = KEPT_RUNS + 10
    for n in range(runs):
        sealed_run(journal, n)
    last = journal.last_seq(f"uid-{runs - 1}", SINK_KINDS)
    journal.advance("results", last, None, None)
    bound = journal.used_bytes() // 2
    before = sum(file.stat().st_size for file in tmp_path.glob("journal.sqlite*"))

    refused = prune(journal, bound, SINKS, SINK_KINDS)
    assert (refused.runs, refused.over) == ((), True)  # ispyb has written nothing

    journal.advance("ispyb", journal.last_seq("uid-4", SINK_KINDS), None, None)
    some = prune(journal, bound, SINKS, SINK_KINDS)
    assert (some.runs, some.over) == (tuple(f"uid-{n}" for n in range(5)), True)

    journal.advance("ispyb", last, None, None)
    rest = prune(journal, bound, SINKS, SINK_KINDS)
    assert rest.runs == tuple(f"uid-{n}" for n in range(5, 10))  # 16 are kept
    assert prune(journal, bound, SINKS, SINK_KINDS).runs == ()
    assert list(journal.image_rows("uid-9")) == []
    assert len(list(journal.image_rows("uid-10"))) == 400
    assert len(ReportStore(journal, SINKS).full().runs) == runs
    with pytest.raises(NoSuchRunError, match=r"removed from the journal.*results\.h5"):
        explain_image(journal, "uid-9", 3)
    journal.close()
    assert tmp_path.joinpath("journal.sqlite").stat().st_size < before


def test_a_parked_run_is_never_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    for n in range(KEPT_RUNS + 2):
        sealed_run(journal, n)
    (record,) = [r for r in journal.records(kinds=("run",)) if r.run == "uid-0"]
    journal.park("ispyb", record, "no such visit")
    last = journal.last_seq(f"uid-{KEPT_RUNS + 1}", SINK_KINDS)
    for sink in SINKS:
        journal.advance(sink, last, None, None)
    assert prune(journal, 1, SINKS, SINK_KINDS).runs == ("uid-1",)
    journal.close()


def test_the_files_of_a_pruned_run_are_never_replaced(
    settings: Callable[..., Settings],
) -> None:
    configured = settings()
    journal = Journal(configured.journal_path)
    sealed_run(journal, 0)
    journal.write([NewRecord("run_pruned", "uid-0", {}, 1)])
    sink = ResultsSink(configured)
    sink.open(journal)
    (sealed,) = journal.records(kinds=("run_sealed",))
    with pytest.raises(SinkError, match="removed from the journal"):
        sink.apply(sealed)
    journal.close()


def test_old_events_that_no_run_claimed_go_first(tmp_path: Path) -> None:
    """A capture that runs free between runs would push out the runs."""
    journal = Journal(tmp_path / "journal.sqlite")
    for n in range(KEPT_RUNS + 2):
        sealed_run(journal, n)
    last = journal.last_seq(f"uid-{KEPT_RUNS + 1}", SINK_KINDS)
    for sink in SINKS:
        journal.advance(sink, last, None, None)
    bound = journal.used_bytes() + 100_000
    now = time.time_ns()
    for name, age_ns in ((None, 10**13), ("never-announced", 10**13), (None, 0)):
        orphan = NewRecord("event", name, {"x": "y" * 500}, now - age_ns)
        journal.write([orphan] * 1000)
    found = prune(journal, bound, SINKS, SINK_KINDS)
    left = journal.records(kinds=("event",), after=last)
    assert len(left) == 1000  # the latest ones may still be claimed
    assert found.runs == ("uid-0", "uid-1")
    journal.close()


# -- no space --------------------------------------------------------------------------


def test_a_full_disk_leaves_the_last_results_and_the_process(
    settings: Callable[..., Settings], disk: Path
) -> None:
    """The HDF5 library itself ends the process on some full disks."""
    configured = settings(results_directory=str(disk / "results"))
    journal = Journal(configured.journal_path)
    sealed_run(journal, 0, images=8000)
    sink = ResultsSink(configured)
    sink.open(journal)
    (sealed,) = journal.records(kinds=("run_sealed",))
    for left in (0, 40_000, 120_000):
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - left)
        with pytest.raises(SinkUnavailableError, match="free space"):
            sink.apply(sealed)
        filler.unlink()
    sink.apply(sealed)
    (folder,) = {path.parent for path in disk.rglob("results.h5")}
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []
    journal.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 24) as folder:
        yield folder


async def test_a_header_that_does_not_fit_holds_nothing_back(disk: Path) -> None:
    """A flat field is nice to have at a restart; records and images are needed."""
    flat = np.random.default_rng(1).uniform(0.8, 1.2, (2048, 2048)).astype(np.float32)
    info = DetectorInfo(shape=flat.shape, flatfield_applied=False)
    journal = Journal(disk / "journal.sqlite", owner=True)
    writer = JournalWriter(journal, lambda: None)
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - 4_000_000)
    writer.header("a", replace(start(flatfield=flat), info=info))
    writer.record("run", "a", {"n": 1})
    writer.image("a", outcome(1))
    await writer.flush()
    assert (writer.depth, writer.failing) == (0, False)
    assert journal.latest("run", "a").body == {"n": 1}
    assert len(list(journal.image_rows("a"))) == 1
    assert journal.snapshot("a", HEADER, 0) is None
    filler.unlink()
    writer.retry_headers()
    await writer.flush()
    assert np.array_equal(with_arrays(journal, "a", start()).flatfield, flat)
    writer.close()
    journal.close()


def all_are_counted(line: str) -> bool:
    """Whether a line of the log says that 400 images came and all are done with."""
    words = ('"run_progress"', '"received": 400', '"pending": 0')
    return all(word in line for word in words)


@pytest.mark.allow_error_log("journal_failing")
def test_a_full_disk_costs_no_image(config_file, mosquitto, recorder_daemon, disk):
    """Receiving and counting goes on; once there is space, all of it is written."""
    beamline = make_beamline(
        config_file,
        mosquitto,
        state_directory=str(disk / "state"),
        log={"progress_interval_s": 0.5},
    )
    daemon = recorder_daemon(beamline.config)
    filler = fill(disk)
    simulated: dict[str, Any] = {}
    simulating = Thread(
        target=lambda: simulated.update(beamline.simulate(small_series(400)))
    )
    simulating.start()
    failing = daemon.wait_for_event("journal_failing")
    assert "free disk space" in failing["hint"]
    simulating.join()
    daemon.wait_for(all_are_counted)
    filler.unlink()
    assert daemon.wait_for_event("journal_recovered")["written"] > 400
    run = wait_sealed(daemon, beamline, simulated["uid"])
    assert_equals_truth(run, simulated)
    assert run["images"]["received"] == 400
    daemon.terminate()
    (done,) = beamline.report().values()
    assert done["sinks"] == {"ispyb": "written", "results": "written"}
