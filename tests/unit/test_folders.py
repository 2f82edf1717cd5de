"""Folders are given when a run begins, whatever the disk says."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from recorder.runs.run import Run
from recorder.service import folders as module
from recorder.service.folders import Folders
from recorder.sinks.results.run_folder import OWNER
from tests.builders import new_run, stand_in
from tests.disks import fill, small_disk

BASE = "mx2345-1/fvkhb/run001"


def given(folders: Folders, uid: str, **more) -> str:
    run: Run = new_run(uid=uid, **more)
    folders.give(run)
    return run.folder


def test_each_run_has_its_own_and_finds_it_again(tmp_path):
    folders = Folders(tmp_path, "j")
    assert given(folders, "a") == BASE
    assert given(folders, "b") == f"{BASE}-2"
    assert given(folders, "a") == BASE
    again = Folders(tmp_path, "j")  # after a restart, the journal not asked
    assert given(again, "b") == f"{BASE}-2"
    assert given(again, "c") == f"{BASE}-3"


def test_two_recorders_share_a_results_folder(tmp_path):
    one, other = Folders(tmp_path, "j"), Folders(tmp_path, "k")
    assert given(one, "a") == BASE
    assert given(other, "a") == f"{BASE}-2"
    assert given(one, "b") == f"{BASE}-3"
    assert {p.parent.name for p in tmp_path.rglob(OWNER)} == {
        "run001",
        "run001-2",
        "run001-3",
    }


def test_what_the_journal_has_is_not_given_again(tmp_path):
    folders = Folders(tmp_path, "j")
    folders.note(BASE, "moved away by hand")
    assert given(folders, "a") == f"{BASE}-2"
    assert not (tmp_path / BASE).exists()


def test_an_announcement_that_comes_late_gives_another_folder(tmp_path):
    folders = Folders(tmp_path, "j")
    run = new_run(uid="a")
    folders.give(run)
    run.announcement = stand_in(experiment={"name": "other"})
    folders.give(run)
    assert run.folder == "mx2345-1/other/run001"
    assert (tmp_path / run.folder / OWNER).is_file()


@pytest.mark.parametrize("wrong", ["file", "link"])
def test_a_run_has_a_name_where_the_disk_refuses(tmp_path, wrong):
    results = tmp_path / "results"
    if wrong == "file":
        results.touch()
    else:
        results.mkdir()
        (results / "mx2345-1").symlink_to(tmp_path)
    folders = Folders(results, "j")
    assert given(folders, "a") == BASE
    assert given(folders, "b") == f"{BASE}-2", "in the journal they differ still"


def test_a_disk_that_does_not_answer_holds_nobody_up(tmp_path, monkeypatch):
    answer, asked = threading.Event(), []

    def slow(root: Path, *more: object) -> str:
        asked.append(root)
        answer.wait(60)
        return f"{BASE}-9"

    monkeypatch.setattr(module, "take_folder", slow)
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    folders = Folders(tmp_path, "j")
    assert [given(folders, uid) for uid in "abc"] == [BASE, f"{BASE}-2", f"{BASE}-3"]
    assert len(asked) == 1, "it is not asked again before it answers"
    answer.set()


def test_a_full_disk_leaves_no_folder_that_is_nobodys(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        filler = fill(disk)
        for _ in range(3):
            Folders(disk, "j").give(run := new_run("a"))
        filler.unlink()
        Folders(disk, "j").give(run)
        assert run.folder.endswith("run001")
        assert [path.parent.name for path in disk.rglob(OWNER)] == ["run001"]
