"""A daemon with nodes: a whole experiment, row by row as without them."""

from __future__ import annotations

import socket
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from recorder.journal import Journal
from tests.nodes import NodeProcess
from tests.servers import Recorder, free_port
from tests.system.beamline import (
    Beamline,
    assert_equals_truth,
    make_beamline,
    small_series,
    wait_sealed,
)

pytestmark = [pytest.mark.slow]
IMAGES = 240
RATE_HZ = 100.0


def rows(beamline: Beamline, uid: str) -> dict[int, Any]:
    """What was found in each image, and with which learned state."""
    journal = Journal(beamline.settings.journal_path, read_only=True)
    try:
        return {
            row.image_id: replace(row, received_ns=0) for row in journal.image_rows(uid)
        }
    finally:
        journal.close()


@pytest.fixture(scope="module")
def series():
    return small_series(IMAGES)


@pytest.mark.allow_error_log("node_lost")
def test_every_row_is_that_of_a_run_without_nodes(
    config_file, mosquitto, recorder_daemon, run_recorder, series, tmp_path
):
    """Although a node is killed in the middle; and people are told of the nodes."""
    address = f"tcp://127.0.0.1:{free_port()}"
    beamline = make_beamline(config_file, mosquitto, cluster={"listen": address})
    daemon: Recorder = recorder_daemon(beamline.config)
    nodes = [
        NodeProcess(address, tmp_path / f"{name}.log", "--workers", "1", "--name", name)
        for name in ("b", "c")
    ]
    try:
        ready = {"b", "c"}
        beamline.status(
            lambda s: ready == {n["name"] for n in s["nodes"] if n["ready"]}
        )
        code, told, _ = _run(run_recorder, "status", beamline)
        assert code == 0, told
        assert "node       b: ok, 1 of 1 workers" in told
        _, told, _ = _run(run_recorder, "check", beamline)
        assert f"the daemon listens at {address}" in told
        assert "2 of 2 well" in told
        first = beamline.simulate(series, number=1, seed=7, rate_hz=RATE_HZ)
        run = wait_sealed(daemon, beamline, first["uid"])
        assert_equals_truth(run, first)
        done = {n["name"]: n["finished"] for n in beamline.status()["nodes"]}
        assert min(done.values()) > 0
        kill = threading.Timer(IMAGES / RATE_HZ / 2, nodes[0].process.kill)
        kill.start()
        second = beamline.simulate(series, number=2, seed=7, rate_hz=RATE_HZ)
        wait_sealed(daemon, beamline, second["uid"])
        beamline.status(lambda s: any(n["state"] == "away" for n in s["nodes"]))
        code, told, _ = _run(run_recorder, "status", beamline)
        assert code == 1
        assert "PROBLEM    node b: its connection ended" in told
    finally:
        for node in nodes:
            node.end()
    third = beamline.simulate(series, number=3, seed=7, rate_hz=RATE_HZ)
    wait_sealed(daemon, beamline, third["uid"])
    found = [rows(beamline, run["uid"]) for run in (first, second, third)]
    assert len(found[0]) == IMAGES
    for others in found[:2]:
        assert _different(others, found[2]) == []


def _different(found: dict[int, Any], wanted: dict[int, Any]) -> list[Any]:
    return [
        (n, found.get(n), wanted.get(n))
        for n in sorted(found.keys() | wanted.keys())
        if _told(found.get(n)) != _told(wanted.get(n))
    ]


def _told(row: Any) -> Any:
    return None if row is None else (row.outcome, repr(row.result))


def _run(run_recorder: Any, command: str, beamline: Beamline) -> tuple[int, str, str]:
    done = run_recorder(command, config=beamline.config)
    return done.returncode, done.stdout, done.stderr


def test_an_address_that_is_taken_is_said_at_the_start(config_file, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        config = config_file(cluster={"listen": address}, pool={"workers": 1})
        daemon = Recorder(sys.executable, ("run",), config)
        assert daemon.wait() == 2
    assert "cannot listen at" in daemon.lines[-1]
    assert "a port that is free" in daemon.lines[-1]


def test_the_files_that_a_host_needs_are_named(run_recorder):
    done = run_recorder("config", "files")
    for ending in ("@.service", ".sbatch", ".yaml"):
        assert f"recorder-node{ending}" in done.stdout
