"""Alarms of a real daemon: raised for what is wrong, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from recorder.journal import Journal, RecordKind
from recorder.records.said import SeenSaid, said_to_json
from recorder.runtime.live_file import live_folder, replace_file
from recorder.simulate.stream.messages import Stream2
from recorder.simulate.stream.series import Series
from tests.busy import crowd
from tests.system.beamline import (
    Beamline,
    OpenRun,
    RawDetector,
    make_beamline,
    small_series,
    wait_sealed,
)
from tests.system.test_live import wait_live
from tests.web import Web

RATE_HZ = 150.0
ARMED = 1300
"""Images before the change: 1000 arm the hit rate."""
AFTER = 500
"""Images after it: thirty show that hits are gone, 300 that they are fewer."""


@pytest.fixture(scope="module")
def series() -> Series:
    return small_series(ARMED + AFTER)


@pytest.fixture
def beamline(config_file, mosquitto) -> Beamline:
    return make_beamline(config_file, mosquitto, runs={"drain_s": 1.0})


@pytest.fixture
def play(beamline) -> Callable[..., Future]:
    """Begins a simulated run; its truth is the result."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda series, **run: pool.submit(
            beamline.simulate, series, **{"rate_hz": RATE_HZ, **run}
        )


def without_hits(series: Series, first: int, share: float = 1.0) -> Series:
    """The same, but for so many hits of the images from one on."""
    empty = next(n for n, one in enumerate(series.frames) if one.kind == "miss")
    order = series.order.copy()
    late = np.arange(order.size) >= first
    late &= np.random.default_rng(7).random(order.size) < share
    order[late] = empty
    return replace(series, order=order)


def told(daemon, event: str = "alarm_raised") -> list[tuple[str, str]]:
    return [(e["kind"], e["id"]) for e in daemon.log if e.get("event") == event]


def test_a_stop_of_hits_is_told_everywhere_and_ends_with_the_run(
    config_file, mosquitto, recorder_daemon, series, run_recorder
):
    """The run goes on until everybody was asked."""
    beamline = make_beamline(config_file, mosquitto, runs=OpenRun.RUNS)
    daemon = recorder_daemon(beamline.config)
    run = OpenRun(beamline, without_hits(series, ARMED), "stopped")
    run.send(0, ARMED + AFTER)
    found = daemon.wait_for_event("alarm_raised", kind="hit_rate")
    assert (found["alarm_level"], found["severity"], found["run"]) == ("gone", "red", 1)
    assert ARMED - 15 <= found["since_image"] <= ARMED
    folder = live_folder(beamline.settings.state_directory) / "said"
    said = said_to_json(SeenSaid("seen", found["id"], "eve", 1))
    replace_file(folder / "x.json", json.dumps(said).encode())
    status = beamline.status(lambda s: s["alarms"])
    (told_status,) = status["alarms"]
    assert set(told_status) == {
        "id",
        "kind",
        "severity",
        "text",
        "since_image",
        "run",
    }
    assert told_status["id"] == found["id"]
    live = wait_live(beamline, lambda s: s.alarms)
    (alarm,) = live.alarms
    assert (alarm.id, alarm.since_image) == (found["id"], found["since_image"])
    assert abs(alarm.raised_ns - alarm.since_ns) < 6e9 * crowd()
    done = run_recorder("status", "--json", config=beamline.config)
    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem.startswith("alarm hit_rate (red): ")
    wait_live(beamline, lambda s: s.alarms and s.alarms[0].seen_by == "eve")
    run.end()
    report = wait_sealed(daemon, beamline, "stopped")
    (kept,) = report["alarms"]
    assert kept["id"] == found["id"]
    assert kept["cleared_because"] == "The run is over."
    assert kept["seen_by"] == "eve"
    live = wait_live(beamline, lambda s: s.run is None)
    assert live.alarms[0].cleared_ns is not None
    assert told(daemon) == [("hit_rate", found["id"])]
    assert told(daemon, "alarm_cleared") == [("hit_rate", found["id"])]


def test_a_killed_daemon_goes_on_with_the_same_and_tells_nothing_twice(
    beamline, recorder_daemon, play, series
):
    daemon = recorder_daemon(beamline.config)
    truth = play(without_hits(series, ARMED))
    found = daemon.wait_for_event("alarm_raised", kind="hit_rate")
    daemon.kill()
    again = recorder_daemon(beamline.config)
    live = wait_live(beamline, lambda s: s.identity["pid"] == again.pid and s.alarms)
    assert [one.id for one in live.alarms] == [found["id"]]
    report = wait_sealed(again, beamline, truth.result()["uid"])
    kinds = [one["kind"] for one in report["alarms"]]
    assert kinds.count("hit_rate") == 1
    assert found["id"] not in [name for _, name in told(again)]
    assert found["id"] in [name for _, name in told(again, "alarm_cleared")]


def test_a_daemon_killed_before_still_knows_what_is_normal(
    config_file, mosquitto, recorder_daemon, series
):
    """The change comes after the restart: meanwhile a detector dropped images."""
    beamline = make_beamline(config_file, mosquitto, runs=OpenRun.RUNS)
    daemon = recorder_daemon(beamline.config)
    run = OpenRun(beamline, without_hits(series, ARMED), "before")
    run.send(0, 1100)
    wait_live(beamline, lambda s: s.run and s.run.windows["run"].classified > 1050)
    daemon.kill()
    again = recorder_daemon(beamline.config)
    run.send(1200, ARMED + AFTER)
    found = again.wait_for_event("alarm_raised", kind="hit_rate")
    assert found["alarm_level"] == "gone"
    assert ARMED - 15 <= found["since_image"] <= ARMED
    run.end()
    wait_sealed(again, beamline, "before")


def test_a_run_that_is_well_has_no_alarm(beamline, recorder_daemon, play, series):
    daemon = recorder_daemon(beamline.config)
    truth = play(series)
    report = wait_sealed(daemon, beamline, truth.result()["uid"])
    assert report["alarms"] == []
    assert told(daemon) == []
    journal = Journal(beamline.settings.journal_path, read_only=True)
    try:
        assert journal.records(kinds=(RecordKind.ALARM,)) == []
    finally:
        journal.close()


def test_a_laser_that_stops_is_named(beamline, recorder_daemon, play, series):
    """A photodiode says of each pulse asked for whether it came."""
    daemon = recorder_daemon(beamline.config)
    truth = play(series, images=400, faults="misfire=1")
    found = daemon.wait_for_event("alarm_raised", kind="misfires_in_a_row")
    assert found["severity"] == "red"
    assert found["since_image"] < 10
    truth.result()
    daemon.wait_for_event("run_sealed")


def test_a_hint_does_not_make_a_second_alarm(beamline, recorder_daemon, play, series):
    daemon = recorder_daemon(beamline.config)
    truth = play(without_hits(series, 1100, 0.6))
    report = wait_sealed(daemon, beamline, truth.result()["uid"])
    (found,) = report["alarms"]
    assert (found["kind"], found["severity"]) in (
        ("hit_rate", "red"),
        ("hit_rate", "amber"),
    )
    assert abs(found["since_image"] - 1100) < 120


@pytest.mark.allow_error_log("second_client")
def test_a_second_client_is_named_whatever_else_is_missing(
    beamline, recorder_daemon, series
):
    """It takes every second image: nobody announced this run, which is told, too."""
    daemon = recorder_daemon(beamline.config)
    detector = RawDetector(beamline.endpoint)
    stream = Stream2(1, series.info, 100)
    detector.send(stream.start()[0])
    for n in range(0, 100, 2):
        detector.send(stream.image(n, series.frame(n).payload, n * 10**7)[0])
    found = daemon.wait_for_event("alarm_raised", kind="second_client")
    assert (found["severity"], found["since_image"]) == ("red", 1)
    assert daemon.wait_for_event("alarm_raised", kind="not_announced")["run"] == 1
    detector.send(stream.end()[0])
    detector.close()
    daemon.wait_for_event("run_sealed")
    over = {e["kind"] for e in daemon.log if e.get("event") == "alarm_cleared"}
    assert "second_client" in over


@pytest.mark.allow_error_log("second_client")
def test_kinds_that_are_off_are_not_told(
    config_file, mosquitto, recorder_daemon, series
):
    off = ["second_client", "losses", "disk"]
    beamline = make_beamline(config_file, mosquitto, alarms={"off": off})
    daemon = recorder_daemon(beamline.config)
    detector = RawDetector(beamline.endpoint)
    stream = Stream2(1, series.info, 60)
    detector.send(stream.start()[0])
    for n in range(0, 60, 2):
        detector.send(stream.image(n, series.frame(n).payload, n * 10**7)[0])
    detector.send(stream.end()[0])
    sealed = daemon.wait_for_event("run_sealed")
    detector.close()
    kinds = [one["kind"] for one in beamline.report()[sealed["uid"]]["alarms"]]
    assert "second_client" not in kinds
    assert "losses" not in kinds


def test_the_page_takes_a_level_as_normal_and_the_daemon_begins_anew(
    config_file, mosquitto, recorder_daemon, series
):
    """Through the web process to the daemon's answer; and what a run had is kept."""
    quiet = {"drain_s": 1.0, "series_timeout_s": 600.0}
    beamline = make_beamline(config_file, mosquitto, runs=quiet)
    daemon = recorder_daemon(beamline.config)
    detector = RawDetector(beamline.endpoint)
    changed = without_hits(series, ARMED)
    stream = Stream2(1, changed.info, ARMED + 400)  # the run stays open
    detector.send(stream.start()[0])
    for n in range(ARMED + 300):
        detector.send(stream.image(n, changed.frame(n).payload, n * 10**7)[0])
    found = daemon.wait_for_event("alarm_raised", kind="hit_rate")
    web = Web(beamline.config)
    try:
        path = f"/api/v1/alarms/{found['id']}"
        web.until("/api/v1/alarms", lambda a: alarm_in(a.json, found["id"]))
        early = web.post(f"{path}/normal", {"by": "ada"})
        assert (early.status, early.json["type"]) == (
            409,
            "urn:ssx-recorder:problem:not-normal",
        )
        web.until(
            "/api/v1/alarms", lambda a: alarm_in(a.json, found["id"])["can_be_normal"]
        )
        assert web.post(f"{path}/seen", {"by": "eve"}).status == 202
        assert web.post(f"{path}/normal", {"by": "ada"}).status == 202
        taken = daemon.wait_for_event("alarm_taken_as_normal")
        assert (taken["alarm"], taken["by"]) == (found["id"], "ada")
        told = daemon.wait_for_event("alarm_cleared", kind="hit_rate")
        assert told["because"] == "Its level was taken as normal."
        web.until(
            "/api/v1/alarms", lambda a: alarm_in(a.json, found["id"])["cleared_ns"]
        )
        assert web.post(f"{path}/normal", {"by": "ada"}).status == 409
        detector.send(stream.end()[0])
        sealed = daemon.wait_for_event("run_sealed")
        target = [{"delay": 0.003, "indexed": 5}]
        refused = web.post(f"/api/v1/runs/{sealed['uid']}/targets", target)
        assert (refused.status, refused.json["type"]) == (
            409,
            "urn:ssx-recorder:problem:run-over",
        )
        daemon.terminate()
        web.until("/api/v1/now", lambda a: a.json["daemon"] == "gone")
        (beamline.settings.state_directory / "live" / "live.json").unlink(
            missing_ok=True
        )
        kept = web.get(f"/api/v1/alarms?run={sealed['uid']}").json["alarms"]
        mine = alarm_in({"alarms": kept}, found["id"])
        assert mine["cleared_ns"] > mine["raised_ns"] >= mine["since_ns"] > 0
        assert (mine["seen_by"], mine["uid"]) == ("eve", sealed["uid"])
        times = [one["raised_ns"] for one in kept]
        assert times == sorted(times)
        assert len(kept) >= 2  # images that nobody announced are told, too
    finally:
        detector.close()
        web.terminate()


def alarm_in(body, name: str):
    return next((one for one in body["alarms"] if one["id"] == name), None)


def test_a_replay_has_the_alarms_that_images_tell(run_recorder, config_file, tmp_path):
    """At the images' own times; and none of ages and lags."""
    path = tmp_path / "recorded.h5"
    write_stills(path, 1500, hits_to=1200)
    done = run_recorder("replay", path, "--json", config=config_file())
    assert done.returncode == 0, done.stderr
    (experiment,) = json.loads(done.stdout)["experiments"]
    (run,) = experiment["runs"]
    (found,) = run["alarms"]
    assert (found["kind"], found["level"]) == ("hit_rate", "gone")
    assert 1180 <= found["since_image"] <= 1200


def write_stills(path: Path, images: int, hits_to: int) -> None:
    """A file of small images; every third one has spots, up to one of them."""
    rng = np.random.default_rng(5)
    stack = rng.poisson(2.0, (images, 128, 128)).astype(np.uint16)
    for n in range(0, hits_to, 3):
        for y, x in rng.integers(5, 120, (30, 2)):
            stack[n, y : y + 2, x : x + 2] += 300
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/data", data=stack, chunks=(1, 128, 128))
