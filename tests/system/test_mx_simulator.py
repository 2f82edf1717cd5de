"""Simulated runs that are not serial, recorded: the report equals the truth."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ispyb import NO_ISPYB
from tests.system.beamline import Beamline, make_beamline, wait_sealed


@pytest.fixture
def beamline(config_file, mosquitto) -> Beamline:
    return make_beamline(
        config_file, mosquitto, classify={"index": False}, ispyb=NO_ISPYB
    )


@pytest.fixture
def daemon(beamline, recorder_daemon) -> Any:
    found = recorder_daemon(beamline.config)
    found.wait_for_event("recorder_ready")
    return found


def assert_counts(report: dict[str, Any], truth: dict[str, Any]) -> None:
    """Images of one collection, as the simulator knows them."""
    images, classes = report["images"], report["classes"]
    assert report["ledger"] == {"closed": True, "differences": []}
    assert {
        "expected": images["expected"],
        "received": images["received"],
        "lost": images["lost"],
        "corrupt": images["unprocessed"].get("corrupt", 0),
        "hits": classes["indexed"] + classes["non_indexed_hits"],
        "non_hits": classes["non_hits"],
    } == {
        name: truth[name]
        for name in ("expected", "received", "lost", "corrupt", "hits", "non_hits")
    }


@pytest.mark.parametrize("protocol", ["stream1", "stream2"])
def test_images_of_a_rotation_equal_the_truth(beamline, daemon, tmp_path, protocol):
    truth_file = tmp_path / "truth.jsonl"
    truth = beamline.simulate_mx(
        *("mx-rotation", "start=184.32,range=0.05,images=60"),
        faults="lost=0.05,corrupt=0.1,reorder=0.1",
        protocol=protocol,
        truth=truth_file,
    )
    report = wait_sealed(daemon, beamline, truth["uid"])
    assert truth["lost"] > 0 < truth["corrupt"]
    assert_counts(report, truth)
    assert report["technique"] == "mx-rotation"
    last = json.loads(truth_file.read_text().splitlines()[-1])
    assert last["angle_end"] == pytest.approx(187.32)


def test_a_rotation_that_is_aborted_is_recorded_as_far_as_it_went(beamline, daemon):
    truth = beamline.simulate_mx("mx-rotation", "images=80", faults="abort=25")
    report = wait_sealed(daemon, beamline, truth["uid"])
    assert (report["status"], report["images"]["received"]) == ("aborted", 25)
    assert_counts(report, truth)
