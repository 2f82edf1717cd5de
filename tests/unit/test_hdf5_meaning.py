"""What a file says is read by what it means, however it is written."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.errors import FileFormatError
from recorder.sources.hdf5.units import METRES, SECONDS, unit_name, unit_text
from tests.hdf5_files import SHAPE, describe, nexus, pixels, read, stack, units
from tests.laws import examples

in_files = settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def file_with(path: Path, images: np.ndarray, names: dict | None = None) -> Path:
    with h5py.File(path, "w") as file:
        groups = nexus(file, names)
        describe(groups)
        groups["data"]["data"] = images
    return path


def change(path: Path, name: str, value, unit=None) -> None:
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        file[name] = value
        units(file[name], unit)


DETECTOR = "entry/instrument/detector"
words = st.text("abcXYZ_019", min_size=1, max_size=8).map("n".__add__)


@in_files
@given(st.lists(words, min_size=6, max_size=6, unique=True))
def test_names_of_groups_do_not_matter_where_they_have_a_class(tmp_path, words):
    plain, images = read(file_with(tmp_path / "a.h5", stack(4)))
    kinds = ("entry", "instrument", "detector", "beam", "data", "specific")
    names = dict(zip(kinds, words, strict=True))
    other, same = read(file_with(tmp_path / "b.h5", stack(4), names))
    assert other.start().info == plain.start().info
    assert np.array_equal(other.start().mask, plain.start().mask)
    assert np.array_equal(pixels(same), pixels(images))
    assert other.notes == plain.notes == ()


@in_files
@given(
    st.lists(st.integers(0, 200), min_size=2, max_size=6, unique=True),
    st.sampled_from(["{}", "{:03d}", "{:06d}"]),
)
def test_numbers_of_links_count_however_they_are_padded(tmp_path, numbers, form):
    images = stack(len(numbers))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for image, number in zip(images, sorted(numbers), strict=True):
            file[f"entry/data/data_{form.format(number)}"] = image[None]
    assert np.array_equal(pixels(read(tmp_path / "m.h5")[1]), images)


LENGTHS = {
    "m": 1,
    "metres": 1,
    "cm": 1e-2,
    "mm": 1e-3,
    "Millimetre": 1e-3,
    "millimeters": 1e-3,
    "um": 1e-6,
    "microns": 1e-6,
    "micron": 1e-6,
    "Micrometer": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    b"\xb5m": 1e-6,
    "µm".encode(): 1e-6,
    np.bytes_(b"mm\0"): 1e-3,
    "nm": 1e-9,
    "Å": 1e-10,
    "\u212b": 1e-10,
    b"\xc5": 1e-10,
    "Angstroms": 1e-10,
}


@pytest.mark.parametrize("unit", LENGTHS)
def test_units_of_length(tmp_path, unit):
    path, factor = file_with(tmp_path / "x.h5", stack(4)), LENGTHS[unit]
    change(path, f"{DETECTOR}/detector_distance", 0.15 / factor, unit)
    change(path, f"{DETECTOR}/x_pixel_size", 75e-6 / factor, unit)
    change(path, f"{DETECTOR}/beam_center_x", 20 * 75e-6 / factor, unit)
    change(path, "entry/instrument/beam/incident_wavelength", 1e-10 / factor, unit)
    source, _ = read(path)
    info = source.start().info
    assert info.distance == pytest.approx(0.15)
    assert info.pixel_size == pytest.approx((75e-6, 75e-6))
    assert info.beam_center == pytest.approx((20, 15))
    assert info.wavelength == pytest.approx(1.0)
    assert source.notes == ()


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("s", 1), ("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9)],
)
def test_units_of_time(tmp_path, unit, factor):
    path = file_with(tmp_path / "x.h5", stack(4))
    change(path, f"{DETECTOR}/count_time", 0.01 / factor, unit)
    assert read(path)[0].start().info.exposure_time_s == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("eV", 12398.42),
        ("keV", 12.39842),
        ("KeV", 12.39842),
        (None, 12398.42),
        (None, 1.98644e-15),
    ],
)
def test_units_of_energy(tmp_path, unit, value):
    path = file_with(tmp_path / "x.h5", stack(4))
    change(path, f"{DETECTOR}/photon_energy", value, unit)
    assert read(path)[0].start().info.photon_energy == pytest.approx(12398.42, rel=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "detector/detector_distance",
        "detector/x_pixel_size",
        "detector/beam_center_y",
        "detector/count_time",
        "beam/incident_wavelength",
    ],
)
def test_a_unit_that_is_not_known_is_named_and_its_value_not_used(tmp_path, name):
    path = file_with(tmp_path / "x.h5", stack(4))
    change(path, f"entry/instrument/{name}", 1.0, "furlong")
    source, _ = read(path)
    info = source.start().info
    lost = {
        "detector_distance": info.distance,
        "x_pixel_size": info.pixel_size,
        "beam_center_y": info.beam_center,
        "count_time": info.exposure_time_s,
        "incident_wavelength": info.wavelength,
    }[name.split("/")[1]]
    assert lost is None
    assert any("furlong" in note and "not" in note for note in source.notes)


@given(st.binary(max_size=12) | st.text(max_size=12))
def test_any_unit_has_a_name_or_none(raw):
    name = unit_name(unit_text(raw))
    assert unit_name(name) == name or name not in {**METRES, **SECONDS}


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (4,)])
def test_single_values_of_any_shape(tmp_path, shape):
    path = file_with(tmp_path / "x.h5", stack(4))
    change(path, f"{DETECTOR}/detector_distance", np.full(shape, 0.2), "m")
    change(path, f"{DETECTOR}/detectorSpecific/nimages", np.full(shape, 4))
    change(path, f"{DETECTOR}/detectorSpecific/ntrigger", np.full(shape, 1))
    source, _ = read(path)
    assert source.start().info.distance == pytest.approx(0.2)
    assert source.notes == ()


@pytest.mark.parametrize("count", [4, 20, 5000])
def test_values_for_each_image_give_their_median_and_a_note(tmp_path, count):
    path = file_with(tmp_path / "x.h5", stack(4))
    values = np.linspace(0.9995, 1.0005, count)
    change(path, "entry/instrument/beam/incident_wavelength", values, "angstrom")
    source, _ = read(path)
    assert source.start().info.wavelength == pytest.approx(1.0)
    (note,) = source.notes
    assert f"{count} values, from 0.9995 to 1.0005 (0.1 %)" in note


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("how", ["within", "soft", "hard"])
def test_of_several_detectors_the_one_of_the_images(tmp_path, which, how):
    path, images = tmp_path / "x.h5", stack(4)
    with h5py.File(path, "w") as file:
        groups = nexus(file)
        describe(groups)
        other = groups["instrument"].create_group("camera")
        other.attrs["NX_class"] = "NXdetector"
        other["detector_distance"] = 3.0
        holder = (groups["detector"], other)[which]
        if how == "within":
            holder["data"] = images
            groups["data"]["data"] = h5py.SoftLink(holder.name + "/data")
        else:
            groups["data"]["data"] = images
            soft = h5py.SoftLink("/entry/data/data")
            holder["data"] = soft if how == "soft" else groups["data"]["data"]
    source, found = read(path)
    assert np.array_equal(pixels(found), images)
    assert source.start().info.distance == (0.15, 3.0)[which]
    assert source.notes == ()


def test_several_detectors_of_which_none_says_so_are_named(tmp_path):
    path = file_with(tmp_path / "x.h5", stack(4))
    with h5py.File(path, "a") as file:
        file.create_group("entry/instrument/a").attrs["NX_class"] = "NXdetector"
    source, _ = read(path)
    assert source.start().info.distance == pytest.approx(0.15)
    assert any("several detectors" in note for note in source.notes)


@pytest.mark.parametrize("dtype", ["u1", "u4", "i8", "u8", "?", "f4"])
@pytest.mark.parametrize("lead", [(), (1,), (1, 1)])
def test_masks_with_further_axes_and_of_any_type(tmp_path, dtype, lead):
    path = file_with(tmp_path / "x.h5", stack(4))
    values = np.eye(*SHAPE).astype(dtype).reshape(*lead, *SHAPE)
    change(path, f"{DETECTOR}/pixel_mask", values)
    source, _ = read(path)
    assert np.array_equal(source.start().mask, np.eye(*SHAPE) != 0)
    assert source.notes == ()


@pytest.mark.parametrize("shape", [(3, *SHAPE), (41, 30), (30 * 41,), ()])
def test_masks_of_other_shapes_are_named(tmp_path, shape):
    path = file_with(tmp_path / "x.h5", stack(4))
    change(path, f"{DETECTOR}/pixel_mask", np.ones(shape, "u4"))
    source, _ = read(path)
    assert source.start().mask is None
    assert any("pixel_mask not used" in note for note in source.notes)


@pytest.mark.parametrize("channel", [None, 1, 2])
@pytest.mark.parametrize("chunks", [(1, 1, *SHAPE), (1, 2, *SHAPE), None])
def test_thresholds_are_channels(tmp_path, channel, chunks):
    path = file_with(tmp_path / "x.h5", stack(4))
    with h5py.File(path, "a") as file:
        del file["entry/data/data"]
        both = np.stack([stack(4), stack(4, seed=3)], axis=1)
        file.create_dataset("entry/data/data", data=both, chunks=chunks)
    _, found = read(path, channel=channel)
    wanted = (channel or 1) - 1
    assert np.array_equal(pixels(found), both[:, wanted])
    assert {image.ignored_channels for image in found} == {(f"channel_{2 - wanted}",)}
    with pytest.raises(FileFormatError, match="no channel 3"):
        read(path, channel=3)


@pytest.mark.parametrize("known", ["mask", "geometry file", "neither"])
def test_panels_are_put_one_below_the_other_where_it_is_known(tmp_path, known):
    path, images = tmp_path / "x.h5", stack(4)
    panels = images.reshape(4, 5, 6, 41)
    file_with(path, panels)
    with h5py.File(path, "a") as file:
        del file[f"{DETECTOR}/pixel_mask"]
        if known == "mask":
            file[f"{DETECTOR}/pixel_mask"] = np.eye(*SHAPE, dtype="u4")
    if known == "neither":
        with pytest.raises(FileFormatError, match="geometry_file of 30 x 41"):
            read(path)
        return
    source, found = read(path, panels=SHAPE if known == "geometry file" else None)
    assert np.array_equal(pixels(found), images)
    assert source.start().info.shape == SHAPE


@in_files
@given(
    st.sampled_from(
        [None, (1, *SHAPE), (2, *SHAPE), (1, 7, 9), (4, 30, 1), (3, 16, 16)]
    ),
    st.sampled_from(["u1", "u2", "u4", "i4", ">u2"]),
    st.sampled_from(
        [{}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}]
    ),
    st.sampled_from([(), (1,), (1, 1)]),
)
def test_how_the_pixels_are_stored_does_not_matter(
    tmp_path, chunks, dtype, packed, lead
):
    images = stack(4).astype(dtype)
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        if chunks is not None:
            packed = {**packed, "chunks": (chunks[0], *lead, *chunks[1:])}
        elif packed:
            packed = {**packed, "chunks": True}
        data = images.reshape(4, *lead, *SHAPE)
        file.create_dataset("entry/data/data", data=data, **packed)
    assert np.array_equal(pixels(read(path)[1]), images)


@in_files
@given(
    st.floats(0.5, 3.0),
    st.lists(st.floats(-0.03, 0.03), min_size=4, max_size=4),
)
def test_wavelengths_of_images_that_differ_are_said_with_their_range(
    tmp_path, middle, shares
):
    values = [middle * (1 + share) for share in shares]
    path = file_with(tmp_path / "x.h5", stack(4))
    change(path, "entry/instrument/beam/incident_wavelength", values, "angstrom")
    source, _ = read(path)
    start = source.start()
    assert start.info.wavelength == pytest.approx(float(np.median(values)))
    said = [note for note in start.problems if "used for all images" in note]
    differ = max(values) - min(values) > 1e-6 * np.median(values)
    assert len(said) == differ
    assert all("incident_wavelength has 4 values" in note for note in said)
