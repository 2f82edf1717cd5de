"""A file that grows is followed: nothing twice, nothing half, and it ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import h5py
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.records import Image, SeriesEnd, SeriesStart
from recorder.sources.hdf5.file import Hdf5File
from recorder.sources.hdf5.following import FollowedFile
from recorder.sources.pixels import decode
from tests.hdf5_writer import SwmrWriter
from tests.laws import examples

QUIET_S = 10.0


class Follower:
    """A followed file, and time that passes only when it is told to."""

    def __init__(self, path) -> None:
        self.now = 0.0
        look = lambda: Hdf5File(path)  # noqa: E731
        self.followed = FollowedFile(path, look, QUIET_S, lambda: self.now)
        self._records: Iterator = self.followed.records("file")
        self.ended = False
        self.start: SeriesStart | None = None

    def next(self) -> list[int]:
        """Ids of the images that are new, until there is nothing more for now."""
        ids = []
        for record in self._records:
            if record is None:
                return ids
            if isinstance(record, SeriesStart):
                assert self.start is None
                self.start = record
            elif isinstance(record, Image):
                pixels = decode(record.payload)
                assert (pixels == record.image_id + 1).all()
                ids.append(record.image_id)
            elif isinstance(record, SeriesEnd):
                self.ended = True
        return ids


def test_images_come_as_they_are_written_until_the_writer_closes(make_writer, tmp_path):
    writing = make_writer()
    follower = Follower(tmp_path / "x.h5")
    assert follower.next() == []
    writing.write(3)
    assert follower.next() == [0, 1, 2]
    assert follower.next() == []
    writing.write(2)
    assert follower.next() == [3, 4]
    writing.write(1)
    writing.close()
    assert follower.next() == [5]
    assert follower.ended
    assert follower.start is not None
    assert follower.start.expected_images is None
    assert follower.start.problems == ()
    assert follower.followed.file.problems == ()


def test_the_declared_number_ends_it_while_the_file_stays_open(make_writer, tmp_path):
    writing = make_writer(declared=4)
    follower = Follower(tmp_path / "x.h5")
    writing.write(3)
    assert follower.next() == [0, 1, 2]
    writing.write(1)
    assert follower.next() == [3]
    assert follower.ended
    assert follower.start.expected_images == 4


def test_a_writer_that_was_killed_ends_it_after_the_quiet_time(make_writer, tmp_path):
    writing = make_writer()
    follower = Follower(tmp_path / "x.h5")
    writing.write(3)
    assert follower.next() == [0, 1, 2]
    writing.kill()
    follower.now = QUIET_S - 0.1
    assert follower.next() == []
    assert not follower.followed.gave_up
    follower.now = QUIET_S + 0.1
    assert follower.next() == []
    assert not follower.ended
    assert "stands still or was killed" in follower.followed.gave_up


def test_images_that_a_chunk_shares_wait_until_nobody_changes_them(
    make_writer, tmp_path
):
    writing = make_writer(chunk=4)
    follower = Follower(tmp_path / "x.h5")
    writing.write(6)
    assert follower.next() == []
    writing.close()
    assert follower.next() == [0, 1, 2, 3, 4, 5]
    assert follower.ended


@settings(max_examples=examples(8))
@given(
    steps=st.lists(st.integers(0, 4), max_size=6),
    chunk=st.integers(1, 3),
    looks=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_however_it_is_written_each_image_comes_once(
    tmp_path_factory, steps, chunk, looks
):
    path = tmp_path_factory.mktemp("follow") / "x.h5"
    writing = SwmrWriter(path, chunk=chunk)
    follower, seen = Follower(path), []
    for step, look in zip(steps, looks, strict=False):
        writing.write(step)
        if look:
            seen += follower.next()
    writing.close()
    seen += follower.next()
    assert sorted(seen) == list(range(sum(steps)))
    assert follower.ended == (sum(steps) > 0)
    writing.kill()


def test_another_file_of_that_name_is_not_taken_for_it(make_writer, tmp_path):
    writing = make_writer()
    follower = Follower(tmp_path / "x.h5")
    writing.write(2)
    assert follower.next() == [0, 1]
    writing.close()
    shutil.copy(tmp_path / "x.h5", tmp_path / "y.h5")
    (tmp_path / "y.h5").replace(tmp_path / "x.h5")
    follower.now = QUIET_S + 1
    assert follower.next() == []
    assert "another file has its name" in follower.followed.gave_up


def test_data_files_of_a_master_may_come_one_after_the_other(tmp_path):
    master = tmp_path / "x_master.h5"
    with h5py.File(master, "w") as file:
        file["entry/instrument/detector/detectorSpecific/nimages"] = 4
        for path, name in (
            ("entry", "NXentry"),
            ("entry/instrument", "NXinstrument"),
            ("entry/instrument/detector", "NXdetector"),
        ):
            file[path].attrs["NX_class"] = name
        for n in (1, 2):
            link = h5py.ExternalLink(f"x_data_{n:06d}.h5", "entry/data/data")
            file[f"entry/data/data_{n:06d}"] = link
    follower = Follower(master)
    assert follower.next() == []
    for n in (1, 2):
        with h5py.File(tmp_path / f"x_data_{n:06d}.h5", "w") as file:
            data = file.create_dataset(
                "entry/data/data", (2, 64, 64), "u2", chunks=(1, 64, 64)
            )
            for k in range(2):
                data[k] = np.full((64, 64), 2 * (n - 1) + k + 1)
        assert follower.next() == [2 * n - 2, 2 * n - 1]
    assert follower.ended
