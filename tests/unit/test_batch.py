"""A batch in this process, with tasks of its own: what people and programs are told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from recorder.errors import UsageError
from recorder.service.batch.batch import BatchOptions, replay_batch
from recorder.service.batch.results import BatchResult, FileEnd, FileState, result_text


def written(path: Path, images: int = 2) -> Path:
    with h5py.File(path, "w") as file:
        pixels = np.random.default_rng(images).poisson(1, (images, 32, 32))
        file.create_dataset("data", data=pixels.astype("u2"), chunks=(1, 32, 32))
    return path


def test_a_night(settings, tmp_path):
    night = tmp_path / "night"
    night.mkdir()
    for n in (1, 2):
        written(night / f"{n}.h5", n)
    (night / "3.h5").write_bytes(b"")
    with h5py.File(night / "4.h5", "w"):
        pass
    mine = settings(classify={"index": False})
    told: list[FileEnd] = []
    options = BatchOptions((night,), jobs=1)

    def batch(**changes: object) -> BatchResult:
        work = replay_batch(
            mine, replace(options, **changes), told.append, lambda done, total: None
        )
        return asyncio.run(work)

    result = batch()
    states = [row.state for row in result.files]
    assert states == ["done", "done", "failed", "left out"]
    assert [row.runs for row in result.files[:2]] == [(1,), (2,)]
    assert not result.ok
    assert sorted(row.file for row in told) == [row.file for row in result.files]
    lines = result_text(result).splitlines()
    assert lines[0].split() == ["state", "exit", "tries", "file"]
    assert lines[1].split() == ["failed", "-", "0", str(night / "3.h5")]
    assert lines[3] == f"left out: {night / '4.h5'}: has no images in it"
    assert lines[4].startswith("2 done, 1 failed, 1 left out; 3 images in ")
    again = batch(resume=True)
    assert [row.state for row in again.files[:2]] == ["skipped", "skipped"]
    assert [row.runs for row in again.files[:2]] == [(1,), (2,)]


def test_a_folder_that_cannot_be_made_is_said(settings, tmp_path):
    (tmp_path / "file").touch()
    paths = (written(tmp_path / "a.h5"),)
    options = BatchOptions(paths, shared=tmp_path / "file")
    with pytest.raises(ExceptionGroup) as error:
        asyncio.run(replay_batch(settings(), options, print, lambda done, total: None))
    assert error.group_contains(UsageError, match="cannot be made")


def test_a_folder_without_images_is_no_success(settings, tmp_path):
    """It is the wrong one, and the night is over before anybody looks."""
    night = tmp_path / "night"
    night.mkdir()
    (night / "notes.txt").touch()
    work = replay_batch(
        settings(), BatchOptions((night,)), print, lambda done, total: None
    )
    result = asyncio.run(work)
    assert not result.ok
    assert "right folder? Files .h5" in result_text(result)


def test_a_row_is_one_line_whatever_the_file_is_called():
    row = FileEnd("a\nb", FileState.FAILED, why="x\x1b[31m", exit=-9, tries=3)
    assert "\n" not in row.line
    assert "\x1b" not in result_text(BatchResult((row,)))
    assert BatchResult((row,)).to_json()["counts"]["failed"] == 1
