"""Files that only grow: what somebody else put in their place is not written."""

from __future__ import annotations

import json
import os

import pytest

from recorder.config import Settings
from recorder.errors import UsageError
from recorder.ispyb.access import change_log
from recorder.runtime.grown_file import add_lines, open_grown


def written(path, *lines):
    number = open_grown(path)
    try:
        add_lines(number, *lines)
    finally:
        os.close(number)


def test_lines_are_added_one_by_one(tmp_path):
    path = tmp_path / "state" / "access.log"
    written(path, {"who": "a\nb"}, {"who": "\x1b[31m"})
    written(path, {"who": "c"})
    found = [json.loads(line)["who"] for line in path.read_text().splitlines()]
    assert found == ["a\nb", "\x1b[31m", "c"]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_only_a_plain_file_is_written(tmp_path, kind):
    path, other = tmp_path / "access.log", tmp_path / "shadow"
    if kind == "link":
        other.write_text("root")
    if kind in ("link", "dangling"):
        path.symlink_to(other)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError):
        open_grown(path)
    assert not other.exists() or other.read_text() == "root"


def test_no_right_is_changed_where_the_log_is_a_link(tmp_path):
    other = tmp_path / "shadow"
    other.write_text("root")
    (tmp_path / change_log.NAME).symlink_to(other)
    with pytest.raises(UsageError, match="so none is made"):
        change_log.ChangeLog(Settings(state_directory=tmp_path).state_directory, "x")
    assert other.read_text() == "root"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_is_the_owners_and_nothing_else_is_given_away(tmp_path):
    os.chown(tmp_path, 12345, 12345)
    written(tmp_path / "new", {})
    assert (tmp_path / "new").stat().st_uid == 12345
    (tmp_path / "kept").write_text("")
    os.link(tmp_path / "kept", tmp_path / "again")
    written(tmp_path / "again", {})
    assert (tmp_path / "kept").stat().st_uid == 0
