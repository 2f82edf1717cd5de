"""Links and virtual datasets: whatever leads to the images, they are the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from recorder.errors import FileFormatError
from recorder.records import Unprocessed
from tests.hdf5_files import SHAPE, pixels, read, stack, virtual

ALL = np.s_[:]
UNLIMITED = h5py.h5s.UNLIMITED


def data_file(path: Path, images: np.ndarray, dataset: str = "data") -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset(
            dataset,
            data=images,
            chunks=(1, *images.shape[1:]),
            maxshape=(None, *images.shape[1:]),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )


def master(path: Path, target: str, inner: str = "/data") -> Path:
    with h5py.File(path, "w") as file:
        file["entry/data/data_000001"] = h5py.ExternalLink(target, inner)
    return path


@pytest.mark.parametrize("way", ["beside", "relative", "absolute", "moved", "prefix"])
def test_external_links_are_followed_in_the_order_of_the_library(
    tmp_path, monkeypatch, way
):
    images, folder = stack(3), tmp_path / "run"
    folder.mkdir()
    place = {"relative": folder / "raw", "prefix": tmp_path / "far"}.get(way, folder)
    place.mkdir(exist_ok=True)
    data_file(place / "d.h5", images)
    target = {
        "relative": "raw/d.h5",
        "absolute": str(folder / "d.h5"),
        "moved": "/gone/with/the/wind/d.h5",
    }.get(way, "d.h5")
    if way == "prefix":
        monkeypatch.setenv("HDF5_EXT_PREFIX", f"/nowhere:{place}")
    found = read(master(folder / "m.h5", target))[1]
    assert np.array_equal(pixels(found), images)
    if way != "prefix":  # h5py looks for the same file
        with h5py.File(folder / "m.h5") as file:
            assert file["entry/data/data_000001"].shape == images.shape


def test_data_beside_what_a_symbolic_link_leads_to(tmp_path):
    images = stack(2)
    real, other = tmp_path / "real", tmp_path / "other"
    real.mkdir(), other.mkdir()
    data_file(real / "d.h5", images)
    master(real / "m.h5", "d.h5")
    (other / "m.h5").symlink_to(real / "m.h5")
    assert np.array_equal(pixels(read(other / "m.h5")[1]), images)


def test_every_place_that_was_tried_is_named(tmp_path):
    source, images = read(master(tmp_path / "m.h5", "/gpfs/visitor/d.h5"))
    (problem,) = source.problems
    assert images == []
    assert "/gpfs/visitor/d.h5" in problem and str(tmp_path / "d.h5") in problem


@pytest.mark.parametrize(
    "links",
    [
        {"entry/data/data": h5py.SoftLink("real")},
        {"entry/data/data": h5py.SoftLink("/entry/data/real")},
        {"entry/data/data": h5py.SoftLink("./real")},
        {"entry/data/data": h5py.SoftLink("a"), "entry/data/a": h5py.SoftLink("real")},
        {
            "entry/x": h5py.SoftLink("data"),
            "entry/data/data": h5py.SoftLink("/entry/x/real"),
        },
    ],
)
def test_soft_links_are_relative_to_their_group(tmp_path, links):
    path, images = tmp_path / "x.h5", stack(2)
    with h5py.File(path, "w") as file:
        file["entry/data/real"] = images
        for name, link in links.items():
            file[name] = link
    assert np.array_equal(pixels(read(path)[1]), images)


def test_a_group_may_be_the_link(tmp_path):
    images = stack(2)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["there/data"] = images
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/data"] = h5py.ExternalLink("d.h5", "/there")
    assert np.array_equal(pixels(read(tmp_path / "m.h5")[1]), images)


@pytest.mark.parametrize("kind", ["soft", "external", "mutual", "group", "virtual"])
def test_circles_of_links_are_an_error_with_advice(tmp_path, kind):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        if kind == "soft":
            group["data"] = h5py.SoftLink("data")
        elif kind == "external":
            group["data"] = h5py.ExternalLink("x.h5", "/entry/data/data")
        elif kind == "mutual":
            group["data"] = h5py.ExternalLink("y.h5", "/b")
        elif kind == "group":
            group["again"] = file["entry"]
            group["up"] = h5py.SoftLink("/")
        else:
            shape = (3, *SHAPE)
            virtual(group, "data", shape, [(ALL, ".", "entry/data/data", shape, ALL)])
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["b"] = h5py.ExternalLink("x.h5", "/entry/data/data")
    try:
        source, images = read(path)
    except FileFormatError as error:
        assert "--dataset" in str(error)
    else:
        assert images == [] and "circle" in source.problems[0]
    with pytest.raises(FileFormatError, match=r"no dataset|circle|images"):
        source, images = read(path, dataset="/entry/data/data")
        raise FileFormatError(source.problems[0])


def test_modules_side_by_side(tmp_path):
    images = stack(4)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        pieces = []
        for n, (y, x) in enumerate([(0, 0), (0, 20), (15, 0), (15, 20)]):
            part = images[:, y : y + 15, x : x + 20]
            data_file(tmp_path / f"m{n}.h5", part)
            here = np.s_[:, y : y + 15, x : x + 20]
            pieces.append((here, f"m{n}.h5", "data", part.shape, ALL))
        virtual(file, "entry/data/data", images.shape, pieces)
    source, found = read(tmp_path / "v.h5")
    assert np.array_equal(pixels(found)[:, :, :40], images[:, :, :40])
    mask = source.start().mask
    assert mask[:, 40].all() and not mask[:, :40].any()
    assert any("30 pixels belong to no module" in note for note in source.notes)


def test_a_missing_module_is_named_and_its_images_are_partial(tmp_path):
    images = stack(3)
    data_file(tmp_path / "a.h5", images[:, :15])
    data_file(tmp_path / "b.h5", images[:2, 15:])
    shape = (3, 15, 41)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        top, low = np.s_[:, :15], np.s_[:, 15:]
        virtual(
            file,
            "entry/data/data",
            images.shape,
            [(top, "a.h5", "data", shape, ALL), (low, "c.h5", "data", shape, ALL)],
        )
    source, found = read(tmp_path / "v.h5")
    assert [image.problem[0] for image in found] == [Unprocessed.PARTIAL] * 3
    assert "c.h5" in source.problems[0]


LAYOUTS = {
    "in turn": ([0, 2, 4], [1, 3, 5]),
    "one after the other": ([0, 1, 2], [3, 4, 5]),
    "in pairs": ([0, 1, 4, 5], [2, 3]),
    "backwards": ([3, 4, 5], [0, 1, 2]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_writers_in_any_order(tmp_path, layout):
    images = stack(6)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        pieces = []
        for n, which in enumerate(LAYOUTS[layout]):
            data_file(tmp_path / f"w{n}.h5", images[which])
            pieces.append((which, f"w{n}.h5", "data", images[which].shape, ALL))
        virtual(file, "entry/data/data", images.shape, pieces)
    assert np.array_equal(pixels(read(tmp_path / "v.h5")[1]), images)
    shutil.copy(tmp_path / "w1.h5", tmp_path / "kept.h5")
    (tmp_path / "w1.h5").unlink()
    source, found = read(tmp_path / "v.h5")
    assert [image.image_id for image in found] == sorted(LAYOUTS[layout][0])
    assert source.start().expected_images == 6
    assert "w1.h5" in source.problems[0]


def low_level(path: Path, extent: int, here, there, file: str) -> None:
    """A virtual dataset that grows; h5py has no other way to write one."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(here, file.encode(), b"data", there)
    space = h5py.h5s.create_simple((extent, *SHAPE), (UNLIMITED, *SHAPE))
    with h5py.File(path, "w", libver="latest") as out:
        group = out.create_group("entry/data")
        h5py.h5d.create(group.id, b"data", h5py.h5t.NATIVE_UINT16, space, plist)


@pytest.mark.parametrize("missing", [None, 0, 1])
def test_numbered_files_of_a_pattern(tmp_path, missing):
    images = stack(9)
    for n in range(3):
        if n != missing:
            data_file(tmp_path / f"p_{n}.h5", images[3 * n : 3 * n + 3])
    here = h5py.h5s.create_simple((3, *SHAPE), (UNLIMITED, *SHAPE))
    here.select_hyperslab((0, 0, 0), (UNLIMITED, 1, 1), (3, 1, 1), (3, *SHAPE))
    there = h5py.h5s.create_simple((3, *SHAPE))
    low_level(tmp_path / "v.h5", 3, here, there, "p_%b.h5")
    source, found = read(tmp_path / "v.h5")
    there_ids = [n for n in range(9) if missing is None or n // 3 != missing]
    assert [image.image_id for image in found] == there_ids
    assert np.array_equal(pixels(found), images[there_ids])
    assert source.start().expected_images == 9
    assert bool(source.problems) == (missing is not None)


def test_a_virtual_dataset_that_grows_with_its_source(tmp_path):
    images = stack(5)
    data_file(tmp_path / "w.h5", images)
    spaces = []
    for stride in (2, 1):
        space = h5py.h5s.create_simple((1, *SHAPE), (UNLIMITED, *SHAPE))
        counts, block = (UNLIMITED, 1, 1), (1, *SHAPE)
        space.select_hyperslab((0, 0, 0), counts, (stride, 1, 1), block)
        spaces.append(space)
    low_level(tmp_path / "v.h5", 9, *spaces, "w.h5")
    _, found = read(tmp_path / "v.h5")
    assert [image.image_id for image in found] == [0, 2, 4, 6, 8]
    assert np.array_equal(pixels(found), images)


def test_virtual_datasets_within_each_other_and_strides_within_images(tmp_path):
    images = stack(4)
    data_file(tmp_path / "odd.h5", images[:, 1::2])
    data_file(tmp_path / "even.h5", images[:, ::2])
    shape = (4, 15, 41)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        odd = (np.s_[:, 1::2], "odd.h5", "data", shape, ALL)
        even = (np.s_[:, ::2], "even.h5", "data", shape, ALL)
        virtual(file, "v", images.shape, [odd, even])
    with h5py.File(tmp_path / "out.h5", "w") as file:
        cut = (np.s_[:2], "in.h5", "v", images.shape, np.s_[2:4])
        virtual(file, "entry/data/data", (2, *SHAPE), [cut])
    assert np.array_equal(pixels(read(tmp_path / "out.h5")[1]), images[2:])


def test_a_frame_for_each_mapping_and_single_images(tmp_path):
    images = stack(40)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        pieces = []
        for n, image in enumerate(images):
            with h5py.File(tmp_path / f"{n}.h5", "w") as one:
                one["data"] = image
            pieces.append((n, f"{n}.h5", "data", SHAPE, ALL))
        virtual(file, "entry/data/data", images.shape, pieces)
    assert np.array_equal(pixels(read(tmp_path / "v.h5")[1]), images)


def test_points_are_no_images(tmp_path):
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["d"] = stack(3).transpose(1, 0, 2).copy()
        shape = (SHAPE[0], 3, SHAPE[1])
        turned = (np.s_[:, :30], ".", "d", shape, np.s_[:, :3])
        layout = h5py.VirtualLayout((3, *SHAPE), "u2")
        layout[:, :, :] = h5py.VirtualSource(".", "d", turned[3])
        file.create_virtual_dataset("entry/data/data", layout)
    source, found = read(tmp_path / "v.h5")
    assert found == []
    assert "rows and columns" in source.problems[0]
