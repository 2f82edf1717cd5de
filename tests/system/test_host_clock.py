"""The host's clock really steps while the daemon runs: nothing but times shows it."""

from __future__ import annotations

import threading
from datetime import datetime
from itertools import pairwise

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
OFFSETS_S = (3600, 0, -3)
"""Of the clock, one after the other: steps of an hour on, an hour back, 3 s back."""


@pytest.fixture(scope="module")
def series():
    return small_series(IMAGES)


@pytest.fixture
def clock(tmp_path):
    return SteppingClock(tmp_path)


def watched_beamline(config_file, mosquitto, **runs):
    """One whose daemon looks at its clock five times a second."""
    return make_beamline(
        config_file,
        mosquitto,
        runs=runs,
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


def test_steps_in_mid_run_change_no_label_no_count_and_no_order(
    config_file, mosquitto, recorder_daemon, series, clock
):
    beamline = watched_beamline(config_file, mosquitto)
    daemon = start(recorder_daemon, beamline, clock)
    options = {"rate_hz": RATE_HZ, "faults": "lost=0.05"}
    plain = beamline.simulate(series, number=1, **options)
    runs = [wait_sealed(daemon, beamline, plain["uid"])]
    steps = [b - a for a, b in pairwise((0, *OFFSETS_S))]
    for number, offset_s in enumerate(OFFSETS_S, 2):
        truth = simulate_stepped(
            beamline, daemon, series, clock, offset_s, number=number
        )
        runs.append(wait_sealed(daemon, beamline, truth["uid"]))
        assert_equals_truth(runs[-1], truth)
    after = beamline.simulate(series, number=len(runs) + 1, **options)
    runs.append(wait_sealed(daemon, beamline, after["uid"]))

    without, *stepped, last = runs
    assert {run["status"] for run in runs} == {"success"}
    assert [r["run"] for r in beamline.report().values()] == [1, 2, 3, 4, 5]
    said = [e["step_s"] for e in daemon.log if e["event"] == "host_clock_stepped"]
    assert said == pytest.approx(steps, abs=1.0)
    for run in stepped:
        assert labels_of(run) == labels_of(without)
        assert any("clock was set by" in note for note in run["notes"])
    assert not any("clock was set" in note for note in without["notes"] + last["notes"])
    for run in runs:  # each lasts as long as it did
        lasted = time_of(run["end_time"]) - time_of(run["start_time"])
        assert 0 < lasted < 600
    for step_s, (one, other) in zip(steps, pairwise(runs[1:]), strict=True):
        began = time_of(other["start_time"]) - time_of(one["end_time"])
        assert began == pytest.approx(step_s, abs=600)  # a new run has the new time
    steps_of_senders = [
        e["offset_s"] for e in daemon.log if e["event"] == "clock_offset"
    ]
    for offset_s in steps_of_senders:
        assert any(abs(offset_s + clock_s) < 600 for clock_s in (0, *OFFSETS_S))


def test_a_step_before_a_restart_hides_no_run_from_what_comes_late(
    config_file, mosquitto, recorder_daemon, series, clock
):
    """Two hours on before the first restart, four back before the second."""
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = start(recorder_daemon, beamline, clock)
    truth = beamline.simulate(series, number=1)
    wait_sealed(daemon, beamline, truth["uid"])
    for revision, offset_s in ((1, 7200), (2, -7200)):
        daemon.kill()
        clock.set(offset_s)
        daemon = start(recorder_daemon, beamline, clock)
        daemon.wait_for_event("host_clock_stepped")
        (late,) = event_bodies(1, uid=truth["uid"], first=IMAGES + 5 * revision)
        beamline.publish("event", late)
        daemon.wait_for_event("run_reopened", run=1)
        daemon.wait_for_event("run_sealed", run=1, revision=revision)
    daemon.kill()
    daemon = start(recorder_daemon, beamline, clock)
    assert not [e for e in daemon.log if e["event"] == "host_clock_stepped"]


def test_a_step_neither_shortens_nor_lengthens_a_timeout(
    config_file, mosquitto, recorder_daemon, series, clock
):
    beamline = watched_beamline(config_file, mosquitto, series_timeout_s=2.0)
    daemon = start(recorder_daemon, beamline, clock)
    truth = simulate_stepped(
        beamline, daemon, series, clock, 3600, number=1, faults="stop=50"
    )
    run = wait_sealed(daemon, beamline, truth["uid"])
    assert (run["status"], run["images"]["received"]) == ("aborted", 50)
    assert run["reason"] == "no image for 2 s and no series end"
