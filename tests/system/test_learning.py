"""A run that learns: the same classes whatever the workers and the way in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import h5py
import numpy as np
import pytest

from recorder.config import load_settings
from recorder.journal import Journal
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.simulate.stream.series import Series, synthetic_series
from tests.system.beamline import RawDetector, make_beamline, wait_sealed

IMAGES = 160
"""Lessons are due at 64 and 128, and the last one at the end."""
PIXELS = 640
# Header and announcement are wrong: what the hits teach must put that right.
WRONG = StillSettings(
    geometry=default_geometry(PIXELS),
    hit_share=0.35,
    geometry_error=(3.0, -2.0, 0.008),
    cell_error=0.006,
    azimuthal=(0.1, 0.2),
)


@pytest.fixture(scope="module")
def series() -> Series:
    return synthetic_series(IMAGES, 11, pool=70, settings=WRONG)


@pytest.fixture(scope="module")
def master(series, tmp_path_factory) -> Path:
    """The series as a file, chunk by chunk as the detector sends it."""
    path = tmp_path_factory.mktemp("file") / "series.h5"
    info = series.info
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        data = file.create_dataset(
            "/entry/data/data",
            (IMAGES, *info.shape),
            "uint16",
            chunks=(1, *info.shape),
            **_filter(),
        )
        for n in range(IMAGES):
            data.id.write_direct_chunk((n, 0, 0), bytes(series.frame(n).payload.data))
        detector = file.create_group("/entry/instrument/detector")
        detector["beam_center_x"], detector["beam_center_y"] = info.beam_center
        detector["detector_distance"] = info.distance
        detector["x_pixel_size"], detector["y_pixel_size"] = info.pixel_size
        detector["detectorSpecific/pixel_mask"] = series.mask.astype(np.uint32)
        detector["saturation_value"] = info.saturation
        file["/entry/instrument/beam/incident_wavelength"] = info.wavelength
    return path


def _filter() -> dict[str, Any]:
    import hdf5plugin

    return dict(hdf5plugin.Bitshuffle(cname="lz4"))


def unannounced(series: Series) -> dict[str, Any]:
    return {"unit_cell": list(series.unit_cell), "space_group": series.space_group}


def rows(config: Path) -> list[tuple[Any, ...]]:
    """All that was found out about each image, times left out."""
    journal = Journal(load_settings(config).journal_path, read_only=True)
    try:
        (uid,) = journal.run_uids()
        return [
            (
                image.image_id,
                image.outcome,
                image.found.spots,
                image.found.learned,
                image.result,
            )
            for image in journal.image_rows(uid)
        ]
    finally:
        journal.close()


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """What the first way in gave; the others must give the same."""
    return {}


def agree(known: dict[str, Any], found: list[tuple[Any, ...]]) -> None:
    assert len(found) == IMAGES
    first = known.setdefault("rows", found)
    assert [row[:4] for row in found] == [row[:4] for row in first]
    assert found == first


@pytest.mark.parametrize("workers", [0, 4])  # the streams have one
def test_replay_with_any_number_of_workers(
    workers, known, master, series, run_recorder, config_file
):
    config = config_file(
        pool={"workers": workers},
        mqtt={"enabled": False},
        unannounced=unannounced(series),
    )
    done = run_recorder("replay", str(master), "--json", config=config)
    assert done.returncode == 0, done.stderr
    found = rows(config)
    agree(known, found)
    # the first ones were looked at again, with a state of their own
    assert [row[3] for row in found[:64]] == [3] * 64
    assert {row[3] for row in found[64:]} == {1, 2}
    classes = [row[1] for row in found]
    assert classes.count("indexed") > 0.95 * (len(classes) - classes.count("non_hit"))
    run = json.loads(done.stdout)["experiments"][0]["runs"][0]
    check_calibration(run)


@pytest.mark.parametrize("protocol", ["stream1", "stream2"])
def test_streams_give_the_classes_of_the_file(
    protocol, known, series, config_file, recorder_daemon
):
    beamline = make_beamline(config_file, None, unannounced=unannounced(series))
    daemon = recorder_daemon(beamline.config)
    beamline.simulate(series, protocol=protocol, laser_every=0)
    daemon.wait_for_event("run_sealed")
    daemon.wait_for_event("run_calibrated")
    agree(known, rows(beamline.config))


def check_calibration(run: dict[str, Any]) -> None:
    """The report tells what was learned, and it is the truth."""
    true = WRONG.geometry
    last = run["classification"]["calibrations"][-1]
    assert last["beam_center"] == pytest.approx(true.beam_center, abs=0.5)
    assert last["from_image"] in (0, 64, 128)
    assert last["images"] >= 4
    ratio = last["distance"] / true.distance / (last["unit_cell"][0] / 79.1)
    assert ratio == pytest.approx(1.0, abs=0.003)
    classes = run["classes"]
    assert run["unit_cell"]["histograms"][0]["parameter"] == "a"
    assert sum(run["unit_cell"]["histograms"][0]["counts"]) == classes["lattices"]
    assert sum(run["resolution"]["counts"]) > 0


def test_a_cell_that_nobody_gave_is_found(config_file, mosquitto, recorder_daemon):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    plain = StillSettings(geometry=default_geometry(PIXELS), hit_share=0.6)
    shown = synthetic_series(260, 3, pool=60, settings=plain)
    nameless = Series(shown.frames, shown.order, shown.info, shown.mask, None, None)
    truth = beamline.simulate(nameless, laser_every=0)
    run = wait_sealed(daemon, beamline, truth["uid"])
    last = run["classification"]["calibrations"][-1]
    assert last["cell_found"]
    assert (last["lattice"], last["misfit"] < 0.005) == ("tP", True)
    assert any(note.startswith("no unit cell was given: the") for note in run["notes"])
    assert run["classification"]["drift"]
    assert np.sort(last["unit_cell"][:3]) == pytest.approx([38.2, 79.1, 79.1], rel=0.01)
    assert len(run["classification"]["calibrations"]) <= 3
    hits = run["classes"]["indexed"] + run["classes"]["non_indexed_hits"]
    assert run["classes"]["indexed"] > 0.95 * hits > 100
    assert run["counts"]["class_changed"] > 0
    assert any("no unit cell" in note for note in run["notes"])


def test_learning_can_be_switched_off(series, master, run_recorder, config_file):
    config = config_file(
        pool={"workers": 1},
        mqtt={"enabled": False},
        classify={"calibrate": False},
        unannounced=unannounced(series),
    )
    done = run_recorder("replay", str(master), "--json", config=config)
    run = json.loads(done.stdout)["experiments"][0]["runs"][0]
    assert run["classification"]["calibrations"] == []
    assert {row[3] for row in rows(config)} == {1, 2, 3}


def test_a_short_run_learns_from_its_own_hits(
    series, master, run_recorder, config_file
):
    """No lesson is due before image 64: the last one is all that it has."""
    config = config_file(
        pool={"workers": 1},
        mqtt={"enabled": False},
        unannounced=unannounced(series),
    )
    done = run_recorder("replay", str(master), "--limit", "40", "--json", config=config)
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["experiments"][0]["runs"][0]
    check_calibration(run)
    found = rows(config)
    assert {row[3] for row in found} == {1}
    before = [row[4].before for row in found]
    assert [row[1] for row in found].count("indexed") > before.count("indexed")
    hits = run["classes"]["indexed"] + run["classes"]["non_indexed_hits"]
    assert run["classes"]["indexed"] > 0.95 * hits > 10
    assert run["counts"]["classified_again"] == 40


def test_results_of_the_stream_are_taken_and_said(config_file, recorder_daemon):
    """Jungfraujoch's metadata feed: classes without pixels."""
    beamline = make_beamline(config_file, None, classify={"upstream": "use"})
    daemon = recorder_daemon(beamline.config)
    series = {"series_id": 5, "series_unique_id": "jfj"}
    cell = {"a": 79.0, "b": 79.0, "c": 38.0, "alpha": 90, "beta": 90, "gamma": 90}
    entries = [
        {
            "image_id": 0,
            "indexing_result": True,
            "indexing_unit_cell": cell,
            "spot_count": 60,
        },
        {"image_id": 1, "indexing_result": False, "spot_count": 20},
        {"image_id": 2, "indexing_result": False, "spot_count": 2},
        {"image_id": 3},
    ]
    detector = RawDetector(beamline.endpoint)
    start = {
        "type": "start",
        **series,
        "number_of_images": 4,
        "image_size_x": 8,
        "image_size_y": 8,
    }
    messages = (
        start,
        {"type": "metadata", **series, "images": entries},
        {"type": "end", **series},
    )
    detector.send(*([cbor2.dumps(message)] for message in messages))
    daemon.wait_for_event("run_sealed")
    detector.close()
    (run,) = beamline.report().values()
    assert run["classes"] == {
        "indexed": 1,
        "non_indexed_hits": 1,
        "non_hits": 1,
        "lattices": 1,
    }
    assert run["classification"]["by"] == {"recorder": 0, "upstream": 3}
    assert run["images"]["unprocessed"] == {"unsupported": 1}
    assert run["unit_cell"]["median"][:3] == [79.0, 79.0, 38.0]
    assert run["ledger"]["closed"]
