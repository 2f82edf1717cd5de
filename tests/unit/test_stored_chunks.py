"""Images that are read by offset: the same bytes, or a clear word why not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import ImageError
from recorder.pool.wire import ImageHead, image_message, pack_lesson, read_image
from recorder.pool.wire.values import unpack_lesson
from recorder.records import Lesson, Payload, StoredChunk, WorkLevel
from recorder.records.limits import MAX_STORED_BYTES
from recorder.sources.hdf5.chunk_index import ChunkIndex
from recorder.sources.hdf5.file import Hdf5File
from recorder.sources.pixels import decode
from recorder.sources.stored_chunks import MOST_OPEN, StoredChunks
from tests.hdf5_files import SHAPE, stack, virtual
from tests.laws import examples


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a master of two data files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for n in range(2):
        with h5py.File(folder / f"part{n}.h5", "w") as file:
            file.create_dataset(
                "data",
                data=stack(3, seed=n),
                chunks=(1, *SHAPE),
                **hdf5plugin.Bitshuffle(cname="lz4"),
            )
    with h5py.File(folder / "master.h5", "w") as file:
        pieces = [
            (
                (slice(3 * n, 3 * n + 3),),
                f"part{n}.h5",
                "data",
                (3, *SHAPE),
                (slice(3),),
            )
            for n in range(2)
        ]
        virtual(file.create_group("entry/data"), "data", (6, *SHAPE), pieces)
    return folder


def payloads(folder: Path, *, stored: bool) -> list[Payload]:
    source = Hdf5File(folder / "master.h5")
    images = source.images(source.start(), stored=stored)
    return [image.payload for image in images if image.payload is not None]


def test_the_bytes_are_those_of_the_file(files):
    reader = StoredChunks([files])
    by_value, by_place = payloads(files, stored=False), payloads(files, stored=True)
    assert len(by_place) == 6
    for value, place in zip(by_value, by_place, strict=True):
        assert (place.data, place.size) == (b"", len(value.data))
        whole = reader.whole(place)
        assert (whole.data, whole.encoding, whole.dtype, whole.shape) == (
            value.data,
            value.encoding,
            value.dtype,
            value.shape,
        )
        assert reader.whole(value) is value


def test_images_in_several_chunks_or_panels_travel_as_pixels(tmp_path):
    with h5py.File(tmp_path / "master.h5", "w") as file:
        file.create_dataset("data", data=stack(2), chunks=(1, 10, 10))
    found = payloads(tmp_path, stored=True)
    assert [payload.stored for payload in found] == [None, None]
    assert np.array_equal(decode(found[1]), stack(2)[1])


@pytest.mark.parametrize("what", ["gone", "cut", "touched", "grown", "outside", "link"])
def test_what_is_not_as_it_was_is_said(files, tmp_path, what):
    place = payloads(files, stored=True)[4]
    path = files / "part1.h5"
    reader = StoredChunks([files])
    if what == "gone":
        path.unlink()
    elif what == "cut":
        os.truncate(path, path.stat().st_size - 10)
    elif what == "touched":
        os.utime(path, ns=(1, 1))
    elif what == "grown":
        with path.open("ab") as file:
            file.write(b"x")
    elif what == "outside":
        reader = StoredChunks([tmp_path / "other"])
    else:
        (tmp_path / "elsewhere.h5").write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere.h5")
    with pytest.raises(ImageError, match=r"part1.h5|elsewhere.h5") as error:
        reader.whole(place)
    words = {"gone": "No such file", "outside": "--read", "link": "--read"}
    assert words.get(what, "changed since") in str(error.value)


def test_a_file_that_is_changed_while_it_is_open_is_noticed(files):
    reader = StoredChunks([files])
    place = payloads(files, stored=True)[0]
    reader.whole(place)
    with (files / "part0.h5").open("r+b") as file:
        file.write(b"other bytes")
    with pytest.raises(ImageError, match="changed since"):
        reader.whole(place)


CHUNK = StoredChunk("/etc/hostname", 0, 1, 1, 1)


@pytest.mark.parametrize(
    "chunk",
    [
        replace(CHUNK, size=MAX_STORED_BYTES + 1),
        replace(CHUNK, size=0),
        replace(CHUNK, offset=-1),
        replace(CHUNK, file="/etc/../etc/hostname"),
        replace(CHUNK, file="/proc/self/mem"),
        replace(CHUNK, file="\0"),
        replace(CHUNK, file=""),
        replace(CHUNK, file="relative"),
        replace(CHUNK, file="/dev/zero"),
        CHUNK,
    ],
)
@pytest.mark.parametrize("roots", [[], ["/tmp"]])
def test_nothing_else_is_ever_read(chunk, roots):
    reader = StoredChunks(map(Path, roots))
    with pytest.raises(ImageError):
        reader.whole(Payload(b"", "raw", (1, 1), "<u2", stored=chunk))


def test_a_pipe_does_not_hold_a_worker_up(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    chunk = replace(CHUNK, file=str(tmp_path / "pipe"))
    with pytest.raises(ImageError, match="no file"):
        StoredChunks([tmp_path]).whole(Payload(b"", "raw", (1, 1), "u2", stored=chunk))


def test_files_do_not_stay_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader = StoredChunks([tmp_path])
    for n in range(2 * MOST_OPEN):
        path = tmp_path / str(n)
        path.write_bytes(b"ab")
        now = path.stat()
        chunk = StoredChunk(str(path), 0, 2, 2, now.st_mtime_ns)
        assert (
            reader.whole(Payload(b"", "raw", (1, 1), "u2", stored=chunk)).data == b"ab"
        )
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + MOST_OPEN
    reader.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_where_they_lie_travels(files):
    place = payloads(files, stored=True)[2]
    head = ImageHead(1, 2, 3, WorkLevel.FULL, 0)
    read, found = read_image(image_message(head, place))
    assert (read, found.stored, found.data) == (head, place.stored, b"")
    assert sum(map(len, image_message(head, place))) < 1000
    lesson = Lesson(
        1, (place, replace(place, stored=None, data=b"abc")), 1, (), (), 5, 4
    )
    images = unpack_lesson(pack_lesson(lesson)).images
    assert [(i.stored, bytes(i.data)) for i in images] == [
        (place.stored, b""),
        (None, b"abc"),
    ]


@settings(max_examples=examples(30))
@given(st.data())
def test_the_index_says_what_the_library_says(tmp_path_factory, data):
    dims = tuple(data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)))
    chunks = tuple(data.draw(st.integers(1, n)) for n in dims)
    corners = [
        tuple(int(i) * c for i, c in zip(index, chunks, strict=True))
        for index in np.ndindex(
            *(-(-n // c) for n, c in zip(dims, chunks, strict=True))
        )
    ]
    written = data.draw(st.sets(st.sampled_from(corners)))
    latest = data.draw(st.booleans())
    path = tmp_path_factory.mktemp("index") / "x.h5"
    with h5py.File(path, "w", libver="latest" if latest else "earliest") as file:
        item = file.create_dataset("d", dims, "u2", chunks=chunks, maxshape=dims)
        for corner in sorted(written):
            item[
                tuple(slice(n, n + c) for n, c in zip(corner, chunks, strict=True))
            ] = 1
    with h5py.File(path) as file:
        item = file["d"]
        index = ChunkIndex(item)
        for corner in corners:
            place = index.find(item, corner)
            info = item.id.get_chunk_info_by_coord(corner)
            assert (None if place is None else place.offset) == info.byte_offset
            assert (place is not None) == (corner in written)
            if place is not None:
                assert (place.size, place.skipped) == (info.size, info.filter_mask)
