"""What people say on the page: read, bounded, refused with a reason, removed."""

from __future__ import annotations

import json
import os

import pytest

from recorder.records.announcement import MAX_TARGETS, Target
from recorder.records.said import SeenSaid, TargetSaid, read_said, said_to_json
from recorder.runs.read_announcement import read_announcement
from recorder.service.disk_watch import DiskWatch
from recorder.service.said_folder import FOLDER, MOST_BYTES, MOST_FILES, SaidFolder
from tests.builders import announcement

TARGET = {"what": "target", "run": "u", "delay_s": 0.003, "indexed": 5, "by": "me"}
SEEN = {"what": "seen", "alarm": "hit_rate/3", "by": "me", "time_ns": 7}


def test_what_is_said_is_read_and_written_again():
    for body, kind in ((TARGET, TargetSaid), (SEEN, SeenSaid)):
        said = read_said(json.dumps(body).encode())
        assert isinstance(said, kind)
        assert read_said(json.dumps(said_to_json(said)).encode()) == said
    assert read_said(json.dumps(TARGET).encode()).target == Target(0.003, 5)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'"seen"',
        b'{"what": "stop"}',
        json.dumps({**TARGET, "indexed": 0}).encode(),
        json.dumps({**TARGET, "indexed": "5"}).encode(),
        json.dumps({**TARGET, "delay_s": -1}).encode(),
        b'{"what":"target","run":"u","delay_s":NaN,"indexed":5,"by":"me"}',
        json.dumps({**SEEN, "by": "\x1b[31m"}).encode(),
        json.dumps({**SEEN, "by": ""}).encode(),
        json.dumps({**SEEN, "alarm": "x" * 10_000}).encode(),
        json.dumps({**SEEN, "time_ns": 2**63}).encode(),
    ],
)
def test_what_cannot_be_used_says_why(text):
    with pytest.raises(ValueError, match=r": |JSON"):
        read_said(text)


def test_a_folder_with_anything_in_it(tmp_path):
    folder = SaidFolder(tmp_path)
    assert folder.look((), ()) == ([], set())  # it is made
    place = tmp_path / FOLDER
    (place / "good").write_text(json.dumps(SEEN))
    (place / ".half").write_text("{")
    (place / "long").write_bytes(b" " * (MOST_BYTES + 1))
    (place / "folder").mkdir()
    (place / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(place / "pipe")
    (tmp_path / "secret").write_text(json.dumps(SEEN))
    found, _ = folder.look((), ())
    assert {s.name: bool(s.problem) for s in found} == {
        "good": False,
        "long": True,
        "folder": True,
        "link": True,
        "pipe": True,
    }
    names = {saying.name for saying in found}
    assert folder.look((), names)[0] == [], "what is known is not read again"
    again, removed = folder.look(names, names)
    assert (again, removed) == ([], names - {"folder"})
    assert sorted(p.name for p in place.iterdir()) == [".half", "folder"]
    assert (tmp_path / "secret").exists()


def test_a_folder_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "journal.sqlite").write_text("precious")
    (tmp_path / FOLDER).symlink_to(tmp_path / "journal")
    with pytest.raises(OSError):
        SaidFolder(tmp_path).look(("journal.sqlite",), ())
    assert (tmp_path / "journal" / "journal.sqlite").exists()


def test_a_flood_is_read_in_parts_oldest_first(tmp_path):
    folder = SaidFolder(tmp_path)
    folder.look((), ())
    for n in range(MOST_FILES + 20):
        (tmp_path / FOLDER / f"f{n}").write_text(json.dumps({**SEEN, "time_ns": n}))
    first, _ = folder.look((), ())
    assert len(first) == MOST_FILES
    times = [saying.said.time_ns for saying in first if saying.said]
    assert times == sorted(times)
    names = {saying.name for saying in first}
    rest, removed = folder.look(names, names)
    assert (len(rest), removed) == (20, names)


# -- targets of an announcement --------------------------------------------------------


def targets(value):
    return read_announcement({**announcement("u"), "time_ns": 0, "targets": value})


def test_targets_are_read_by_delay():
    found = targets([{"delay": 0.01, "indexed": 10}, {"delay": 0.003, "indexed": 5}])
    assert found.targets == (Target(0.003, 5), Target(0.01, 10))
    assert found.problems == ()
    assert targets(None).targets == ()


@pytest.mark.parametrize(
    ("value", "left", "said"),
    [
        ("many", 0, "must be a list"),
        ([5], 0, "targets"),
        ([{"delay": "soon", "indexed": 1}], 0, "targets.delay"),
        ([{"delay": 1, "indexed": True}], 0, "targets.indexed"),
        ([{"delay": 1.0}], 0, "targets.indexed"),
        ([{"delay": 1.0, "indexed": 2}, {"delay": -1.0, "indexed": 2}], 1, "delay"),
        ([{"delay": 1.0, "indexed": 2}, {"delay": 1.0, "indexed": 3}], 1, "several"),
        (
            [{"delay": float(n), "indexed": 1} for n in range(MAX_TARGETS + 1)],
            MAX_TARGETS,
            "only the first",
        ),
    ],
)
def test_a_target_that_cannot_be_used_is_left_out_and_named(value, left, said):
    found = targets(value)
    assert len(found.targets) == left
    assert len(found.problems) == 1
    assert said in found.problems[0]


# -- the disk --------------------------------------------------------------------------


def test_a_disk_that_fills_says_when(tmp_path):
    disk = DiskWatch(tmp_path)
    disk.look()
    assert disk.free
    assert disk.full_s() is None
    disk = DiskWatch(tmp_path)
    for now in range(0, 200, 2):
        disk.note(now, 10**9 - now * 10**6)
    assert disk.full_s() == pytest.approx((10**9 - 190 * 10**6) / 1e6, rel=0.02)
    for now in range(200, 1000, 2):
        disk.note(now, 10**9)
    assert disk.full_s() is None, "it was emptied"
    gone = DiskWatch(tmp_path / "gone")
    gone.look()
    assert gone.free is None
    assert gone.full_s() is None
