"""Simulated runs that are not serial, recorded: the report equals the truth."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recorder.service.demo_site import sealed
from recorder.service.mx_demo_check import collections_of, folder_of
from recorder.simulate.mx.mx_run import MxRun, parse_plan
from recorder.simulate.timing.faults import parse_faults
from tests.ispyb import NO_ISPYB
from tests.mx_series import tiny_series
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


KNOWN = {
    "a sweep": ("mx-rotation", "start=10,range=-0.1,images=20", "lost=0.1"),
    "three sweeps": ("mx-rotation", "start=5,images=8,sweeps=3,offsets", "lost=0.1"),
    "one of three": ("mx-rotation", "images=8,sweeps=3,told=one,turn=45", ""),
    "header is wrong": ("mx-rotation", "start=7,images=10,header=wrong", ""),
    "header alone": ("mx-rotation", "start=9,images=10,told=nothing,header=values", ""),
    "captured": ("mx-rotation", "start=3,images=10,off=1.5,captured", ""),
    "wedges": ("mx-characterisation", "start=184.32,images=10", "lost=0.1"),
    "two planes": ("mx-grid", "columns=5,rows=4,planes=2,snaked", "lost=0.1"),
    "vertical": ("mx-grid", "columns=5,rows=4,snaked,fast=y,trigger=plane", ""),
}
"""Runs of which each image's angle and cell can be known, though images are lost."""
MISSED = {
    "first wedge": ("mx-characterisation", "images=3", "missed_trigger=0"),
    "a wedge": ("mx-characterisation", "images=3", "missed_trigger=2"),
    "a wedge of one": ("mx-characterisation", "told=pitch", "missed_trigger=1"),
    "a sweep of three": ("mx-rotation", "images=8,sweeps=3", "missed_trigger=1"),
    "an image": ("mx-rotation", "images=20,trigger=image", "missed_trigger=5"),
    "first line": ("mx-grid", "columns=5,rows=4,snaked", "missed_trigger=0"),
    "a line": ("mx-grid", "columns=5,rows=4,snaked", "missed_trigger=2"),
    "of two planes": ("mx-grid", "columns=5,rows=4,planes=2", "missed_trigger=2"),
    "a cell": ("mx-grid", "columns=5,rows=4,trigger=image", "missed_trigger=7"),
}
"""Runs in which a trigger is missed: then an angle or a cell may be unknown, and where
sweeps or planes are runs of their own, the run may say of which images it is."""


def test_no_image_is_given_an_angle_or_a_cell_that_it_is_not_from(
    beamline, daemon, tmp_path
):
    runs = {}
    for name, (technique, spec, faults) in (KNOWN | MISSED).items():
        plan = parse_plan(technique, spec)
        for protocol in ("stream1", "stream2"):
            runs[f"{name}, {protocol}"] = MxRun(
                *(1, technique, plan, tiny_series(plan)),
                rate_hz=400.0,
                protocol=protocol,
                faults=parse_faults(faults),
                speed=20.0,
                truth=tmp_path / f"{name}, {protocol}.jsonl",
            )
    counted = beamline.simulate_mx_runs(*runs.values())
    told = [
        (name, counts, tmp_path / f"{name}.jsonl")
        for name, counts in zip(runs, counted, strict=True)
    ]
    uids = [uid for counts in counted for uid in collections_of(counts)]
    asyncio.run(sealed(beamline.config, uids))
    wrong, unknown, reports = {}, {}, beamline.report()
    for name, counts, truth in told:
        false, none = judged(beamline.settings.results, counts, truth)
        said = [reports[uid]["counts"] for uid in collections_of(counts)]
        doubted = sum(counted.get("images_of_unknown_wedge", 0) for counted in said)
        if false > doubted:
            wrong[name] = false, doubted
        if none and name.split(", ")[0] in KNOWN:
            unknown[name] = none
    assert (wrong, unknown) == ({}, {})


@pytest.mark.parametrize("protocol", ["stream1", "stream2"])
@pytest.mark.parametrize("captured", ["", ",captured"])
def test_a_missed_line_makes_no_crystal_where_none_is(
    beamline, daemon, tmp_path, protocol, captured
):
    """Lines of the second plane fill up the numbers of the first."""
    truth_file = tmp_path / "truth.jsonl"
    counts = beamline.simulate_mx(
        *("mx-grid", f"snaked,planes=2{captured}"),
        faults="missed_trigger=3",
        protocol=protocol,
        truth=truth_file,
    )
    uids = collections_of(counts)
    asyncio.run(sealed(beamline.config, uids))
    reports = beamline.report()
    false, _ = judged(beamline.settings.results, counts, truth_file)
    said = [reports[uid]["counts"] for uid in uids]
    assert false <= sum(one.get("images_of_unknown_wedge", 0) for one in said)
    made = [json.loads(line) for line in truth_file.read_text().splitlines()]
    for uid in uids:
        report = reports[uid]
        assert report["ledger"] == {"closed": True, "differences": []}
        grid = report["mx"]["grid"]
        for crystal in grid["crystals"]:
            x, y = crystal["centre"]
            near = [
                entry
                for entry in made
                if entry["kind"] in ("hit", "multi")
                and (abs(entry["column"] - x) <= 1 and abs(entry["row"] - y) <= 1)
            ]
            assert near, (uid, crystal)
        notes = [*report["notes"], *report["mx"]["notes"]]
        assert not any("where they belong" in note for note in notes)
    first = reports[uids[0]]["mx"]["grid"]
    assert (first["placed_by"], first["received"]) == ("times", 84)
    missed = sum(reports[uid]["images"]["missed_triggers"] for uid in uids)
    assert missed == (12 if captured else 0)


@pytest.mark.parametrize(
    ("spec", "parts"), [("sweeps=2", 2), ("trigger=image", 1), ("", 1)]
)
def test_a_captured_axis_that_is_off_contradicts_its_plan(
    beamline, daemon, spec, parts
):
    """All images were made: their angles are the captured ones, none was missed."""
    counts = beamline.simulate_mx("mx-rotation", f"images=20,captured,off=0.5,{spec}")
    uids = collections_of(counts)
    assert len(uids) == parts
    asyncio.run(sealed(beamline.config, uids))
    for uid in uids:
        report = beamline.report()[uid]
        axis = report["mx"]["axis"]
        assert axis["by_grade"]["captured"] == 20
        assert any("0.5" in text for text in axis["contradictions"]), axis
        assert [sweep["received"] for sweep in axis["sweeps"]] == [20]
        assert not any("made no image" in note for note in report["mx"]["notes"])


def judged(results: Path, counts: dict[str, Any], truth: Path) -> tuple[int, int]:
    """Images whose angle or cell is false, and those whose is unknown."""
    columns = [columns_of(results, uid) for uid in collections_of(counts)]
    false, unknown = 0, 0
    for entry in map(json.loads, truth.read_text().splitlines()):
        if not entry["delivered"]:
            continue
        found = [
            {name: column[place] for name, column in one.items()}
            for one in columns
            for place in np.flatnonzero(one["series_image_id"] == entry["image_id"])
        ]
        assert len(found) == 1, entry
        angle = found[0]["angle_start"]
        none, wrong = np.isnan(angle), abs(angle - entry["angle_start"]) > 1e-6
        if "row" in entry:
            cell = int(found[0]["grid_row"]), int(found[0]["grid_column"])
            none = none or cell == (-1, -1)
            wrong |= cell not in ((-1, -1), (entry["row"], entry["column"]))
        false, unknown = false + bool(wrong), unknown + bool(none)
    return false, unknown


def columns_of(results: Path, uid: str) -> dict[str, Any]:
    """Columns of the images of a run's file."""
    folder = folder_of(results, uid)
    assert folder is not None
    with h5py.File(folder / "results.h5") as file:
        images = file["entry/images"]
        return {name: images[name][()] for name in images}
