"""One wrong thing costs its own images, named; nothing is allocated on trust."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from recorder.errors import FileFormatError
from recorder.records import Unprocessed
from recorder.sources.hdf5.file import Hdf5File
from tests.hdf5_files import SHAPE, describe, nexus, pixels, read, stack, virtual

GIB = 1 << 30


def parts(folder: Path, images: np.ndarray, form: str) -> Path:
    """A master over data files of two images each."""
    count = len(images) // 2
    with h5py.File(folder / "m.h5", "w") as file:
        groups = nexus(file)
        describe(groups)
        for n in range(count):
            with h5py.File(folder / f"d{n}.h5", "w") as data:
                data.create_dataset(
                    "data", data=images[2 * n : 2 * n + 2], chunks=(1, *SHAPE)
                )
                if form == "low":
                    data["data"].attrs["image_nr_low"] = np.array([2 * n + 1])
            groups["data"][f"data_{n}"] = h5py.ExternalLink(f"d{n}.h5", "/data")
        groups["specific"]["nimages"][()] = len(images)
        if form == "virtual":
            shape = (2, *SHAPE)
            pieces = [
                (np.s_[2 * n : 2 * n + 2], f"d{n}.h5", "data", shape, np.s_[:])
                for n in range(count)
            ]
            virtual(groups["data"], "data", images.shape, pieces)
    return folder / "m.h5"


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def _text(path: Path) -> None:
    path.write_text("quota exceeded")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _with(path: Path, values: np.ndarray | None, name: str = "data") -> None:
    with h5py.File(path, "w") as file:
        if values is not None:
            file[name] = values


DAMAGE = {
    "empty": _empty,
    "cut": _cut,
    "text": _text,
    "a folder": _folder,
    "gone": Path.unlink,
    "without the dataset": lambda path: _with(path, None),
    "a group": lambda path: _with(path, np.zeros(3), "data/x"),
    "another shape": lambda path: _with(path, np.zeros((2, 5, 5), "u2")),
    "another type": lambda path: _with(path, np.zeros((2, *SHAPE), "u4")),
    "floats": lambda path: _with(path, np.zeros((2, *SHAPE))),
    "one number": lambda path: _with(path, np.float64(3)),
    "a circle": lambda path: _with(path, h5py.SoftLink("data")),
}


@pytest.mark.parametrize("form", ["low", "plain", "virtual"])
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_bad_data_file_costs_its_own_images(tmp_path, form, damage, which):
    images = stack(6)
    master = parts(tmp_path, images, form)
    DAMAGE[damage](tmp_path / f"d{which}.h5")
    source, found = read(master)
    good = [n for n in range(6) if n // 2 != which]
    assert [image.image_id for image in found] == good
    assert np.array_equal(pixels(found), images[good])
    assert source.start().expected_images == 6
    assert any(f"d{which}.h5" in problem for problem in source.problems)


def test_a_data_file_that_vanishes_or_changes_while_it_is_read(tmp_path):
    images = stack(6)
    source = Hdf5File(parts(tmp_path, images, "low"))
    start = source.start()
    (tmp_path / "d1.h5").unlink()
    _with(tmp_path / "d2.h5", np.zeros((2, 5, 5), "u2"))
    found = list(source.images(start))
    assert [image.image_id for image in found] == [0, 1]
    assert any("d1.h5: no such file" in problem for problem in source.problems)
    assert any("d2.h5" in p and "while it was read" in p for p in source.problems)


def test_images_that_no_data_file_has_are_lost(tmp_path):
    master = parts(tmp_path, stack(6), "low")
    with h5py.File(master, "a") as file:
        del file["entry/data/data_1"]
    source, found = read(master)
    assert [image.image_id for image in found] == [0, 1, 4, 5]
    assert source.start().expected_images == 6
    assert "images 2 to 3: in none of the data files" in source.problems[0]


WRITER = """
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    data = file.create_dataset("entry/data/data", (8, 30, 41), "u2", chunks=(1, 30, 41),
                               maxshape=(None, 30, 41))
    if sys.argv[2] == "swmr":
        file.swmr_mode = True
    for n in range(5):
        data[n] = n + 1
    data.flush(); file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["at work", "killed"])
@pytest.mark.parametrize("mode", ["swmr", "plain"])
def test_a_file_that_is_being_written(tmp_path, mode, end):
    path = tmp_path / "x.h5"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert writer.stdout.readline() == b"written\n"
        if end == "killed":
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        if mode == "plain":
            with pytest.raises(FileFormatError, match="h5clear"):
                read(path)
            return
        source, found = read(path)
        assert [image.image_id for image in found] == [0, 1, 2, 3, 4]
        assert pixels(found)[:, 0, 0].tolist() == [1, 2, 3, 4, 5]
        assert source.start().expected_images == 8
        assert any("still being written" in note for note in source.notes)
        assert "images 5 to 7 never written" in source.problems[0]
    finally:
        writer.kill()
        writer.communicate()


@pytest.fixture
def little_memory():
    """No more memory than there is now and 1 GiB: whoever allocates on trust fails."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + GIB, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


CLAIMS = {
    "pixels": ((4, 100_000, 100_000), (1, 1000, 1000)),
    "images": ((2**40, *SHAPE), (1, *SHAPE)),
    "a side": ((4, 2**33, 1), (1, 1000, 1)),
    "no pixels": ((4, 0, 41), None),
    "channels": ((4, 2**20, *SHAPE), (1, 1, *SHAPE)),
    "dimensions": ((1,) * 20 + SHAPE, None),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_only_claimed_is_not_allocated(tmp_path, little_memory, claim):
    shape, chunks = CLAIMS[claim]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        options = {"chunks": chunks} if chunks else {}
        file.create_dataset("entry/data/data", shape, "u2", **options)
    try:
        assert read(tmp_path / "x.h5")[1] == []
    except FileFormatError as error:
        assert "x.h5" in str(error)


def test_a_billion_images_never_written_cost_nothing(tmp_path, little_memory):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset("data", (10**9, *SHAPE), "u2", chunks=(1, *SHAPE))
        data[7] = 1
        virtual(file, "v", data.shape, [(np.s_[:], ".", "data", data.shape, np.s_[:])])
    for name in ("/data", "/v"):
        source, found = read(tmp_path / "x.h5", dataset=name)
        assert [image.image_id for image in found] == [7]
        assert source.start().expected_images == 10**9


@pytest.mark.parametrize("chunks", [(1, 1, 1), (3000, 300, 300)])
def test_absurd_chunks_are_unsupported(tmp_path, little_memory, chunks):
    shape = (3000, 300, 300)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset(
            "data", shape, "u2", chunks=chunks, compression="gzip"
        )
        data.id.write_direct_chunk((0, 0, 0), b"x")
    source = Hdf5File(tmp_path / "x.h5")
    image = next(source.images(source.start()))
    assert image.problem[0] is Unprocessed.UNSUPPORTED
    assert "repack" in image.problem[1]


VALUES = {
    "huge": lambda group: group.create_dataset("detector_distance", (2**36,), "f8"),
    "bomb": lambda group: group.create_dataset(
        "detector_distance", (2**30,), "f8", chunks=(2**26,), compression="gzip"
    ),
    "text": lambda group: group.create_dataset("detector_distance", data="far"),
    "compound": lambda group: group.create_dataset(
        "detector_distance", data=np.zeros(3, [("a", "f4"), ("b", "S3")])
    ),
    "reference": lambda group: group.create_dataset(
        "detector_distance", data=group.ref, dtype=h5py.ref_dtype
    ),
    "null": lambda group: group.create_dataset(
        "detector_distance", data=h5py.Empty("f8")
    ),
    "nan": lambda group: group.create_dataset("detector_distance", data=np.nan),
    "group": lambda group: group.create_group("detector_distance"),
    "type": lambda group: group.__setitem__("detector_distance", np.dtype("f8")),
}


@pytest.mark.parametrize("value", VALUES)
def test_values_that_are_none_are_left_out(tmp_path, little_memory, value):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        groups = nexus(file)
        describe(groups)
        groups["data"]["data"] = stack(2)
        del groups["detector"]["detector_distance"]
        VALUES[value](groups["detector"])
    source, found = read(tmp_path / "x.h5")
    assert len(found) == 2
    assert source.start().info.distance is None


def test_pipes_and_names_that_are_no_files_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (
        tmp_path / "pipe",
        tmp_path,
        tmp_path / ("x" * 300),
        Path("/dev/zero"),
    ):
        with pytest.raises(FileFormatError):
            Hdf5File(path)


def test_groups_within_groups_without_end(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        group = file
        for _ in range(300):
            group = group.create_group("g")
            group["root"] = h5py.SoftLink("/")
        group["data"] = stack(2)
    assert len(read(tmp_path / "x.h5")[1]) == 2
