"""A rotation replayed: header 0, the file says 3600 x 0.1 degrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.builders import announcement
from tests.hdf5_files import describe, nexus, units

IMAGES = 3600
SIDE = 24
SETTINGS = {"classify": {"index": False}, "ispyb": {"enabled": False}}
OMEGA = 12.0 + np.arange(IMAGES) * 0.1


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """A master of a sweep, as a beamline writes it beside a header of zeros."""
    path = tmp_path_factory.mktemp("sweep") / "sweep_master.h5"
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        groups = nexus(file)
        describe(groups)
        groups["specific"]["nimages"][...] = IMAGES
        for name in ("omega_start", "omega_increment"):
            groups["specific"][name] = 0.0
        del groups["detector"]["pixel_mask"]
        pixels = rng.poisson(3, (IMAGES, SIDE, SIDE)).astype("uint16")
        groups["data"].create_dataset("data", data=pixels, chunks=(1, SIDE, SIDE))
        axes = file.create_group("entry/sample/transformations")
        file["entry/sample"].attrs["NX_class"] = "NXsample"
        axes.attrs["NX_class"] = "NXtransformations"
        for name, value in (("omega", OMEGA), ("omega_end", OMEGA + 0.1)):
            axes[name] = value
            units(axes[name], "deg")
    return path


def replayed(run_recorder, config, sweep: Path, tmp_path: Path, **scan: Any) -> Any:
    """Its report, announced as this one sweep, and the columns of its images."""
    body = announcement(
        "sweep",
        technique="mx-rotation",
        experiment={"name": "fvkhb", "type": "OSC"},
        scan={"sweeps": [{"images": IMAGES, "range": 0.1, **scan}]},
    )
    message = tmp_path / "collection.json"
    message.write_text(json.dumps(body))
    done = run_recorder(
        *("replay", sweep, "--json", "--collection", message), config=config
    )
    assert done.returncode == 0, done.stderr
    (experiment,) = json.loads(done.stdout)["experiments"]
    (path,) = (tmp_path / "state" / "results").glob("**/results.h5")
    with h5py.File(path) as file:
        images = file["entry/images"]
        columns = {name: images[name][()] for name in images}
        assert images["angle_start"].attrs["units"] == "deg"
    return experiment["runs"][0], columns


def test_each_image_has_the_angle_of_its_file(
    run_recorder, config_file, sweep, tmp_path
):
    config = config_file(**SETTINGS)
    run, columns = replayed(run_recorder, config, sweep, tmp_path, start=12.0)
    assert run["ledger"]["closed"]
    assert run["images"]["received"] == run["images"]["expected"] == IMAGES
    assert columns["angle_start"].tobytes() == OMEGA.tobytes()
    assert columns["angle_end"].tobytes() == (OMEGA + 0.1).tobytes()
    assert set(columns["angle_grade"].tolist()) == {b"file"}
    assert columns["series_image_id"].tolist() == list(range(IMAGES))
    done = run_recorder("why", "1", "1800", "--json", config=config)
    angle = json.loads(done.stdout)["angle"]
    assert angle == {
        "axis": "omega",
        "start": OMEGA[1800],
        "end": OMEGA[1800] + 0.1,
        "grade": "file",
        "because": "the file has omega for each image",
    }
    told = run_recorder("why", "1", "1800", config=config).stdout
    assert "the file has omega for each image" in told


def test_an_announcement_that_contradicts_the_file_does_not_count(
    run_recorder, config_file, sweep, tmp_path
):
    config = config_file(**SETTINGS)
    _, columns = replayed(run_recorder, config, sweep, tmp_path, start=90.0)
    assert columns["angle_start"].tobytes() == OMEGA.tobytes()
