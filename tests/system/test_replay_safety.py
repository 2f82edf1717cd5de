"""A replay leaves alone what a daemon records, ends in order, and says what is true."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recorder.config import load_settings
from recorder.runtime.status_file import NAME, read_status
from tests.builders import announcement
from tests.busy import in_time
from tests.disks import fill, small_disk
from tests.ispyb import esrf_site
from tests.servers import Process, recorder_environment
from tests.stills import write_stills
from tests.system.beamline import make_beamline, small_series, wait_sealed

WAIT_S = 120.0


def runs_of(text: str) -> list[dict[str, Any]]:
    return [run for e in json.loads(text)["experiments"] for run in e["runs"]]


def images_file(path: Path, count: int = 8) -> Path:
    with h5py.File(path, "w") as file:
        images = np.random.default_rng(1).poisson(1, (count, 64, 64)).astype("u2")
        file.create_dataset("data", data=images, chunks=(1, 64, 64))
    return path


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def collections(database: Path) -> int:
    with closing(sqlite3.connect(database)) as db:
        return int(db.execute("SELECT COUNT(*) FROM DataCollection").fetchone()[0])


# -- where to ----------------------------------------------------------------------


@pytest.fixture
def production(config_file, mosquitto, recorder_daemon, mariadb_database, tmp_path):
    """A daemon recorded run 1 into a results folder and a facility's database."""
    site = esrf_site(mariadb_database)
    beamline = make_beamline(
        config_file,
        mosquitto,
        classify={"index": False},
        results_directory=str(tmp_path / "results"),
        ispyb=mariadb_database.section(),
    )
    daemon = recorder_daemon(beamline.config)
    truth = beamline.simulate(small_series(20))
    wait_sealed(daemon, beamline, truth["uid"])
    assert daemon.terminate() == 0
    return beamline, site


@pytest.mark.parametrize("own_state", [True, False])
def test_a_replay_leaves_production_alone_until_it_is_told(
    run_recorder, production, tmp_path, monkeypatch, own_state
):
    beamline, site = production
    before, rows = everything_in(tmp_path / "results"), site.counts()
    assert before
    journal = (tmp_path / "state" / "journal.sqlite").stat().st_size
    state = tmp_path / "state" / "replay"
    if own_state:
        state = tmp_path / "mine"
        monkeypatch.setenv("RECORDER_STATE_DIRECTORY", str(state))
    body = announcement("replayed", run=1, experiment={"name": "simulated"})
    collection = tmp_path / "collection.json"
    collection.write_text(json.dumps(body))
    file = write_stills(tmp_path, 4)
    arguments = ("replay", file, "--collection", collection, "--json")
    done = run_recorder(*arguments, config=beamline.config)
    assert done.returncode == 0, done.stderr
    (run,) = runs_of(done.stdout)
    assert run["sinks"] == {"results": "written"}
    assert f"replay into {state}, apart from what a daemon records" in done.stderr
    assert "left alone: results folder" in done.stderr
    assert "ISPyB mariadb+pymysql://" in done.stderr
    assert list(state.glob("results/*/*/run001/results.h5"))
    with monkeypatch.context() as patch:
        patch.setenv("RECORDER_STATE_DIRECTORY", str(state))
        told = run_recorder("report", config=beamline.config).stdout
    assert told.splitlines()[-2].strip() == "sinks      results written"
    assert everything_in(tmp_path / "results") == before
    assert site.counts() == rows
    assert (tmp_path / "state" / "journal.sqlite").stat().st_size == journal

    done = run_recorder(*arguments, "--into-production", config=beamline.config)
    assert done.returncode == 0, done.stderr
    (run,) = runs_of(done.stdout)
    assert run["sinks"] == {"ispyb": "written", "results": "written"}
    after = everything_in(tmp_path / "results")
    assert len(after) > len(before)
    assert site.counts()["DataCollection"] == rows["DataCollection"] + 1


def test_what_the_environment_says_was_said_for_this_replay(
    run_recorder, config_file, tmp_path, monkeypatch, mariadb_database
):
    site = esrf_site(mariadb_database)
    config = config_file(ispyb={"url": "mariadb+pymysql://r@127.0.0.1:9/ispyb"})
    monkeypatch.setenv("RECORDER_ISPYB__URL", mariadb_database.url)
    monkeypatch.setenv("RECORDER_ISPYB__PASSWORD", mariadb_database.password)
    done = run_recorder("replay", images_file(tmp_path / "a.h5"), config=config)
    assert done.returncode == 0, done.stderr
    assert site.counts()["DataCollection"] == 1


def test_a_configuration_for_replay_may_say_so(
    run_recorder, config_file, tmp_path, mariadb_database
):
    site = esrf_site(mariadb_database)
    ispyb = mariadb_database.section()
    file = images_file(tmp_path / "a.h5")
    done = run_recorder("replay", file, config=config_file(ispyb=ispyb))
    assert done.returncode == 0, done.stderr
    assert site.counts()["DataCollection"] == 0
    config = config_file(ispyb=ispyb, replay={"into_production": True})
    assert run_recorder("replay", file, config=config).returncode == 0
    assert site.counts()["DataCollection"] == 1


def test_replays_follow_each_other_in_a_place_of_their_own(
    run_recorder, config_file, tmp_path
):
    config, file = config_file(), images_file(tmp_path / "a.h5")
    for number in (1, 2):
        done = run_recorder("replay", file, "--json", config=config)
        assert done.returncode == 0, done.stderr
        assert "recorder: " not in done.stderr  # where the configuration says
        assert runs_of(done.stdout)[0]["run"] == number


# -- the same again ----------------------------------------------------------------


@pytest.mark.parametrize("announced", [True, False])
def test_the_same_uid_twice_is_one_run(run_recorder, config_file, tmp_path, announced):
    config, file = config_file(), images_file(tmp_path / "a.h5")
    more: tuple[Any, ...] = ()
    if announced:
        collection = tmp_path / "collection.json"
        collection.write_text(json.dumps(announcement("other", images=8)))
        more = ("--collection", collection)
    for n in range(2):
        done = run_recorder(
            "replay", file, *more, "--uid", "mine", "--json", config=config
        )
        assert done.returncode == 0, done.stderr
        (run,) = runs_of(done.stdout)
        assert (run["uid"], run["revision"], run["images"]["received"]) == (
            "mine",
            0,
            8,
        )
        assert run["announced"] is announced
        assert ("nothing is replayed" in done.stderr) is bool(n)
    report = runs_of(run_recorder("report", "--json", config=config).stdout)
    assert [run["uid"] for run in report] == ["mine"]
    assert collections(tmp_path / "state" / "ispyb.sqlite") == 1
    other = images_file(tmp_path / "b.h5")
    done = run_recorder("replay", other, "--uid", "mine", config=config)
    assert done.returncode == 2
    assert "of another file" in done.stderr
    done = run_recorder("replay", other, "--uid", "a\nb", config=config)
    assert (done.returncode, "--uid: give 1 to 128" in done.stderr) == (2, True)


# -- told to end -------------------------------------------------------------------


def started(config: Path, *arguments: str | Path) -> Process:
    """A replay that has given two images to the pipeline."""
    process = Process(
        sys.executable,
        *("-m", "recorder", "replay", *arguments),
        env=recorder_environment(config),
    )
    path = load_settings(config).state_directory / NAME
    end = time.monotonic() + WAIT_S
    while ((read_status(path) or {}).get("images_seen") or 0) < 2:
        assert process.running and time.monotonic() < end, process.lines
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_replay_that_is_told_to_end_seals_its_run(
    run_recorder, config_file, tmp_path, number
):
    config, file = config_file(), images_file(tmp_path / "a.h5", 200)
    process = started(config, file, "--rate", "5", "--uid", "cut")
    os.kill(process.pid, number)
    assert process.wait() == 128 + number
    assert any("recorder: interrupted" in line for line in process.lines)
    (run,) = runs_of(run_recorder("report", "--json", config=config).stdout)
    assert (run["state"], run["status"]) == ("sealed", "aborted")
    assert run["reason"] == "interrupted"
    assert run["ledger"]["closed"]
    assert 2 <= run["images"]["received"] < 200
    assert run["sinks"] == {"ispyb": "written", "results": "written"}
    with closing(sqlite3.connect(tmp_path / "state" / "ispyb.sqlite")) as db:
        ((status, end),) = db.execute(
            "SELECT runStatus, endTime FROM DataCollection"
        ).fetchall()
    assert status is not None and end is not None

    done = run_recorder("replay", file, "--uid", "cut", "--json", config=config)
    assert done.returncode == 0, done.stderr
    (run,) = runs_of(done.stdout)
    assert (run["uid"], run["status"], run["reason"]) == ("cut", "success", "")
    assert run["images"]["received"] == run["images"]["expected"] == 200
    assert run["counts"].get("duplicate_images", 0) == 0
    assert collections(tmp_path / "state" / "ispyb.sqlite") == 1


def test_a_second_one_ends_at_once(config_file, tmp_path):
    # the sink waits for a database that never comes: only the second one ends it soon
    url = "mariadb+pymysql://r@127.0.0.1:9/ispyb"
    config = config_file(
        ispyb={"url": url, "connect_timeout_s": 1.0}, replay={"into_production": True}
    )
    process = started(
        config, images_file(tmp_path / "a.h5", 200), "--rate", "5", "--uid", "cut"
    )
    os.kill(process.pid, signal.SIGINT)
    process.wait_for(lambda line: "recorder: interrupted" in line)
    with in_time(5.0, 9.0):  # alone: after 10 s
        os.kill(process.pid, signal.SIGINT)
        assert process.wait() == 130


def test_a_killed_replay_is_gone_on_with_or_sealed(run_recorder, config_file, tmp_path):
    config, file = config_file(), images_file(tmp_path / "a.h5", 50)
    process = started(config, file, "--rate", "5", "--uid", "killed")
    process.kill()
    done = run_recorder("status", config=config)
    assert (done.returncode, "a replay ended without" in done.stdout) == (3, True)
    other = images_file(tmp_path / "b.h5")
    done = run_recorder("replay", other, "--json", config=config)
    assert [run["images"]["received"] for run in runs_of(done.stdout)] == [8]
    report = runs_of(run_recorder("report", "--json", config=config).stdout)
    (left,) = [run for run in report if run["uid"] == "killed"]
    assert (left["state"], left["status"]) == ("sealed", "aborted")
    assert left["reason"].startswith("interrupted: an earlier replay")
    done = run_recorder("replay", file, "--uid", "killed", "--json", config=config)
    assert done.returncode == 0, done.stderr
    (run,) = runs_of(done.stdout)
    assert (run["status"], run["images"]["received"]) == ("success", 50)


# -- what was refused --------------------------------------------------------------


def test_a_sink_that_refuses_is_told_by_the_exit_code(
    run_recorder, config_file, tmp_path
):
    config = config_file(unannounced={"proposal": "zz9999"})
    done = run_recorder(
        "replay", images_file(tmp_path / "a.h5"), "--uid", "u1", config=config
    )
    assert done.returncode == 1
    assert "sink ispyb refused run 1: proposal zz9999 is not in ISPyB" in done.stderr
    assert sum("record_parked" in line for line in done.stderr.splitlines()) == 1
    # once it is mended, the same command writes what was refused
    with closing(sqlite3.connect(tmp_path / "state" / "ispyb.sqlite")) as db, db:
        db.execute("UPDATE Proposal SET proposalCode = 'zz', proposalNumber = '9999'")
    done = run_recorder(
        "replay", tmp_path / "a.h5", "--uid", "u1", "--json", config=config
    )
    assert done.returncode == 0, done.stderr
    assert runs_of(done.stdout)[0]["sinks"]["ispyb"] == "written"
    assert collections(tmp_path / "state" / "ispyb.sqlite") == 1


def test_a_full_disk_is_told_with_what_the_journal_has(
    run_recorder, config_file, tmp_path
):
    file = images_file(tmp_path / "a.h5", 60)
    with small_disk(tmp_path / "disk", 8) as disk:
        config = config_file(state_directory=str(disk / "state"))
        process = started(config, file, "--rate", "5", "--uid", "full")
        filler = fill(disk)
        assert process.wait() == 1
        text = "\n".join(process.lines)
        told = re.search(r"it has (\d+) of (\d+) images of run 1; free space", text)
        assert told is not None, text
        assert "the journal keeps" not in text
        filler.unlink()
        with closing(sqlite3.connect(disk / "state" / "journal.sqlite")) as db:
            ((there,),) = db.execute("SELECT COUNT(*) FROM images").fetchall()
        assert there == int(told[1]) < int(told[2])
        done = run_recorder("replay", file, "--uid", "full", "--json", config=config)
        assert done.returncode == 0, done.stderr
        assert runs_of(done.stdout)[0]["images"]["received"] == 60
