"""Detectors of several panels, from CrystFEL geometry files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from recorder.errors import UsageError
from recorder.records import Geometry, Panel
from recorder.sources.crystfel_geometry import read_geometry
from recorder.ssx.detector import panels
from recorder.ssx.detector.geometry import positions, scattering_vectors
from tests.thermolysin import CELL, SPACE_GROUP, sources, write_thermolysin

PLAIN = """photon_energy = 12398.419843
clen = 0.1
adu_per_eV = 0.001
res = 10000
p0/min_fs = 0
p0/max_fs = 49
p0/min_ss = 0
p0/max_ss = 39
p0/corner_x = -25.5
p0/corner_y = -19.25
p0/fs = +1.0x +0.0y
p0/ss = +0.0x +1.0y
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "detector.geom"
    path.write_text(text)
    return path


def test_one_flat_panel_is_a_flat_detector(tmp_path):
    file = read_geometry(written(tmp_path, PLAIN))
    assert (file.shape, file.distance) == ((40, 50), 0.1)
    assert file.wavelength == pytest.approx(1.0)
    flat = Geometry((40, 50), (1e-4, 1e-4), 0.1, (25.5, 19.25), 1.0)
    several = replace(flat, beam_center=(0.0, 0.0), panels=file.panels)
    x, y = np.random.default_rng(1).uniform(0, 39.9, (2, 200))
    assert scattering_vectors(several, x, y) == pytest.approx(
        scattering_vectors(flat, x, y), abs=1e-12
    )
    moved = replace(several, beam_center=(2.0, -1.0))
    other = replace(flat, beam_center=(27.5, 18.25))
    assert scattering_vectors(moved, x, y) == pytest.approx(
        scattering_vectors(other, x, y), abs=1e-12
    )


def test_units_defaults_axes_and_offsets(tmp_path):
    text = (
        "clen=100 mm ; per cent\nwavelength = 1.5 A\nres = 5000\nfs = y\nss = -x\n"
        "a/min_fs=0\na/max_fs=9\na/min_ss=0\na/max_ss=4\n"
        "a/corner_x=0\na/corner_y=0\n"
        "b/min_fs=0\nb/max_fs=9\nb/min_ss=5\nb/max_ss=9\nb/coffset = 0.002\n"
        "b/corner_x=1\nb/corner_y=0\nb/no_index = 1\nrigid_group_q = a,nobody\n"
        "b/fs = - .5 y + 1e-1z\n"
    )
    file = read_geometry(written(tmp_path, text))
    first, second = file.panels
    assert (file.distance, file.wavelength) == (pytest.approx(0.1), 1.5)
    assert first.fast == pytest.approx((0, 2e-4, 0))
    assert first.slow == pytest.approx((-2e-4, 0, 0))
    assert second.fast == pytest.approx((0, -1e-4, 2e-5))
    assert second.corner == pytest.approx((2e-4, 0, 0.002))
    assert file.bad[5:].all()
    assert not file.bad[:5].any()


def test_distance_and_energy_may_stand_elsewhere(tmp_path):
    text = PLAIN.replace("clen = 0.1", "clen = /LCLS/z\ncoffset = 0.5")
    text = text.replace("12398.419843", "/LCLS/energy")
    file = read_geometry(written(tmp_path, text))
    assert (file.distance, file.wavelength) == (None, None)
    assert file.panels[0].corner[2] == 0.5


def test_turned_and_raised_panels():
    turned = Panel(
        "b", (4, 0), (3, 5), (0.01, 0.02, 0.003), (0, 1e-4, 0), (-1e-4, 0, 0)
    )
    geometry = Geometry((5, 8), (1e-4, 1e-4), 0.1, (0.0, 0.0), 1.0, (turned,))
    at = positions(geometry, np.array([4.0, 5.5, 1.0]), np.array([0.0, 2.0, 1.0]))
    assert at[0] == pytest.approx([0.01, 0.02, 0.103])
    assert at[1] == pytest.approx([0.01 - 2e-4, 0.02 + 1.5e-4, 0.103])
    assert np.isnan(at[2]).all()
    off = panels.outside((turned,), (5, 8))
    assert np.argwhere(~off).tolist() == [[1, 5], [2, 5], [3, 5]]


def test_bad_regions(tmp_path):
    text = PLAIN + (
        "bad_a/min_fs = 3\nbad_a/max_fs = 5\nbad_a/min_ss = 2\nbad_a/max_ss = 9\n"
        "bad_a/panel = p0\nbad_b/min_x = -25\nbad_b/max_x = -20\n"
        "bad_b/min_y = 0\nbad_b/max_y = 100\n"
    )
    bad = read_geometry(written(tmp_path, text)).bad
    assert bad[2:10, 3:6].all()
    assert bad[30, :5].any()
    assert not bad[0, 20:].any()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no panel"),
        ("nonsense", "no panel"),
        (PLAIN.replace("res = 10000\n", ""), "p0: res is missing"),
        (PLAIN.replace("res = 10000", "res = 0"), "p0: res is 0"),
        (PLAIN.replace("p0/max_fs = 49", "p0/max_fs = -3"), "make no panel"),
        (PLAIN.replace("p0/max_ss = 39", "p0/max_ss = 2e9"), "make no panel"),
        (PLAIN.replace("+1.0x +0.0y", "1.0x + 0.5q"), "p0: fs is '1.0x"),
        (PLAIN.replace("+1.0x +0.0y", "+1.0y"), "span no plane"),
        (PLAIN.replace("= -25.5", "= nan"), "corner_x is 'nan'"),
        (PLAIN.replace("clen = 0.1", "clen = -0.1"), "make -0.1 m"),
        (PLAIN.replace("clen = 0.1", "clen = 1 furlong"), "clen is '1 furlong'"),
        (PLAIN.replace("12398.419843", "0"), "out of range"),
        (PLAIN + PLAIN.replace("p0/", "p1/"), "p1 shares pixels"),
        (PLAIN + "bad_a/min_fs = 3\n", "bad_a/max_fs is missing"),
        (PLAIN + "bad_a/panel = p9\nbad_a/min_x = 3\n", "no such panel"),
        (PLAIN + "p0/dim0 = 3\n", "further dimensions"),
    ],
)
def test_mistakes_are_named(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        read_geometry(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.geom"):
        read_geometry(tmp_path / "nowhere.geom")


@pytest.mark.recording("thermolysin")
def test_panels_of_the_real_detector_are_where_they_were_refined(tmp_path):
    _, path = write_thermolysin(tmp_path)
    file = read_geometry(path)
    assert len(file.panels) == 64
    source = sources()[0]
    described = json.loads(str(np.load(source)["geometry"]))["panels"]
    geometry = Geometry(
        file.shape, file.pixel_size, file.distance, (0.0, 0.0), 1.0, file.panels
    )
    for number, panel in enumerate(described):
        at = positions(geometry, np.array([10.5]), np.array([185.0 * number + 20.5]))
        middle = (
            np.array(panel["origin"])
            + 10.5 * panel["pixel"][0] * np.array(panel["fast"])
            + 20.5 * panel["pixel"][1] * np.array(panel["slow"])
        )
        assert at[0] * 1000 == pytest.approx(middle * [-1, 1, -1], abs=1e-3)


@pytest.mark.slow
@pytest.mark.recording("thermolysin")
def test_thermolysin_is_indexed_through_replay(tmp_path, config_file, run_recorder):
    images, path = write_thermolysin(tmp_path)
    config = config_file(
        mqtt={"enabled": False},
        replay={"geometry_file": str(path)},
        unannounced={"unit_cell": CELL, "space_group": SPACE_GROUP},
    )
    done = run_recorder("replay", str(images), "--json", config=config)
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["experiments"][0]["runs"][0]
    assert run["classes"]["indexed"] == 2
    assert run["unit_cell"]["median"][:3] == pytest.approx([93.3, 93.3, 131], rel=0.01)


@pytest.mark.slow
def test_a_geometry_file_of_another_detector_switches_indexing_off(
    tmp_path, config_file, run_recorder
):
    images = tmp_path / "stills.h5"
    with h5py.File(images, "w") as file:
        file["entry/data/data"] = np.zeros((2, 60, 50), np.uint16)
    config = config_file(
        mqtt={"enabled": False},
        replay={"geometry_file": str(written(tmp_path, PLAIN))},
        unannounced={"unit_cell": CELL, "space_group": SPACE_GROUP},
    )
    done = run_recorder("replay", str(images), "--json", config=config)
    run = json.loads(done.stdout)["experiments"][0]["runs"][0]
    assert run["classes"]["indexed"] == 0
    assert any("geometry_file has panels for 40 x 50" in note for note in run["notes"])


REQUIRED = "res min_fs max_fs min_ss max_ss corner_x corner_y fs ss".split()


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named(key, tmp_path):
    lines = [
        line
        for line in PLAIN.splitlines()
        if line.split("=")[0].strip().rpartition("/")[2] != key
    ]
    with pytest.raises(UsageError, match=rf"panel p0: {key} is missing"):
        read_geometry(written(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize("key", ["clen", "photon_energy"])
def test_what_headers_may_tell_may_be_missing(key, tmp_path):
    lines = [line for line in PLAIN.splitlines() if not line.startswith(key)]
    file = read_geometry(written(tmp_path, "\n".join(lines)))
    assert (file.distance is None) == (key == "clen")
    assert (file.wavelength is None) == (key == "photon_energy")
