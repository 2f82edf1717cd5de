"""Many files at once: the same runs as one by one, whoever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from recorder.errors import JournalError
from recorder.runtime.status_file import read_status
from tests.batches import night, reports_of, rows_of
from tests.disks import fill, small_disk
from tests.servers import Process, recorder_environment

COUNTS = (6, 9, 7)
WAIT_S = 120.0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return night(tmp_path_factory.mktemp("night"), COUNTS)


@pytest.fixture(scope="module")
def one_by_one(
    files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The state directory of local replays, one after the other."""
    state = tmp_path_factory.mktemp("one-by-one") / "state"
    environment = {
        **recorder_environment(None),
        "RECORDER_STATE_DIRECTORY": str(state),
        "RECORDER_MQTT__ENABLED": "false",
        "RECORDER_POOL__WORKERS": "0",
    }
    for file in files:
        done = Process(
            sys.executable, "-m", "recorder", "replay", str(file), env=environment
        )
        assert done.wait(WAIT_S) == 0
    yield state


def state_of(config: Path) -> Path:
    (line,) = (
        line
        for line in config.read_text().splitlines()
        if line.startswith("state_directory")
    )
    return Path(json.loads(line.partition("=")[2]))


def collections(state: Path) -> int:
    with closing(sqlite3.connect(state / "ispyb.sqlite")) as db:
        return int(db.execute("SELECT COUNT(*) FROM DataCollection").fetchone()[0])


def whole(state: Path, one_by_one: Path) -> None:
    """The journal has each run once, as local replays have it; so has ISPyB."""
    assert rows_of(state) == rows_of(one_by_one)
    assert reports_of(state) == reports_of(one_by_one)
    assert collections(state) == len(COUNTS)
    assert not (state / "batch").exists()


def test_a_batch_has_the_runs_of_replays_one_by_one(
    run_recorder, config_file, files, one_by_one
):
    config = config_file()
    folder = files[0].parent
    done = run_recorder("replay", folder, "--jobs", "2", "--json", config=config)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert [row["state"] for row in body["files"]] == ["done"] * 3
    assert [row["images"] for row in body["files"]] == list(COUNTS)
    assert [row["runs"] for row in body["files"]] == [[1], [2], [3]]
    whole(state_of(config), one_by_one)

    again = run_recorder("replay", folder, "--resume", "--json", config=config)
    assert again.returncode == 0, again.stderr
    rows = json.loads(again.stdout)["files"]
    assert [row["state"] for row in rows] == ["skipped"] * 3
    assert [row["runs"] for row in rows] == [[1], [2], [3]]
    whole(state_of(config), one_by_one)


def test_what_failed_is_in_the_table_and_the_rest_is_whole(
    run_recorder, config_file, files, one_by_one, tmp_path
):
    folder = tmp_path / "night"
    folder.mkdir()
    for file in files:
        (folder / file.name).symlink_to(file)
    (folder / "crystal00a.h5").write_bytes(b"no such thing")
    (folder / "crystal01.collection.json").write_text('{"proposal": 3}')
    config = config_file()
    done = run_recorder("replay", folder, "--json", config=config)
    assert done.returncode == 1
    rows = {Path(r["file"]).name: r for r in json.loads(done.stdout)["files"]}
    assert rows["crystal00a.h5"]["state"] == "failed"
    assert "not readable as HDF5" in rows["crystal00a.h5"]["why"]
    assert rows["crystal01.h5"]["state"] == "failed"
    assert "crystal01.collection.json" in rows["crystal01.h5"]["why"]
    assert rows["crystal00.h5"]["state"] == rows["crystal02.h5"]["state"] == "done"
    assert "--resume" in done.stderr
    mine, theirs = rows_of(state_of(config)), rows_of(one_by_one)
    assert list(mine.values()) == [theirs[1], theirs[3]]


def test_options_of_one_run_are_refused(run_recorder, config_file, files):
    done = run_recorder("replay", *files[:2], "--uid", "a-b", config=config_file())
    assert done.returncode == 2
    assert "--uid is for one file" in done.stderr


# -- killed ------------------------------------------------------------------------


@pytest.fixture
def batch(config_file) -> Iterator[Callable[..., Process]]:
    """Starts a batch of files with this configuration; ended with the test."""
    started: list[Process] = []

    def start(*arguments: Any, config: Path) -> Process:
        process = Process(
            *(sys.executable, "-m", "recorder", "replay", *map(str, arguments)),
            env=recorder_environment(config),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.running:
            process.kill()


def until(found: Callable[[], Any]) -> Any:
    """Wait for something that other processes bring about."""
    due = time.monotonic() + WAIT_S
    while not (what := found()):
        assert time.monotonic() < due
        time.sleep(0.01)
    return what


def tasks(state: Path) -> list[int]:
    """Process ids of the tasks that live."""
    found = []
    for path in (state / "batch").glob("*/*/status.json"):
        status = read_status(path)
        if status and Path(f"/proc/{status['pid']}/cmdline").exists():
            found.append(int(status["pid"]))
    return found


def printed(process: Process) -> dict[str, Any]:
    """The JSON among what it said."""
    lines = process.lines
    text = "\n".join(lines[lines.index("{") : lines.index("}") + 1])
    return dict(json.loads(text))


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_a_task_that_is_killed_is_tried_again(batch, config_file, files, one_by_one):
    config = config_file()
    state = state_of(config)
    process = batch(*files, "--jobs", "1", "--json", config=config)
    (pid,) = until(lambda: tasks(state))
    os.kill(pid, signal.SIGKILL)
    assert process.wait(WAIT_S) == 0
    first, *others = printed(process)["files"]
    assert first["tries"] == 2
    assert [row["tries"] for row in others] == [1, 1]
    whole(state, one_by_one)


def test_a_task_that_is_always_killed_is_given_up(batch, config_file, files):
    config = config_file()
    state = state_of(config)
    process = batch(files[0], "--retries", "1", "--json", config=config)
    killed: set[int] = set()
    while process.running:
        for pid in set(tasks(state)) - killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    assert process.wait(WAIT_S) == 1
    assert len(killed) == 2
    (row,) = printed(process)["files"]
    assert (row["state"], row["exit"], row["tries"]) == ("failed", -9, 2)
    assert "ended by signal 9" in row["why"]


@pytest.mark.parametrize("after", [0, 1])
def test_home_that_is_killed_doubles_and_halves_nothing(
    batch, config_file, files, one_by_one, after
):
    config = config_file()
    state = state_of(config)
    process = batch(*files, "--jobs", "2", config=config)
    pids = until(lambda: tasks(state))
    if after:
        until(lambda: len(_runs(state)) >= after)
    process.kill()
    for pid in pids:
        until(lambda pid=pid: is_gone(pid))
    for number, rows in _runs(state).items():
        assert rows == rows_of(one_by_one)[number]
    again = batch(*files, "--jobs", "2", "--resume", config=config)
    assert again.wait(WAIT_S) == 0
    whole(state, one_by_one)


def _runs(state: Path) -> dict[int, Any]:
    try:
        return rows_of(state)
    except (JournalError, sqlite3.Error):  # it is only being made
        return {}


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(
    batch, config_file, files, one_by_one
):
    config = config_file()
    state = state_of(config)
    process = batch(*files, "--jobs", "1", config=config)
    until(lambda: len(_runs(state)) == 1 and tasks(state))
    (pid,) = tasks(state)
    process.signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 130
    assert is_gone(pid)
    text = "\n".join(process.lines)
    assert "go on with: recorder replay" in text
    assert "--resume" in text
    kept = rows_of(state)
    assert kept
    assert all(rows == rows_of(one_by_one)[n] for n, rows in kept.items())
    again = batch(*files, "--jobs", "2", "--resume", config=config)
    assert again.wait(WAIT_S) == 0
    whole(state, one_by_one)


def test_a_full_disk_costs_nothing_that_is_finished(
    batch, config_file, files, one_by_one, tmp_path
):
    shared = tmp_path / "shared"
    with small_disk(tmp_path / "disk", 8) as disk:
        state = disk / "state"
        config = config_file(state_directory=str(state))
        options = ("--jobs", "2", "--shared", shared, "--json")
        process = batch(*files, *options, config=config)
        until(lambda: list(shared.glob("batch/*/*/status.json")))
        filler = fill(disk)
        assert process.wait(WAIT_S) == 1
        text = "\n".join(process.lines)
        assert "it is kept: replay again with --resume" in text
        assert "ended early: the disk refuses the journal" in text
        filler.unlink()
        again = batch(*files, *options, "--resume", config=config)
        assert again.wait(WAIT_S) == 0
        assert 0 in [row["tries"] for row in printed(again)["files"]]
        whole(state, one_by_one)
        assert not list(shared.iterdir())


def test_a_file_that_grows_is_waited_for(batch, config_file, make_writer, tmp_path):
    writer = make_writer(declared=5)
    writer.write(2)
    config = config_file()
    process = batch(
        tmp_path / "x.h5", "--jobs", "1", "--follow", "--json", config=config
    )
    until(lambda: tasks(state_of(config)))
    writer.write(3)
    writer.close()
    assert process.wait(WAIT_S) == 0, "\n".join(process.lines)
    (row,) = printed(process)["files"]
    assert (row["state"], row["images"], row["runs"]) == ("done", 5, [1])
