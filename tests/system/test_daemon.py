"""The daemon on real sockets, a real broker and a real database file."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from recorder.service.daemon import run_daemon
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.sources.pixels import decode
from tests.builders import announcement
from tests.guards import logged
from tests.servers import TIMEOUT_S, recorder_environment
from tests.system.beamline import (
    RawDetector,
    assert_equals_truth,
    make_beamline,
    small_series,
    wait_sealed,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def series():
    return small_series()


@pytest.mark.parametrize(
    ("protocol", "version"), [("stream1", "3.1.1"), ("stream2", "5")]
)
def test_report_equals_truth(
    config_file, mosquitto, recorder_daemon, run_recorder, series, protocol, version
):
    beamline = make_beamline(config_file, mosquitto, mqtt={"protocol": version})
    daemon = recorder_daemon(beamline.config)
    truths = [
        beamline.simulate(
            series,
            number=n,
            protocol=protocol,
            seed=n,
            faults="lost=0.02,duplicate=0.02,corrupt=0.02",
        )
        for n in (1, 2)
    ]
    for truth in truths:
        run = wait_sealed(daemon, beamline, truth["uid"])
        assert_equals_truth(run, truth)
        assert run["status"] == "success"
        assert run["classes"]["indexed"] == truth["hits"]
        assert run["evidence"]["captured"] == truth["received"]
    daemon.terminate()
    done = run_recorder("report", "--json", config=beamline.config)
    report = json.loads(done.stdout)
    schema = json.loads((ROOT / "config" / "report.schema.json").read_text())
    jsonschema.validate(report, schema)
    runs = report["experiments"][0]["runs"]
    assert [run["sinks"] for run in runs] == [
        {"ispyb": "written", "results": "written"}
    ] * 2
    assert report["experiments"][0]["cumulative"]["runs"] == 2


def test_detector_that_dies_leaves_an_aborted_run_and_the_next_is_clean(
    config_file, mosquitto, recorder_daemon, series
):
    beamline = make_beamline(config_file, mosquitto, runs={"series_timeout_s": 2.0})
    daemon = recorder_daemon(beamline.config)
    simulator = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "recorder",
            "simulate",
            "--pixels",
            "256",
            "--rate",
            "50",
            "--images",
            "2000",
        ],
        env=recorder_environment(beamline.config),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    daemon.wait_for_event("run_changed", what="series_started")
    uid = daemon.wait_for_event("run_started")["uid"]
    daemon.wait_for(
        lambda line: '"run_progress"' in line and '"received": 0' not in line
    )
    simulator.send_signal(signal.SIGKILL)
    simulator.wait()
    run = wait_sealed(daemon, beamline, uid)
    assert run["status"] == "aborted"
    assert "no series end" in run["reason"]
    assert run["ledger"]["closed"]
    assert run["images"]["lost"] == 2000 - run["images"]["received"] > 0
    truth = beamline.simulate(series, number=2)
    assert_equals_truth(wait_sealed(daemon, beamline, truth["uid"]), truth)


def test_garbage_costs_nothing_around_it(
    config_file, mosquitto, recorder_daemon, series
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    body = announcement("good", run=7, images=6, unit_cell=series.unit_cell)
    beamline.publish("collection/start", body)
    daemon.wait_for_event("run_started", uid="good")
    detector = RawDetector(beamline.endpoint)
    stream = Stream1(3, series.info, 6, appendix={"recorder_uid": "good"})
    frames = [stream.image(n, series.frames[0].payload, n * 10**7) for n in range(6)]
    detector.send(stream.start(), frames[0], b"", b"\xa1\x00", [b"{", b"x"], frames[1])
    detector.send([b'{"htype":"dimage-1.0","series":3,"frame":"two"}'], frames[2])
    detector.send([*frames[3][:2], b"cut", frames[3][3]], [b"\xff"] * 9, frames[4])
    beamline.publish("event", b"{ not json")
    beamline.publish("event", {"uid": "x"})
    beamline.publish("collection/start", {"schema": "recorder.collection/7"})
    daemon.wait_for_event("message_refused", kind="unknown_schema")
    detector.send(frames[5], stream.end())
    run = wait_sealed(daemon, beamline, "good")
    detector.close()
    assert run["ledger"]["closed"]
    assert run["images"]["received"] == 6
    assert run["images"]["unprocessed"] == {"corrupt": 1}
    assert {name: n for name, n in run["counts"].items() if "bad" in name} == {
        "bad_messages_json": 4,
        "bad_messages_cbor": 1,
        "bad_messages_bad_id": 1,
        "bad_messages_invalid": 1,
        "bad_messages_unknown_schema": 1,
    }
    kinds = {e["kind"] for e in daemon.log if e.get("event") == "message_refused"}
    assert kinds == {"json", "cbor", "bad_id", "invalid", "unknown_schema"}


def test_header_of_another_size_in_mid_series_starts_a_new_run(
    config_file, recorder_daemon, series
):
    beamline = make_beamline(config_file, None)
    daemon = recorder_daemon(beamline.config)
    other = small_series(10, seed=3)
    detector = RawDetector(beamline.endpoint)
    first = Stream2(1, series.info, 4)
    small = other.info.__class__(shape=(256, 256), dtype="uint16")
    second = Stream2(2, small, 2)
    detector.send(first.start()[0], first.image(0, series.frames[0].payload, 0)[0])
    detector.send(second.start()[0], second.image(0, other.frames[0].payload, 0)[0])
    detector.send(second.end()[0])
    daemon.wait_for_event("run_sealed", run=1)
    daemon.wait_for_event("run_sealed", run=2)
    detector.close()
    one, two = beamline.report().values()
    assert (one["status"], one["images"]["lost"]) == ("aborted", 3)
    assert two["images"]["unprocessed"] == {"corrupt": 1}
    assert all(run["ledger"]["closed"] for run in (one, two))


def announced_series(
    beamline, daemon, uid, payload, info, *, images, mask=None, **announced
):
    """A detector, its stream for a run that is announced, and the run's images."""
    body = announcement(uid, images=images, **announced)
    beamline.publish("collection/start", body)
    daemon.wait_for_event("run_started", uid=uid)
    detector = RawDetector(beamline.endpoint)
    stream = Stream2(3, info, images, appendix={"recorder_uid": uid}, mask=mask)
    return detector, stream, [stream.image(n, payload, 0)[0] for n in range(images)]


def wait_classified(daemon):
    """Until all images that came are done with."""
    daemon.wait_for(lambda line: '"run_progress"' in line and '"pending": 0' in line)


def test_restart_in_mid_run_goes_on_with_the_same_run(
    config_file, mosquitto, recorder_daemon, series
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    detector, stream, frames = announced_series(
        beamline,
        daemon,
        "again",
        series.frames[0].payload,
        series.info,
        images=6,
        unit_cell=series.unit_cell,
    )
    detector.send(stream.start()[0], frames[0], frames[1])
    wait_classified(daemon)
    daemon.kill()
    second = recorder_daemon(beamline.config)
    resumed = second.wait_for_event("run_resumed", uid="again")
    assert resumed["received"] == 2
    detector.send(frames[4], frames[5], stream.end()[0])
    run = wait_sealed(second, beamline, "again")
    detector.close()
    assert run["ledger"]["closed"]
    assert (run["images"]["received"], run["images"]["lost"]) == (4, 2)
    assert run["images"]["lost_ranges"] == [[2, 3]]
    assert len(beamline.report()) == 1


def test_the_mask_of_the_header_outlives_a_restart(
    config_file, mosquitto, recorder_daemon, series
):
    """All spots are masked: the same image has spots if the mask is forgotten."""
    hit = next(f.payload for f in series.frames if f.kind == "hit")
    pixels = decode(hit)
    bright = pixels > np.percentile(pixels, 98)
    mask = np.zeros_like(bright)
    for y, x in itertools.product((-1, 0, 1), repeat=2):
        mask |= np.roll(bright, (y, x), (0, 1))
    assert mask.mean() < 0.5
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    detector, stream, frames = announced_series(
        beamline,
        daemon,
        "masked",
        hit,
        series.info,
        images=4,
        mask=mask,
    )
    detector.send(stream.start()[0], *frames[:2])
    wait_classified(daemon)
    daemon.kill()
    second = recorder_daemon(beamline.config)
    second.wait_for_event("run_resumed", uid="masked")
    detector.send(*frames[2:], stream.end()[0])
    run = wait_sealed(second, beamline, "masked")
    detector.close()
    assert run["classes"]["non_hits"] == run["images"]["received"] == 4


def test_what_comes_after_the_seal_and_a_restart_finds_its_run(
    config_file, mosquitto, recorder_daemon, series
):
    beamline = make_beamline(config_file, mosquitto, runs={"drain_s": 0.2})
    daemon = recorder_daemon(beamline.config)
    detector, stream, frames = announced_series(
        beamline,
        daemon,
        "late",
        series.frames[0].payload,
        series.info,
        images=4,
        unit_cell=series.unit_cell,
    )
    detector.send(stream.start()[0], *frames[:3], stream.end()[0])
    assert wait_sealed(daemon, beamline, "late")["images"]["lost"] == 1
    daemon.kill()
    second = recorder_daemon(beamline.config)
    detector.send(frames[3])
    second.wait_for_event("run_sealed", uid="late", revision=1)
    beamline.publish(
        "collection/end",
        {
            "uid": "late",
            "time_ns": time.time_ns(),
            "status": "failed",
            "reason": "the jet was off",
        },
    )
    second.wait_for_event("run_sealed", uid="late", revision=2)
    (run,) = beamline.report().values()
    detector.close()
    assert run["ledger"] == {"closed": True, "differences": []}
    assert (run["images"]["received"], run["images"]["lost"]) == (4, 0)
    assert (run["status"], run["reason"]) == ("failed", "the jet was off")


def test_status_is_retained_and_says_offline_at_the_end(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")
    body = announcement("shown", images=6)
    beamline.publish("collection/start", body)
    daemon.wait_for_event("run_started", uid="shown")
    status = beamline.status(lambda s: s["state"] != "idle")
    assert status["state"] == "announced"
    assert status["run"]["uid"] == "shown"
    assert status["sinks"] == {"results": "ok", "ispyb": "ok"}
    daemon.terminate()
    assert beamline.status() == {"state": "offline"}
    again = recorder_daemon(beamline.config)
    again.wait_for_event("broker_connected")
    again.kill()
    assert beamline.status(lambda s: s["state"] == "offline")


def test_events_sent_while_the_daemon_was_down_arrive(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto)
    first = recorder_daemon(beamline.config)
    first.wait_for_event("broker_connected")
    first.kill()
    beamline.publish("collection/start", announcement("while-down", images=3))
    second = recorder_daemon(beamline.config)
    assert second.wait_for_event("run_started")["uid"] == "while-down"


def test_broker_may_die_and_come_back(config_file, mosquitto, recorder_daemon, series):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")
    mosquitto.kill()
    daemon.wait_for_event("broker_unreachable")
    mosquitto.start()
    daemon.wait_for(
        lambda line: '"broker_connected"' in line and '"after_failures": 0' not in line
    )
    truth = beamline.simulate(series)
    assert_equals_truth(wait_sealed(daemon, beamline, truth["uid"]), truth)


def test_a_dead_broker_does_not_hold_up_the_end(
    config_file, mosquitto, recorder_daemon
):
    """The farewell to a broker that has just gone must not swallow the stop."""
    daemon = recorder_daemon(make_beamline(config_file, mosquitto).config)
    daemon.wait_for_event("broker_connected")
    mosquitto.kill()
    assert daemon.terminate() == 0


def test_unreachable_broker_is_said_once_and_images_are_recorded(
    config_file, recorder_daemon, series
):
    beamline = make_beamline(config_file, None, mqtt={"enabled": True, "port": 1})
    daemon = recorder_daemon(beamline.config)
    warning = daemon.wait_for_event("broker_unreachable")
    assert "mqtt.host" in warning["hint"]
    detector = RawDetector(beamline.endpoint)
    stream = Stream1(3, series.info, 2)
    frames = [stream.image(n, series.frames[0].payload, 0) for n in range(2)]
    detector.send(stream.start(), *frames, stream.end())
    sealed = daemon.wait_for_event("run_sealed")
    detector.close()
    assert (sealed["received"], sealed["status"]) == (2, "success")
    events = [e["event"] for e in daemon.log]
    assert events.count("broker_unreachable") == 1


def test_tls_and_password(
    config_file, make_mosquitto, certificates, recorder_daemon, run_recorder
):
    broker = make_mosquitto(users={"recorder": "hush-hush"}, certificates=certificates)
    beamline = make_beamline(config_file, broker)
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")
    beamline.publish("collection/start", announcement("secret", images=3))
    daemon.wait_for_event("run_started", uid="secret")
    shown = run_recorder("config", "show", config=beamline.config).stdout
    assert "hush-hush" not in shown + "".join(daemon.lines)
    wrong = broker.section(password="wrong")
    config = config_file(mqtt=wrong)
    done = run_recorder("check", config=config)
    assert done.returncode == 1
    assert "FAIL  broker" in done.stdout


@pytest.mark.allow_error_log("worker_lost")
def test_killed_worker_costs_no_image(config_file, recorder_daemon, series):
    beamline = make_beamline(config_file, None)
    daemon = recorder_daemon(beamline.config)
    worker = str(daemon.wait_for_event("worker_ready")["pid"])
    truth_source = small_series(60, seed=2)
    detector = RawDetector(beamline.endpoint)
    stream = Stream1(3, series.info, 60)
    detector.send(stream.start())
    for n in range(60):
        detector.send(stream.image(n, truth_source.frame(n).payload, 0))
        if n == 30:
            subprocess.run(["kill", "-9", worker], check=True)
    detector.send(stream.end())
    sealed = daemon.wait_for_event("run_sealed")
    detector.close()
    assert sealed["received"] == 60
    assert sealed["unprocessed"] == {}
    assert daemon.wait_for_event("worker_lost")["exit_code"] == -9


async def test_no_receiver_outlives_a_daemon_that_fails(settings, log_events):
    def receivers() -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name.startswith("receiver")]

    daemon = asyncio.create_task(run_daemon(settings()))
    await logged(log_events, "recorder_ready")
    threads = receivers()
    assert threads
    daemon.cancel()  # as a task of the group that fails cancels it
    await asyncio.wait([daemon])
    for thread in threads:
        await asyncio.to_thread(thread.join, TIMEOUT_S)
    assert not receivers()
