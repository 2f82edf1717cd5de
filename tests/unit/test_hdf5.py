"""Files: every layout and filter, and every way a file can be wrong."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from recorder.errors import FileFormatError
from recorder.records import Unprocessed
from recorder.sources.hdf5.file import Hdf5File
from recorder.sources.pixels import decode
from tests.recordings import READABLE, recording

SHAPE = (30, 41)
rng = np.random.default_rng(2)


def stack(n: int, dtype: str = "uint16") -> np.ndarray:
    return rng.integers(0, 200, (n, *SHAPE)).astype(dtype)


def read_all(path: Path, dataset: str | None = None) -> list[np.ndarray]:
    source = Hdf5File(path, dataset)
    start = source.start()
    return [decode(image.payload) for image in source.images(start)]


@pytest.mark.recording(*READABLE)
def test_every_recorded_file_has_a_test():
    for name, paths in READABLE.items():
        folder = recording(name)
        there = {str(path.relative_to(folder)) for path in folder.rglob("*.h5")}
        assert there == set(paths)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param(name, path, id=Path(path).name, marks=pytest.mark.recording(name))
        for name, paths in READABLE.items()
        for path in paths
    ],
)
def test_recorded_files_read_bit_identically(name: str, path: str):
    """Each dataset, through chunks and safe decoders, against the HDF5 library."""
    check_bit_identical(recording(name) / path)


def check_bit_identical(path: Path) -> None:
    with h5py.File(path, locking=False) as file:
        names: list[str] = []
        file.visititems(
            lambda name, item: (
                names.append(name)
                if isinstance(item, h5py.Dataset) and item.ndim == 3
                else None
            )
        )
    for name in names or [None]:
        source = Hdf5File(path, name)
        start = source.start()
        segments = source.layout.segments
        compared = 0
        for n, image in enumerate(itertools.islice(source.images(start), 20)):
            with h5py.File(segments[0].file, locking=False) as file:
                expected = file[segments[0].dataset][n]
            assert np.array_equal(decode(image.payload), expected)
            compared += 1
        assert compared == min(20, start.expected_images)


FILTERS = {
    "raw": {},
    "bslz4": hdf5plugin.Bitshuffle(cname="lz4"),
    "bszstd": hdf5plugin.Bitshuffle(cname="zstd"),
    "lz4": hdf5plugin.LZ4(),
    "gzip": {"compression": "gzip"},
    "gzip+shuffle": {"compression": "gzip", "shuffle": True},
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("chunks", [(1, *SHAPE), (4, *SHAPE), (1, 16, 16), (3, 7, 41)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u4", "int32"])
def test_filters_and_chunk_shapes(tmp_path, name, chunks, dtype):
    images = stack(7, dtype)
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        options = FILTERS[name]
        file.create_dataset("entry/data/data", data=images, chunks=chunks, **options)
    assert np.array_equal(np.stack(read_all(path)), images)
    if chunks == (1, *SHAPE):
        image = next(Hdf5File(path).images(Hdf5File(path).start()))
        assert image.payload.encoding == name


def test_unread_filters_are_unsupported_images(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "data", data=stack(3), chunks=(1, *SHAPE), **hdf5plugin.Blosc()
        )
    source = Hdf5File(path)
    images = list(source.images(source.start()))
    assert [image.problem[0] for image in images] == [Unprocessed.UNSUPPORTED] * 3
    assert "repack" in images[0].problem[1]


def test_images_never_written_are_lost_and_named(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "data",
            (3, *SHAPE),
            "u2",
            chunks=(1, *SHAPE),
            fillvalue=7,
            **FILTERS["bslz4"],
        )
        data[1] = 5
    source = Hdf5File(path)
    start = source.start()
    assert start.expected_images == 3
    assert [image.image_id for image in source.images(start)] == [1]
    assert [int(image[0, 0]) for image in read_all(path)] == [5]
    (problem,) = source.problems
    assert "image 0, image 2 never written" in problem


def test_unwritten_pieces_of_an_image_are_fill_values(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "data", (1, *SHAPE), "u2", chunks=(1, 15, 41), fillvalue=7
        )
        data[0, :15] = 5
    (image,) = read_all(path)
    assert (image[:15] == 5).all() and (image[15:] == 7).all()


def write_master(tmp_path: Path, sizes=(3, 2), virtual=False) -> Path:
    """A DECTRIS master with data files, or a virtual dataset over external links."""
    master = tmp_path / "run_master.h5"
    images = stack(sum(sizes))
    first = 0
    with h5py.File(master, "w") as file:
        group = file.create_group("entry/data")
        layout = h5py.VirtualLayout(images.shape, images.dtype)
        for n, size in enumerate(sizes, start=1):
            name = f"run_data_{n:06d}.h5"
            with h5py.File(tmp_path / name, "w") as part:
                data = part.create_dataset(
                    "entry/data/data",
                    data=images[first : first + size],
                    chunks=(1, *SHAPE),
                    **FILTERS["bslz4"],
                )
                data.attrs["image_nr_low"] = first + 1
                data.attrs["image_nr_high"] = first + size
            link = f"data_{n:06d}"
            group[link] = h5py.ExternalLink(name, "/entry/data/data")
            layout[first : first + size] = h5py.VirtualSource(
                ".", f"/entry/data/{link}", (size, *SHAPE), images.dtype
            )
            first += size
        if virtual:
            group.create_virtual_dataset("data", layout)
        detector = file.create_group("entry/instrument/detector")
        detector["detectorSpecific/nimages"] = sum(sizes)
        detector["detectorSpecific/ntrigger"] = 1
        detector["detector_distance"] = 150.0
        detector["detector_distance"].attrs["units"] = "mm"
        detector["beam_center_x"] = 20.0
        detector["beam_center_y"] = 15.0
        detector["x_pixel_size"] = detector["y_pixel_size"] = 75e-6
        detector["pixel_mask"] = np.eye(*SHAPE, dtype="u4")
        file["entry/instrument/beam/incident_wavelength"] = 0.1
        file["entry/instrument/beam/incident_wavelength"].attrs["units"] = "nm"
    return master


@pytest.mark.parametrize("virtual", [False, True])
def test_masters_with_data_files(tmp_path, virtual):
    master = write_master(tmp_path, virtual=virtual)
    start = Hdf5File(master).start()
    assert start.expected_images == 5
    assert start.info.distance == pytest.approx(0.15)
    assert start.info.wavelength == pytest.approx(1.0)
    assert start.mask.sum() == 30
    assert len(read_all(master)) == 5


@pytest.mark.parametrize("virtual", [False, True])
def test_missing_data_file_is_named_and_the_rest_is_read(tmp_path, virtual):
    master = write_master(tmp_path, virtual=virtual)
    (tmp_path / "run_data_000001.h5").unlink()
    source = Hdf5File(master)
    (problem,) = source.layout.problems
    assert "run_data_000001.h5 is missing" in problem
    start = source.start()
    assert start.expected_images == 5
    assert [image.image_id for image in source.images(start)] == [3, 4]


def test_cxi_layout(tmp_path):
    path = tmp_path / "run.cxi"
    images = stack(3)
    with h5py.File(path, "w") as file:
        file.create_dataset("entry_1/data_1/data", data=images, chunks=(1, *SHAPE))
        file["entry_1/instrument_1/detector_1/distance"] = 0.2
        file["entry_1/instrument_1/source_1/energy"] = 1.6e-15
    assert np.array_equal(np.stack(read_all(path)), images)
    info = Hdf5File(path).start().info
    assert (info.distance, round(info.photon_energy)) == (0.2, 9986)


@pytest.mark.parametrize("name", ["xrc_209_master.h5", "ins_8_5.nxs"])
def test_nexus_masters_without_their_data(name):
    source = Hdf5File(recording("nexus-masters") / name)
    start = source.start()
    assert start.expected_images == {"x": 240, "i": 3600}[name[0]]
    assert start.info.wavelength == pytest.approx(0.97625, abs=1e-4)
    assert start.info.distance == pytest.approx(
        {"x": 0.3912, "i": 0.34}[name[0]], abs=1e-4
    )
    assert any(
        f"{name.split('_master')[0].split('.')[0]}_000001.h5" in p
        for p in start.problems
    )
    assert list(source.images(start)) == []


@pytest.mark.parametrize("name", ["panda.h5", "00001.h5", "ins_8_5_meta.h5"])
def test_files_without_images(name):
    with pytest.raises(FileFormatError, match="no image data"):
        Hdf5File(recording("nexus-masters") / name)


def test_several_datasets_are_named(tmp_path):
    path = tmp_path / "several.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data/chunked", data=stack(3), chunks=(1, *SHAPE))
        file["data/not_chunked"] = stack(3)
    layout = Hdf5File(path).layout
    assert layout.segments[0].dataset == "/data/chunked"
    assert "/data/not_chunked" in layout.others
    check_bit_identical(path)


def test_not_hdf5(tmp_path):
    path = tmp_path / "x.h5"
    path.write_bytes(b"no HDF5")
    with pytest.raises(FileFormatError, match="not readable as HDF5"):
        Hdf5File(path)
    with pytest.raises(FileFormatError, match="no such file"):
        Hdf5File(tmp_path / "absent.h5")


@pytest.mark.parametrize("values", [np.zeros((2, 3, 4), "f4"), np.zeros(9, "u2")])
def test_named_dataset_that_is_no_stack(tmp_path, values):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["data"] = values
    with pytest.raises(FileFormatError):
        Hdf5File(path, "/data")
    with pytest.raises(FileFormatError, match="no dataset"):
        Hdf5File(path, "/absent")


def test_corrupt_chunk_is_one_image(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "data", data=stack(3), chunks=(1, *SHAPE), **FILTERS["bslz4"]
        )
        data.id.write_direct_chunk((1, 0, 0), b"\0" * 40)
    source = Hdf5File(path)
    images = list(source.images(source.start()))
    assert len(images) == 3
    decode(images[0].payload)
    decode(images[2].payload)
