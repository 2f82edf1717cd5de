"""The daemon as process 1, as in a container: nobody is above it."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from recorder.errors import ServerMissingError
from recorder.simulate.stream.messages import Stream1
from tests.servers import Process, Recorder, ServerError, program, recorder_environment
from tests.system.beamline import RawDetector, make_beamline, small_series

IDLE_S = float(os.environ.get("PROCESS_ONE_S", "6"))
"""A worker looks every 5 s whether the daemon is still there."""


class ProcessOne(Recorder):
    """``recorder run`` in a process namespace of its own."""

    def __init__(self, config) -> None:
        if os.geteuid() != 0:
            raise ServerMissingError("a process namespace needs root; run as root")
        Process.__init__(
            self,
            *(program("unshare"), "--pid", "--fork", "--kill-child"),
            *(sys.executable, "-m", "recorder", "run"),
            env=recorder_environment(config),
        )


def test_as_process_1_no_idle_worker_ends(config_file):
    beamline = make_beamline(config_file, None)
    daemon = ProcessOne(beamline.config)
    try:
        daemon.wait_for_event("recorder_ready")
        daemon.wait_for_event("worker_ready")
        with pytest.raises(ServerError, match="said nothing"):
            daemon.wait_for_event("worker_lost", timeout_s=IDLE_S)
        series = small_series(12)
        detector, stream = RawDetector(beamline.endpoint), Stream1(3, series.info, 12)
        detector.send(stream.start())
        for n in range(12):
            detector.send(stream.image(n, series.frame(n).payload, 0))
        detector.send(stream.end())
        sealed = daemon.wait_for_event("run_sealed")
        detector.close()
        assert (sealed["received"], sealed["unprocessed"]) == (12, {})
        assert len([e for e in daemon.log if e["event"] == "worker_ready"]) == 1
    finally:
        daemon.kill()


def test_a_signal_to_all_ends_no_worker_before_its_images(config_file, recorder_daemon):
    """systemd sends SIGTERM to each process of a service."""
    beamline = make_beamline(config_file, None)
    daemon = recorder_daemon(beamline.config)
    os.kill(daemon.wait_for_event("worker_ready")["pid"], signal.SIGTERM)
    series = small_series(12)
    detector, stream = RawDetector(beamline.endpoint), Stream1(3, series.info, 12)
    images = [stream.image(n, series.frame(n).payload, 0) for n in range(12)]
    detector.send(stream.start(), *images, stream.end())
    sealed = daemon.wait_for_event("run_sealed")
    detector.close()
    assert (sealed["received"], sealed["unprocessed"]) == (12, {})
    assert daemon.terminate() == 0
    assert "worker_lost" not in [event["event"] for event in daemon.log]
