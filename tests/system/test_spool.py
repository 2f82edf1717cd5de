"""``recorder spool``: what waits and what was refused, beside a daemon."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import closing

import pytest

from tests.ispyb import esrf_site
from tests.servers import TIMEOUT_S
from tests.system.beamline import (
    assert_equals_truth,
    make_beamline,
    small_series,
    wait_sealed,
)


@pytest.fixture(scope="module")
def series():
    return small_series(20)


def spool(run_recorder, beamline, *arguments: str):
    return run_recorder("spool", *arguments, "-c", str(beamline.config))


def wait_for_none_to_write(run_recorder, beamline) -> dict:
    """The sink's part of the spool once each record is written or parked."""
    end = time.monotonic() + TIMEOUT_S
    while True:
        said = spool(run_recorder, beamline, "ls", "--sink", "ispyb", "--json").stdout
        (ispyb,) = json.loads(said)
        if not ispyb["pending"]:
            return ispyb
        assert time.monotonic() < end, ispyb
        time.sleep(0.1)


@pytest.mark.allow_error_log("record_parked")
def test_a_refused_run_is_listed_and_written_once_it_can_be(
    config_file, mosquitto, recorder_daemon, series, run_recorder, tmp_path
):
    beamline = make_beamline(
        config_file,
        mosquitto,
        classify={"index": False},
        unannounced={"proposal": "zz9999"},
    )
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")
    truth = beamline.simulate(series)
    wait_sealed(daemon, beamline, truth["uid"])
    daemon.wait_for_event("record_parked")
    ispyb = wait_for_none_to_write(run_recorder, beamline)
    assert "zz9999 is not in ISPyB" in ispyb["parked"][0]["error"]
    assert ispyb["parked"][0]["uid"] == truth["uid"]
    text = spool(run_recorder, beamline, "ls").stdout
    assert "results: 0 records to write" in text
    file = tmp_path / "left.jsonl"
    assert spool(run_recorder, beamline, "export", str(file)).returncode == 0
    kinds = [json.loads(line)["kind"] for line in file.read_text().splitlines()]
    assert kinds[0] == "run"
    dropped = ispyb["parked"][-1]
    done = spool(run_recorder, beamline, "drop", str(dropped["seq"]), "--sink", "ispyb")
    assert done.stdout == "1 records given up\n"
    again = spool(run_recorder, beamline, "drop", "999999", "--sink", "ispyb")
    assert (again.returncode, "not parked" in again.stderr) == (2, True)
    with closing(sqlite3.connect(tmp_path / "state" / "ispyb.sqlite")) as db, db:
        db.execute("UPDATE Proposal SET proposalCode = 'zz', proposalNumber = '9999'")
    retried = spool(run_recorder, beamline, "retry")
    assert f"{len(ispyb['parked']) - 1} records" in retried.stdout
    # The daemon that goes on sees it by itself; at its end all is written.
    assert daemon.terminate() == 0
    (left,) = json.loads(
        spool(run_recorder, beamline, "ls", "--sink", "ispyb", "--json").stdout
    )
    assert (left["pending"], left["parked"]) == (0, [])
    with closing(sqlite3.connect(tmp_path / "state" / "ispyb.sqlite")) as db:
        rows = db.execute("SELECT runStatus FROM DataCollection").fetchall()
    assert rows == [(None,)]  # its end was given up


def test_a_sink_that_is_not_there_is_named(config_file, run_recorder, tmp_path):
    done = run_recorder("spool", "ls", "--sink", "fax", "-c", str(config_file()))
    assert done.returncode == 2
    assert "no such sink: fax; there are ispyb, results" in done.stderr


def test_a_database_that_is_away_for_a_whole_experiment(
    config_file,
    mosquitto,
    recorder_daemon,
    series,
    run_recorder,
    mariadb,
    mariadb_database,
):
    """Three runs: the report is complete, the backlog is shown, and all is written."""
    site = esrf_site(mariadb_database)
    beamline = make_beamline(
        config_file,
        mosquitto,
        classify={"index": False},
        ispyb=mariadb_database.section(retry_max_s=1.0),
    )
    mariadb.stop()
    daemon = recorder_daemon(beamline.config)
    truths = [beamline.simulate(series, number=n) for n in (1, 2, 3)]
    for truth in truths:
        run = wait_sealed(daemon, beamline, truth["uid"])
        assert_equals_truth(run, truth)
        assert run["sinks"]["ispyb"] == "pending"
    done = run_recorder("report", "--json", config=beamline.config)
    (experiment,) = json.loads(done.stdout)["experiments"]
    assert experiment["cumulative"]["runs"] == 3
    assert experiment["cumulative"]["images"] == sum(t["received"] for t in truths)
    told = run_recorder("report", config=beamline.config).stdout
    reason = re.search(r"sinks      ispyb pending \((.+)\), results written", told)
    assert reason is not None, told
    assert "127.0.0.1" in reason[1]  # which server does not answer
    text = spool(run_recorder, beamline, "ls").stdout
    waiting = re.search(r"^ispyb: (\d+) records to write, the oldest since", text, re.M)
    assert waiting is not None
    assert int(waiting[1]) >= 6  # each run opened and sealed, at least

    mariadb.start()
    daemon.wait_for_event("sink_recovered", sink="ispyb")
    wait_for_none_to_write(run_recorder, beamline)
    rows = site.rows("SELECT * FROM DataCollection ORDER BY dataCollectionId")
    assert [row["dataCollectionNumber"] for row in rows] == [1, 2, 3]
    assert [row["numberOfImages"] for row in rows] == [t["received"] for t in truths]
    assert {row["runStatus"] for row in rows} == {"DataCollection Successful"}
    counts = site.counts()
    assert (counts["DataCollectionGroup"], counts["AutoProcProgram"]) == (1, 3)
