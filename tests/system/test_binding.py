"""Two detectors, one broker, clocks that are off and a recorder that is killed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from recorder.simulate.stream.messages import Stream1
from tests.builders import announcement
from tests.servers import free_port
from tests.system.beamline import (
    QUICK_RUNS,
    Beamline,
    RawDetector,
    small_series,
    wait_sealed,
)


def test_each_detector_has_its_run_whatever_the_clocks_and_whoever_is_killed(
    config_file, mosquitto, recorder_daemon
):
    ports = {name: free_port() for name in ("left", "right")}
    config = config_file(
        detector=[
            {"name": name, "endpoint": f"tcp://127.0.0.1:{port}"}
            for name, port in ports.items()
        ],
        runs=QUICK_RUNS,
        pool={"workers": 1},
        mqtt=mosquitto.section(),
    )
    beamline = Beamline(config, "", mosquitto)
    series = small_series(3)
    daemon = recorder_daemon(config)
    for name in ("right", "left"):
        now = datetime.now(UTC).isoformat()
        body = announcement(f"run-{name}", images=3, detector=name, time=now)
        beamline.publish("collection/start", body)
        daemon.wait_for_event("run_started", uid=f"run-{name}")
    daemon.kill()
    daemon = recorder_daemon(config)
    streams = {}
    for name, wrong in (("left", -3600), ("right", 3600)):
        stream = Stream1(7, series.info, 3)
        stream._date += timedelta(seconds=wrong)
        streams[name] = (RawDetector(f"tcp://127.0.0.1:{ports[name]}"), stream)
    pixels = series.frames[0].payload
    for n in range(3):  # the header overtaken by the first image
        for detector, stream in streams.values():
            detector.send(stream.image(n, pixels, n * 10**7))
            if n == 0:
                detector.send(stream.start())
    for detector, stream in streams.values():
        detector.send(stream.end())
    for name in streams:
        run = wait_sealed(daemon, beamline, f"run-{name}")
        assert (run["status"], run["images"]["received"]) == ("success", 3)
        told = re.compile(rf"the clock of {name} is (\d+) s ")
        (said,) = [found for text in run["notes"] if (found := told.match(text))]
        assert int(said[1]) == pytest.approx(3600, abs=600)  # what was slow meanwhile
    clocks = [e["clock"] for e in daemon.log if e.get("event") == "clock_offset"]
    assert sorted(clocks) == ["left", "right"]  # each once
    assert len(beamline.report()) == 2
    for detector, _ in streams.values():
        detector.close()
