"""A file's angles are those of its images, one by one, or left out and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.journal import Journal
from recorder.journal.file_angles import (
    ANGLES,
    GONE,
    give_angles,
    pack_angles,
    unpack_angles,
)
from recorder.records import FileAngles, Goniometer, SeriesStart
from recorder.records.limits import MAX_DEGREES
from recorder.sources.hdf5.file import Hdf5File
from tests.builders import new_run, start
from tests.hdf5_files import describe, nexus, stack, units
from tests.recordings import recording
from tests.unit.test_hdf5_meaning import in_files

N = 4


def file_with(path: Path, values: dict[str, Any], unit: Any = "deg") -> Path:
    """A file of N images whose sample has these axes."""
    with h5py.File(path, "w") as file:
        groups = nexus(file)
        describe(groups)
        groups["data"]["data"] = stack(N)
        sample = groups["entry"].create_group("sample")
        sample.attrs["NX_class"] = "NXsample"
        axes = sample.create_group("transformations")
        axes.attrs["NX_class"] = "NXtransformations"
        for name, value in values.items():
            axes[name] = value
            if isinstance(found := axes.get(name), h5py.Dataset):
                units(found, unit)
    return path


def series(path: Path) -> SeriesStart:
    return Hdf5File(path).start()


def said(start: SeriesStart) -> list[str]:
    return [text for text in start.problems if "omega" in text or "axes" in text]


def test_several_sweeps_of_one_file_keep_an_angle_for_each_image(tmp_path):
    omega = np.array([0.0, 45.0, 90.0, 90.15])
    path = file_with(tmp_path / "a.h5", {"omega": omega, "omega_increment_set": 0.15})
    angles = series(path).angles
    assert angles is not None
    assert np.array_equal(angles.start, omega)
    assert np.allclose(angles.end, omega + 0.15)


@in_files
@given(st.floats(-1000, 1000), st.floats(-10, 10), st.sampled_from(["deg", "rad"]))
def test_units_signs_and_steps(tmp_path, begin, step, unit):
    omega = begin + step * np.arange(N)
    factor = 1.0 if unit == "deg" else 180 / np.pi
    values = {"omega": omega, "omega_end": omega + step}
    found = series(file_with(tmp_path / "a.h5", values, unit))
    if np.abs(np.diff(omega)).max(initial=0) * factor < 1e-8:
        return
    assert found.angles is not None
    assert np.allclose(found.angles.start, omega * factor, atol=1e-9)
    assert np.allclose(found.angles.end, (omega + step) * factor, atol=1e-9)
    assert said(found) == []


def test_an_axis_that_stands_says_only_where(tmp_path):
    """Masters have 0 in all images where nobody set the axis, as headers have."""
    values = {
        "omega": np.zeros(N),
        "omega_end": np.zeros(N),
        "omega_increment_set": 0.0,
    }
    found = series(file_with(tmp_path / "a.h5", values | {"chi": [5.0]}))
    assert found.angles is None
    assert found.goniometer == (
        Goniometer("omega", 0.0, 0.0),
        Goniometer("chi", 5.0, 0.0),
    )


@pytest.mark.parametrize(
    "values",
    [
        {"omega": [10.0], "omega_increment": 0.5},
        {"omega_start": 10.0, "omega_increment": 0.5},
    ],
)
def test_start_and_step_are_what_a_header_would_say(tmp_path, values):
    found = series(file_with(tmp_path / "a.h5", values))
    assert (found.angles, found.goniometer) == (
        None,
        (Goniometer("omega", 10.0, 0.5),),
    )


def test_another_axis_may_turn(tmp_path):
    values = {"omega": [30.0], "phi": 0.1 * np.arange(N)}
    found = series(file_with(tmp_path / "a.h5", values))
    assert found.angles is not None
    assert found.angles.axis == "phi"
    assert found.goniometer == (Goniometer("omega", 30.0, 0.0),)


def test_of_two_axes_that_turn_the_first_is_taken_and_it_is_said(tmp_path):
    turning = 0.1 * np.arange(N)
    found = series(file_with(tmp_path / "a.h5", {"omega": turning, "phi": turning}))
    assert found.angles is not None
    assert found.angles.axis == "omega"
    assert said(found) == [
        "several axes move: images get the angle of omega, not of phi"
    ]


TURNING = 0.1 * np.arange(N)
BROKEN = {
    "text": (["a"] * N, "it holds no numbers"),
    "too few": (TURNING[:-1], "3 angles, 4 images"),
    "too many": (np.arange(9.0), "9 angles, 4 images"),
    "link": (h5py.SoftLink("/nowhere"), "/nowhere"),
    "file": (h5py.ExternalLink("absent.h5", "/omega"), "absent.h5"),
    "nothing": (h5py.Empty("f8"), "it holds no value"),
    "group": (h5py.SoftLink("/entry/data"), "it holds no value"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_node_costs_only_itself_and_is_named(tmp_path, kind):
    value, why = BROKEN[kind]
    found = series(file_with(tmp_path / "a.h5", {"omega": value, "phi": TURNING}))
    assert found.angles is not None
    assert found.angles.axis == "phi"
    assert [why in text for text in said(found)] == [True]
    assert found.info.wavelength == 1.0
    assert found.expected_images == N


def test_a_unit_that_is_none_of_an_angle_is_named(tmp_path):
    found = series(file_with(tmp_path / "a.h5", {"omega": TURNING}, "mm"))
    assert found.angles is None
    assert "is none of an angle" in said(found)[0]


def test_a_broken_node_has_a_second_in_its_place(tmp_path):
    path = file_with(tmp_path / "a.h5", {"omega": TURNING[:-1]})
    with h5py.File(path, "a") as file:
        other = file["entry/sample"].create_group("sample_omega")
        other.attrs["NX_class"] = "NXpositioner"
        other["omega"] = TURNING
    found = series(path)
    assert found.angles is not None
    assert np.array_equal(found.angles.start, TURNING)
    assert len(said(found)) == 1


@in_files
@given(
    st.lists(
        st.one_of(
            st.floats(-360, 360),
            st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 2 * MAX_DEGREES]),
        ),
        min_size=N,
        max_size=N,
    )
)
def test_values_that_are_no_angles_cost_only_their_images(tmp_path, omega):
    found = series(file_with(tmp_path / "a.h5", {"omega": omega}))
    array = np.array(omega)
    good = np.abs(array) <= MAX_DEGREES
    if found.angles is not None:
        assert np.array_equal(np.isfinite(found.angles.start), good)
        assert np.array_equal(found.angles.start[good], array[good])
    assert len(said(found)) == (not good.all())


def test_an_end_that_contradicts_the_increment_is_named(tmp_path):
    values = {"omega": TURNING, "omega_end": TURNING + 0.1}
    found = series(file_with(tmp_path / "a.h5", values | {"omega_increment_set": -0.1}))
    assert found.angles is not None
    assert np.array_equal(found.angles.end, TURNING + 0.1)
    assert "contradicts the increment for 4 images" in said(found)[0]


@pytest.mark.parametrize(
    ("mode", "images", "triggers", "each"),
    [("exts", 12, 3, 4), ("exte", 3, 3, 1), ("inte", 3, 3, 1), (None, 12, 3, 4)],
)
def test_triggers_of_a_master(tmp_path, mode, images, triggers, each):
    path = file_with(tmp_path / "a.h5", {})
    with h5py.File(path, "a") as file:
        specific = file["entry/instrument/detector/detectorSpecific"]
        specific["ntrigger"][...] = 3
        if mode:
            specific["trigger_mode"] = mode
    file = Hdf5File(path)
    assert file.announced == images
    assert (file.start().triggers, file.start().images_per_trigger) == (triggers, each)


@pytest.mark.parametrize("name", ["xrc_209_master.h5", "ins_8_5.nxs"])
def test_real_masters(name):
    found = series(recording("nexus-masters") / name)
    assert [axis.axis for axis in found.goniometer][-2:] == ["phi", "chi"]
    if name.startswith("xrc"):  # a grid: the axis stands
        assert found.angles is None
        assert found.goniometer[0] == Goniometer("omega", 0.0, 0.0)
        return
    assert found.angles is not None
    assert found.angles.end is not None
    assert np.allclose(found.angles.start, 0.1 * np.arange(3600), atol=1e-9)
    assert np.allclose(found.angles.end - found.angles.start, 0.1)


# -- in the journal --------------------------------------------------------------------


@given(
    st.lists(st.floats(allow_infinity=False), max_size=20),
    st.booleans(),
)
def test_packed_angles_come_back_exactly(values, with_end):
    start = np.array(values, np.float64)
    angles = FileAngles("phi", start, start + 1 if with_end else None)
    again = unpack_angles("phi", pack_angles(angles))
    assert again.start.tobytes() == start.tobytes()
    assert (again.end is None) == (angles.end is None)


def test_a_run_has_the_angles_of_its_file_again_or_says_that_they_are_lost(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    body = pack_angles(FileAngles("omega", TURNING))
    for uid, kept in (("a", body), ("b", body[:-9]), ("c", None)):
        if kept is not None:
            journal.keep_snapshot(uid, ANGLES, 0, 0, kept)
        run = new_run(uid, 1, 1, start=start(), key=start().key)
        give_angles(journal, run, "omega")
        assert run.start is not None
        if uid == "a":
            assert run.start.angles is not None
            assert np.array_equal(run.start.angles.start, TURNING)
        else:
            assert run.start.angles is None
            assert run.notes == [GONE]
    journal.close()
