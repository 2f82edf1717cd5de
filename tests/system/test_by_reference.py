"""Workers that read the images themselves find what they find in images that travel."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from recorder.errors import JournalError
from tests.batches import reports_of, rows_of
from tests.nodes import NodeProcess
from tests.servers import Process, free_port, recorder_environment
from tests.stills import write_stills

IMAGES = 24
WAIT_S = 120.0


def test_rows_are_the_same(run_recorder, config_file, tmp_path, monkeypatch):
    file = write_stills(tmp_path, IMAGES)
    states = []
    for name in ("value", "reference"):
        monkeypatch.setenv("RECORDER_STATE_DIRECTORY", str(tmp_path / name))
        config = config_file(pool={"workers": 2})
        options = ["--by-reference"] if name == "reference" else []
        done = run_recorder("replay", file, *options, config=config)
        assert done.returncode == 0, done.stderr
        states.append(tmp_path / name)
    assert rows_of(states[0]) == rows_of(states[1])
    assert reports_of(states[0]) == reports_of(states[1])


def classified(state: Path) -> int:
    """Images that have a row."""
    try:
        return sum(map(len, rows_of(state).values()))
    except (JournalError, sqlite3.Error):  # it is only being made
        return 0


def test_a_file_that_goes_in_the_middle_costs_the_images_that_were_left(
    config_file, tmp_path
):
    file = write_stills(tmp_path, IMAGES)
    config = config_file(pool={"workers": 1})
    state = tmp_path / "state"
    process = Process(
        *(sys.executable, "-m", "recorder", "replay", file, "--by-reference"),
        *("--rate", "3", "--json"),
        env=recorder_environment(config),
    )
    due = time.monotonic() + WAIT_S
    while not classified(state):
        assert time.monotonic() < due
        time.sleep(0.02)
    with file.open("r+b") as changed:
        changed.write(b"no HDF5 any more")
    process.wait(WAIT_S)
    text = "\n".join(process.lines)
    body = json.loads(text[text.index("{\n") : text.rindex("\n}") + 2])
    (run,) = body["experiments"][0]["runs"]
    images = run["images"]
    assert run["ledger"]["closed"]
    assert images["received"] == IMAGES
    assert images["classified"] > 0
    assert images["unprocessed"] == {"corrupt": IMAGES - images["classified"]}
    (rows,) = rows_of(state).values()
    assert any("was changed since the replay began" in str(row) for row in rows)


def test_what_cannot_be_read_so_is_refused(run_recorder, config_file, tmp_path):
    stream = tmp_path / "a.cbors"
    stream.write_bytes(b"")
    done = run_recorder("replay", stream, "--by-reference", config=config_file())
    assert done.returncode == 2
    assert "--by-reference is for HDF5 files" in done.stderr
    shutil.rmtree(tmp_path / "state", ignore_errors=True)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_node_reads_the_file_itself_where_it_may(config_file, tmp_path, allowed):
    (tmp_path / "data").mkdir()
    file = write_stills(tmp_path / "data", 12)
    listen = f"tcp://127.0.0.1:{free_port()}"
    config = config_file(
        cluster={"listen": listen, "without_local_workers": True},
    )
    may = ("--read", str(file.parent)) if allowed else ()
    node = NodeProcess(listen, tmp_path / "node.log", "--workers", "1", *may)
    try:
        process = Process(
            *(sys.executable, "-m", "recorder", "replay", file, "--cluster"),
            env=recorder_environment(config),
        )
        assert process.wait(WAIT_S) == 0, "\n".join(process.lines)
    finally:
        node.end()
    (rows,) = rows_of(tmp_path / "state").values()
    assert len(rows) == 12
    if not allowed:
        assert all("--read FOLDER" in str(row) for row in rows)
        return
    local = tmp_path / "local"
    environment = recorder_environment(config_file())
    environment["RECORDER_STATE_DIRECTORY"] = str(local)
    process = Process(
        *(sys.executable, "-m", "recorder", "replay", file), env=environment
    )
    assert process.wait(WAIT_S) == 0, "\n".join(process.lines)
    assert rows == rows_of(local)[1]
