"""The host's clock really steps while the daemon runs: nothing but times shows it."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from tests.host_clock import SteppingClock
from tests.publisher import event_bodies
from tests.system.beamline import (
    assert_equals_truth,
    make_beamline,
    small_series,
    wait_sealed,
)

IMAGES = 60
RATE_HZ = 40.0
STEPS_S = [3600, -3600, -3]


@pytest.fixture(scope="module")
def series():
    return small_series(IMAGES)


@pytest.fixture
def clock(tmp_path):
    return SteppingClock(tmp_path)


def watched_beamline(config_file, mosquitto):
    """One whose daemon looks at its clock five times a second."""
    return make_beamline(
        config_file,
        mosquitto,
        classify={"index": False},
        log={"progress_interval_s": 0.2},
    )


def start(recorder_daemon, beamline, clock):
    """The daemon with that clock, once it hears the broker."""
    daemon = recorder_daemon(beamline.config, env=clock.environment)
    daemon.wait_for_event("broker_connected")
    return daemon


def time_of(text: str) -> float:
    """Unix time (s) of a time in a report."""
    return datetime.fromisoformat(text).timestamp()


def simulate_stepped(
    beamline, daemon, series, clock, step_s, faults="lost=0.05", **run
):
    """One run in whose middle the clock steps; what is true of it."""
    truth: dict = {}
    seen = len(daemon.lines)
    thread = threading.Thread(
        target=lambda: truth.update(
            beamline.simulate(series, rate_hz=RATE_HZ, faults=faults, **run)
        )
    )
    thread.start()
    daemon.wait_for(
        lambda line: '"run_progress"' in line and '"received": 0' not in line,
        after=seen,
    )
    clock.set(step_s)
    thread.join()
    return truth


def labels_of(run):
    """All that a report says of the labels, but the fit of the clocks."""
    timeline = {k: v for k, v in run["timeline"].items() if k != "clocks"}
    return timeline, run["evidence"], run["pump"], run["images"]


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_step_in_mid_run_changes_no_label_no_count_and_no_order(
    config_file, mosquitto, recorder_daemon, series, clock, step_s
):
    beamline = watched_beamline(config_file, mosquitto)
    daemon = start(recorder_daemon, beamline, clock)
    plain = beamline.simulate(series, rate_hz=RATE_HZ, faults="lost=0.05", number=1)
    without = wait_sealed(daemon, beamline, plain["uid"])
    truth = simulate_stepped(beamline, daemon, series, clock, step_s, number=2)
    stepped = wait_sealed(daemon, beamline, truth["uid"])
    after = beamline.simulate(series, rate_hz=RATE_HZ, faults="lost=0.05", number=3)
    last = wait_sealed(daemon, beamline, after["uid"])

    assert_equals_truth(stepped, truth)
    assert labels_of(stepped) == labels_of(without)
    assert [run["status"] for run in (without, stepped, last)] == ["success"] * 3
    assert [r["run"] for r in beamline.report().values()] == [1, 2, 3]
    (said,) = [e for e in daemon.log if e["event"] == "host_clock_stepped"]
    assert said["step_s"] == pytest.approx(step_s, abs=0.5)
    assert any("clock was set by" in note for note in stepped["notes"])
    assert not any("clock was set" in note for note in without["notes"] + last["notes"])
    for run in (without, stepped, last):  # each lasts as long as it did
        lasted = time_of(run["end_time"]) - time_of(run["start_time"])
        assert IMAGES / RATE_HZ * 0.9 < lasted < 60
    began = time_of(last["start_time"]) - time_of(stepped["end_time"])
    assert began == pytest.approx(step_s, abs=60)  # a new run has the new time
    assert not [
        e
        for e in daemon.log
        if e["event"] == "clock_offset" and abs(e["offset_s"] + step_s) > 60
    ]


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_step_before_a_restart_hides_no_run_from_what_comes_late(
    config_file, mosquitto, recorder_daemon, series, clock, step_s
):
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = start(recorder_daemon, beamline, clock)
    truth = beamline.simulate(series, number=1)
    wait_sealed(daemon, beamline, truth["uid"])
    daemon.kill()
    clock.set(2 * step_s)
    daemon = start(recorder_daemon, beamline, clock)
    daemon.wait_for_event("host_clock_stepped")
    (late,) = event_bodies(1, uid=truth["uid"], first=IMAGES + 5)
    beamline.publish("event", late)
    daemon.wait_for_event("run_reopened", run=1)
    daemon.wait_for_event("run_sealed", run=1, revision=1)
    daemon.kill()
    daemon = start(recorder_daemon, beamline, clock)
    assert not [e for e in daemon.log if e["event"] == "host_clock_stepped"]


def test_a_step_neither_shortens_nor_lengthens_a_timeout(
    config_file, mosquitto, recorder_daemon, series, clock
):
    beamline = watched_beamline(config_file, mosquitto)
    daemon = start(recorder_daemon, beamline, clock)
    truth = simulate_stepped(
        beamline, daemon, series, clock, 3600, number=1, faults="stop=50"
    )
    run = wait_sealed(daemon, beamline, truth["uid"])
    assert (run["status"], run["images"]["received"]) == ("aborted", 50)
    assert run["reason"] == "no image for 2 s and no series end"
