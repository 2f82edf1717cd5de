"""``recorder status``: the truth about daemons that live, hang, stop or are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recorder.journal import Journal
from recorder.reports.life import SILENT_S, Alive, find_problems, judge, look
from recorder.runtime.host_clock import since_boot_ns
from recorder.runtime.status_file import (
    NAME,
    identity,
    is_process,
    read_status,
    write_status,
)
from recorder.simulate.stream.messages import Stream2
from tests.builders import announcement
from tests.disks import fill, small_disk
from tests.system.beamline import (
    RawDetector,
    make_beamline,
    small_series,
    wait_sealed,
)

WAIT_S = 120.0
POLL_S = 0.3
"""Between two looks: each is a process, beside a daemon that writes once a second."""


def status(run_recorder, config) -> tuple[int, dict]:
    done = run_recorder("status", "--json", config=config)
    assert not done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode
    return done.returncode, found


def wait_status(run_recorder, config, test) -> tuple[int, dict]:
    """The first status that passes."""
    end = time.monotonic() + WAIT_S
    while True:
        code, found = status(run_recorder, config)
        if test(found):
            return code, found
        assert time.monotonic() < end, found
        time.sleep(POLL_S)


def test_none_has_ever_run(run_recorder, config_file, tmp_path):
    done = run_recorder("status", config=config_file())
    assert done.returncode == 3
    assert "not running: none has recorded into this state directory" in done.stdout
    assert not (tmp_path / "state").exists()  # a look makes nothing


def test_a_daemon_that_runs_says_its_run_and_its_connections(
    run_recorder, config_file, mosquitto, recorder_daemon
):
    # This detector pauses in the middle of its run, which is an alarm of its own.
    beamline = make_beamline(
        config_file,
        mosquitto,
        runs={"series_timeout_s": 60.0},
        alarms={"off": ["data_age", "disk"]},
    )
    daemon = recorder_daemon(beamline.config)
    code, found = wait_status(
        run_recorder,
        beamline.config,
        lambda s: s["sign"]["broker"]["state"] == "connected",
    )
    assert (code, found["alive"], found["problems"]) == (0, "running", [])
    assert found["sign"]["pid"] == daemon.pid
    series = small_series(20)
    beamline.publish("collection/start", announcement("live", images=20))
    detector = RawDetector(beamline.endpoint)
    stream = Stream2(1, series.info, 20, appendix={"recorder_uid": "live"})
    detector.send(stream.start()[0])
    for n in range(10):
        detector.send(stream.image(n, series.frame(n).payload, n)[0])
    code, found = wait_status(
        run_recorder,
        beamline.config,
        lambda s: (s["sign"]["run"] or {}).get("received") == 10,
    )
    assert code == 0
    assert found["sign"]["run"]["uid"] == "live"
    assert found["sign"]["broker"] == {"state": "connected", "error": ""}
    assert found["sign"]["images_per_s"] > 0
    text = run_recorder("status", config=beamline.config).stdout
    assert "(live): open, 10 of 20 images" in text
    assert "nothing is wrong" in text
    detector.close()

    mosquitto.stop()
    code, found = wait_status(
        run_recorder, beamline.config, lambda s: s["sign"]["broker"]["state"] == "away"
    )
    assert code == 1
    assert found["problems"][0].startswith("no connection to the broker: ")

    daemon.kill()
    code, found = status(run_recorder, beamline.config)
    assert (code, found["alive"]) == (3, "not running")
    assert "ended without stopping (killed, crashed" in found["why"]
    assert [run["uid"] for run in found["open_runs"]] == ["live"]
    text = run_recorder("status", config=beamline.config).stdout
    assert "it goes on when the daemon starts" in text


def test_a_daemon_that_was_stopped_says_so(run_recorder, config_file, recorder_daemon):
    config = config_file(detector=[], source=[])
    daemon = recorder_daemon(config)
    assert status(run_recorder, config)[0] == 0
    assert daemon.terminate() == 0
    code, found = status(run_recorder, config)
    assert code == 3
    assert found["why"].startswith("it was stopped at ")


@pytest.mark.allow_error_log("record_parked")
def test_refused_records_are_a_problem_named_once_per_run_and_cause(
    run_recorder, config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(
        config_file,
        mosquitto,
        classify={"index": False},
        unannounced={"proposal": "zz9999"},
    )
    daemon = recorder_daemon(beamline.config)
    truth = beamline.simulate(small_series(20))
    wait_sealed(daemon, beamline, truth["uid"])
    code, found = wait_status(
        run_recorder, beamline.config, lambda s: len(s["refused"]) > 0
    )
    assert code == 1
    assert len(found["problems"]) == 1, found["problems"]
    (problem,) = found["problems"]
    assert "sink ispyb refused" in problem
    assert "zz9999 is not in ISPyB" in problem
    (refused,) = found["refused"]
    assert (refused["run"], refused["uid"]) == (1, truth["uid"])
    last = found["sign"]["last_error"]
    assert last is None or last["event"] == "record_parked"


def test_a_database_that_is_away_is_named_with_the_reason(
    run_recorder, config_file, recorder_daemon
):
    url = "mariadb+pymysql://r@127.0.0.1:9/ispyb"
    config = config_file(detector=[], ispyb={"url": url, "connect_timeout_s": 1.0})
    recorder_daemon(config).wait_for_event("sink_unavailable")
    code, found = wait_status(
        run_recorder, config, lambda s: s["sign"]["sinks"]["ispyb"] != "ok"
    )
    assert code == 1
    assert found["problems"][0].startswith("sink ispyb cannot write: ")


def test_a_process_with_the_number_of_a_dead_daemon_is_none(tmp_path):
    """A pid is used again: the lock says the truth, and so does the time of start."""
    Journal(tmp_path / "journal.sqlite").close()
    me = {
        **identity(),
        "command": "run",
        "boottime_ns": since_boot_ns(),
        "stage": "running",
    }
    assert is_process(me)
    write_status(tmp_path / NAME, me)
    assert look(tmp_path, ()).alive is Alive.NOT_RUNNING
    reused = {**me, "process_start": me["process_start"] - 1}
    assert is_process(reused) is False
    assert judge(None, reused, 0.0)[0] is Alive.NOT_RUNNING
    assert judge(None, me, 0.0)[0] is Alive.RUNNING
    assert judge(None, {}, None)[0] is Alive.UNKNOWN


def test_the_lock_of_another_process_is_seen_and_taken_by_no_look(tmp_path):
    path = tmp_path / "journal.sqlite"
    program = (
        "import sys; from pathlib import Path; from recorder.journal import Journal; "
        "j = Journal(Path(sys.argv[1]), owner=True); print('held', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        life = look(tmp_path, ())
        assert (life.alive, life.exit_code) == (Alive.UNKNOWN, 4)  # no sign of life
        holder.kill()
        holder.wait()
        assert look(tmp_path, ()).alive is Alive.NOT_RUNNING
    Journal(path, owner=True).close()


def test_what_cannot_be_read_is_not_told_as_dead(tmp_path):
    (tmp_path / NAME).mkdir()
    assert look(tmp_path, ()).exit_code == 4


def test_a_daemon_of_another_host_is_not_called_dead(tmp_path):
    sign = {"host": "elsewhere", "boot": "x", "boottime_ns": 1, "command": "run"}
    alive, why = judge(False, sign, None)
    assert (alive, "ask there" in why) == (Alive.UNKNOWN, True)


def test_a_daemon_that_hangs_is_a_problem():
    assert find_problems({}, 1.0) == []
    (problem,) = find_problems({}, SILENT_S + 1)
    assert "no sign of life for 16 s" in problem
    assert judge(True, identity() | {"command": "run"}, 99.0)[0] is Alive.RUNNING


def test_the_sign_is_written_on_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        write_status(disk / NAME, {"n": 0, **identity()})
        fill(disk)
        write_status(disk / NAME, {"n": 1, **identity()})
        found = read_status(disk / NAME)
        assert found is not None
        assert found["n"] == 1
        assert [p.name for p in disk.iterdir() if "tmp" in p.name] == []


def test_a_sign_through_a_link_overwrites_nothing(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f".{NAME}.tmp").symlink_to(victim)
    write_status(tmp_path / NAME, {"n": 1})
    assert victim.read_text() == "mine"
