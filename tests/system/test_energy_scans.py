"""Energy scans and spectra with a real broker and a daemon that is killed."""

from __future__ import annotations

from typing import Any

from tests.builders import announcement
from tests.system.beamline import Beamline, make_beamline, wait_sealed

SCAN = {
    "experiment": {"name": "mad-1", "type": "Energy scan"},
    "energy_scan": {"element": "Se", "edge": "K", "edge_energy": 12658, "points": 12},
}
XRF = {"experiment": {"name": "mad-1", "type": "XRF spectrum"}}
END = {
    "schema": "recorder.collection/1",
    "time": "2026-11-28T19:00:00+01:00",
    "status": "success",
    "flux_end": 1.5e11,
}


def points(uid: str, first: int, count: int = 1) -> dict[str, Any]:
    numbers = range(first, first + count)
    return {
        "schema": "recorder.scan/1",
        "uid": f"{uid}-{first}",
        "collection": uid,
        "first": first,
        "energy": [12650.0 + n for n in numbers],
        "counts": [100.0 * n for n in numbers],
    }


def send(beamline: Beamline, uid: str, *firsts: int) -> None:
    for first in firsts:
        beamline.publish("scan/points", points(uid, first))


def test_a_scan_outlives_kills_between_its_points(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    beamline.publish("collection/start", announcement("scan-1", **SCAN))
    daemon.wait_for_event("run_started", uid="scan-1")  # it is on disk
    send(beamline, "scan-1", 0, 1, 2)
    status = beamline.status(lambda found: (found["run"] or {}).get("points") == 3)
    assert status["run"]["technique"] == "energy-scan"
    assert "received" not in status["run"]
    send(beamline, "scan-1", 3)
    daemon.kill()  # in whatever state point 3 is
    send(beamline, "scan-1", 4, 5, 2)
    second = recorder_daemon(beamline.config)
    resumed = second.wait_for_event("run_resumed", uid="scan-1")
    assert resumed["received"] <= 4
    beamline.status(lambda found: (found["run"] or {}).get("points") == 6)
    second.kill()
    third = recorder_daemon(beamline.config)
    send(beamline, "scan-1", 6, 7, 9, 10, 11)
    result = {"peak": {"energy": 12661.53, "f_prime": -7.1, "f_double_prime": 5.2}}
    end = {**END, "uid": "scan-1", "result": result, "files": {"efs": "/a/b.efs"}}
    beamline.publish("collection/end", end)
    run = wait_sealed(third, beamline, "scan-1")
    assert run["ledger"]["closed"]
    scan = run["energy_scan"]
    assert scan["points"] == {
        **{"expected": 12, "received": 11, "lost": 1},
        "lost_ranges": [[8, 8]],
    }
    assert scan["energy"] == [12650.0 + n for n in range(12) if n != 8]
    assert scan["result"]["peak"] == result["peak"]
    assert scan["result"]["remote"] is None
    assert (scan["flux_end"], scan["files"]["efs"]) == (1.5e11, "/a/b.efs")
    assert run["images"]["received"] == run["images"]["lost"] == 0


def test_readings_that_come_before_their_run_wait_over_a_restart(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    spectrum = {"uid": "s", "collection": "xrf-1", "counts": [1, 5, None, 2]}
    beamline.publish("spectrum", spectrum)
    daemon.wait_for_event("readings_unclaimed", uid="xrf-1")
    beamline.publish("spectrum", {**spectrum, "counts": []})
    beamline.status(lambda found: found["bad_messages"] == 1)
    daemon.kill()
    second = recorder_daemon(beamline.config)
    beamline.publish("collection/start", announcement("xrf-1", **XRF))
    beamline.publish("collection/end", {**END, "uid": "xrf-1"})
    run = wait_sealed(second, beamline, "xrf-1")
    assert run["ledger"]["closed"]
    assert run["spectrum"]["counts"] == [1, 5, None, 2]
    assert any("channels have no counts" in note for note in run["notes"])
