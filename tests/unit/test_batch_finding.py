"""Which files of a folder are series, and which are not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from recorder.config.sources import ReplaySection
from recorder.errors import UsageError
from recorder.service.batch.finding import SETTLED_S, find, is_folder_of_files
from tests.hdf5_files import SHAPE, stack, virtual

LONG_AGO = time.time() - 10 * SETTLED_S


def data_file(path: Path, images: int = 3, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "entry/data/data", data=stack(images, seed=seed), chunks=(1, *SHAPE)
        )
    return path


def master(path: Path, parts: list[Path]) -> Path:
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        for n, part in enumerate(parts, start=1):
            link = h5py.ExternalLink(part.name, "/entry/data/data")
            group[f"data_{n:06d}"] = link
    return path


def looked(*paths: Path, follow: bool = False, apart: tuple[Path, ...] = ()):
    found, left = find(paths, None, ReplaySection(), follow=follow, apart=apart)
    return {f.file.name: f for f in found}, {item.file.name: item for item in left}


def test_a_master_stands_for_its_data_files(tmp_path):
    parts = [data_file(tmp_path / f"a_data_00000{n}.h5", seed=n) for n in (1, 2)]
    master(tmp_path / "a_master.h5", parts)
    data_file(tmp_path / "deep" / "down" / "b.h5")
    found, left = looked(tmp_path)
    assert list(found) == ["a_master.h5", "b.h5"]
    assert found["a_master.h5"].images == 6
    assert set(found["a_master.h5"].files) == {tmp_path / "a_master.h5", *parts}
    assert [item.why for item in left.values()] == [
        f"is a data file of {tmp_path / 'a_master.h5'}"
    ] * 2
    assert not any(item.failed for item in left.values())
    # named by itself it is a series: somebody asked for it
    assert list(looked(parts[0])[0]) == ["a_data_000001.h5"]


def test_two_masters_of_the_same_images_are_one_series(tmp_path):
    part = data_file(tmp_path / "a_data_000001.h5", 4)
    master(tmp_path / "a_master.h5", [part])
    with h5py.File(tmp_path / "a_vds.nxs", "w") as file:
        whole = (slice(0, 4),)
        pieces = [(whole, part.name, "entry/data/data", (4, *SHAPE), whole)]
        virtual(file.create_group("entry/data"), "data", (4, *SHAPE), pieces)
    with h5py.File(tmp_path / "half.nxs", "w") as file:
        pieces = [
            ((slice(0, 2),), part.name, "entry/data/data", (4, *SHAPE), (slice(2, 4),))
        ]
        virtual(file.create_group("entry/data"), "data", (2, *SHAPE), pieces)
    found, left = looked(tmp_path)
    assert sorted(found) == ["a_master.h5", "half.nxs"]
    assert left["a_vds.nxs"].why.endswith("a_master.h5")


def test_one_file_under_two_names_is_one_series(tmp_path):
    file = data_file(tmp_path / "a.h5")
    (tmp_path / "b.h5").symlink_to(file)
    found, left = looked(tmp_path, file)
    assert list(found) == ["a.h5"]
    assert "the same file" in left["b.h5"].why


def test_what_has_no_images_is_no_failure_and_what_is_damaged_is_one(tmp_path):
    with h5py.File(tmp_path / "results.h5", "w") as file:
        file["numbers"] = np.zeros(3)
    (tmp_path / "damaged.h5").write_bytes(b"x" * 100)
    (tmp_path / "notes.txt").write_text("nothing")
    lost = master(tmp_path / "lost_master.h5", [tmp_path / "lost_data_000001.h5"])
    os.utime(lost, (LONG_AGO, LONG_AGO))
    found, left = looked(tmp_path)
    assert not found
    assert {name: item.failed for name, item in left.items()} == {
        "results.h5": False,
        "damaged.h5": True,
        "lost_master.h5": True,
    }
    assert "lost_data_000001.h5" in left["lost_master.h5"].why


def test_a_file_that_is_being_written_waits_or_is_followed(tmp_path, make_writer):
    writer = make_writer()
    writer.write(2)
    found, left = looked(tmp_path)
    assert not found
    assert left["x.h5"].failed
    assert "--follow" in left["x.h5"].why
    found, left = looked(tmp_path, follow=True)
    assert found["x.h5"].growing
    writer.close()
    found, left = looked(tmp_path)
    assert not found["x.h5"].growing


def test_a_set_that_lacks_files_is_taken_once_nobody_writes(tmp_path):
    part = data_file(tmp_path / "a_data_000001.h5")
    path = master(tmp_path / "a_master.h5", [part, tmp_path / "a_data_000002.h5"])
    assert "a_master.h5" in looked(tmp_path)[1]
    for file in (part, path):
        os.utime(file, (LONG_AGO, LONG_AGO))
    assert looked(tmp_path)[0]["a_master.h5"].images == 3


def test_what_lies_beside_a_file_belongs_to_it(tmp_path):
    part = data_file(tmp_path / "a_data_000001.h5")
    master(tmp_path / "a_master.h5", [part])
    (tmp_path / "a.collection.json").write_text("{}")
    (tmp_path / "a_master.events.jsonl").write_text("")
    found = looked(tmp_path)[0]["a_master.h5"]
    assert found.collection == tmp_path / "a.collection.json"
    assert found.events == tmp_path / "a_master.events.jsonl"


def test_folders_of_the_recorder_and_hidden_ones_are_not_searched(tmp_path):
    for name in ("state", ".snapshots", "night"):
        data_file(tmp_path / name / f"{name.strip('.')}.h5")
    found, left = looked(tmp_path, apart=(tmp_path / "state",))
    assert (list(found), list(left)) == (["night.h5"], [])


def test_a_recorded_stream_is_one_series(tmp_path):
    (tmp_path / "stream").mkdir()
    (tmp_path / "stream" / "streamfile_1").write_bytes(b"{}")
    (tmp_path / "x.cbors").write_bytes(b"")
    assert is_folder_of_files(tmp_path)
    assert not is_folder_of_files(tmp_path / "stream")
    found, _ = looked(tmp_path)
    assert sorted(found) == ["stream", "x.cbors"]
    assert found["stream"].images is None


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="no such file or folder"):
        looked(tmp_path / "none")
