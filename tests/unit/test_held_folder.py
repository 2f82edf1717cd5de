"""Files on a shared host: what others plant is not followed, and nothing is mixed."""

from __future__ import annotations

import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.sinks.atomic_files import replacing
from recorder.sinks.held_folder import held
from recorder.sinks.results.event_lists import delay_names
from recorder.sinks.results.run_folder import OWNER, Owner, own_folder, take_folder
from recorder.sinks.results.sink import ResultsSink
from recorder.testing.recorded import copy_journal, plain_settings

WRITTEN = (
    "results.h5",
    "ssx_stats.json",
    "ssx_cells.json",
    "report.json",
    "report.html",
    "summary.png",
    "timeline.json",
    "light.lst",
    "dark.lst",
    "indexed.lst",
    "delay_0.001s.lst",
)
FOLDERS = ("mx2345-1", "mx2345-1/conformance", "mx2345-1/conformance/run001")
RUN = FOLDERS[-1]


@pytest.fixture
def written(tmp_path: Path) -> Settings:
    """A configuration whose journal has two runs; no file is written yet."""
    settings = plain_settings(tmp_path)
    copy_journal(settings)
    return settings


def write(settings: Settings) -> dict[str, str]:
    """Have the sink write all; what it refused, by run."""
    refused: dict[str, str] = {}
    with closing(Journal(settings.journal_path)) as journal:
        sink = ResultsSink(settings)
        sink.open(journal)
        for record in journal.records(kinds=SINK_KINDS):
            try:
                sink.apply(record)
            except SinkError as error:
                refused[str(record.run)] = str(error)
    return refused


def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("mine")
    return path


# -- links -----------------------------------------------------------------------------


def test_all_files_are_there(written):
    assert write(written) == {}
    found = {path.name for path in (written.results / RUN).iterdir()}
    assert found == {*WRITTEN, OWNER}


@pytest.mark.parametrize("name", [*WRITTEN, OWNER])
def test_a_link_at_a_name_that_is_written_is_not_followed(written, tmp_path, name):
    folder = written.results / RUN
    folder.mkdir(parents=True)
    (folder / name).symlink_to(victim(tmp_path))
    refused = write(written)
    assert (tmp_path / "victim").read_text() == "mine"
    assert bool(refused) == (name == OWNER), "only whose it is must be sure"
    if not refused:
        assert not (folder / name).is_symlink()


@pytest.mark.parametrize("name", WRITTEN)
def test_the_earlier_temporary_name_is_not_followed(written, tmp_path, name):
    folder = written.results / RUN
    folder.mkdir(parents=True)
    (folder / f".{name}.tmp").symlink_to(victim(tmp_path))
    assert write(written) == {}
    assert (tmp_path / "victim").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {*WRITTEN, OWNER}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_hard_link_keeps_what_it_had(written, tmp_path, name):
    folder = written.results / RUN
    folder.mkdir(parents=True)
    (folder / name).hardlink_to(victim(tmp_path))
    assert write(written) == {}
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("part", FOLDERS)
def test_a_link_at_a_folder_is_not_followed(written, tmp_path, part):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = written.results / part
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere)
    refused = write(written)
    assert not list(elsewhere.iterdir())
    assert "recorded-1" in refused
    assert "symbolic link" in refused["recorded-1"]
    assert ("recorded-2" in refused) == (part != RUN), "what stands elsewhere goes on"


def test_a_link_that_comes_while_the_folder_is_open(written, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with held(written.results, ("a", "b")) as folder:
        (written.results / "a").rename(written.results / "gone")
        (written.results / "a").symlink_to(elsewhere)
        folder.write("x.json", b"1")
    assert not list(elsewhere.rglob("*"))
    assert (written.results / "gone/b/x.json").read_bytes() == b"1"


@pytest.mark.parametrize("planted", ["pipe", "folder", "loop"])
def test_other_things_at_a_name_cost_that_run_only(written, planted):
    folder = written.results / RUN
    folder.mkdir(parents=True)
    place = folder / OWNER
    if planted == "pipe":
        os.mkfifo(place)
    elif planted == "folder":
        place.mkdir()
    else:
        place.symlink_to(place)
    assert list(write(written)) == ["recorded-1"]


def test_the_root_itself_may_be_a_link(written, tmp_path):
    (tmp_path / "disk").mkdir()
    written.results.symlink_to(tmp_path / "disk")
    assert write(written) == {}
    assert (tmp_path / "disk" / RUN / "report.json").is_file()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/x", "a\0b"])
def test_only_plain_names_are_written(tmp_path, name):
    with held(tmp_path) as folder:
        for action in (folder.make, folder.within, lambda n: folder.write(n, b"")):
            with pytest.raises(SinkError, match="no name of a file"):
                action(name)


def test_temporary_names_cannot_be_foreseen_and_do_not_stay(tmp_path):
    seen = set()
    with held(tmp_path) as folder:
        for _ in range(2):
            with folder.replacing("x") as file:
                (name,) = folder.names() if not seen else set(folder.names()) - {"x"}
                seen.add(name)
                assert stat.S_IMODE(os.fstat(file).st_mode) & 0o137 == 0
        with pytest.raises(ZeroDivisionError):
            with folder.replacing("x"):
                raise ZeroDivisionError
        assert folder.names() == ["x"]
    assert len(seen) == 2


def test_what_a_crash_left_is_swept_and_nothing_else(tmp_path):
    kept = [".x.tmpl", ".x.0123.tmp", "x.tmp", ".y.0123456789abcdef.tmp"]
    for name in (*kept, ".x.0123456789abcdef.tmp", ".x.tmp"):
        (tmp_path / name).touch()
    with held(tmp_path) as folder:
        folder.write("x", b"")
        assert sorted(folder.names()) == sorted([*kept, "x"])


def test_replacing_writes_to_the_file_itself(tmp_path):
    path = tmp_path / "lines.csv"
    path.symlink_to(victim(tmp_path))
    with replacing(path) as part:
        part.write_text("longer than it is in the end")
        part.write_text("new")
    assert path.read_text() == "new"
    assert not path.is_symlink()
    assert (tmp_path / "victim").read_text() == "mine"


# -- whose folder ----------------------------------------------------------------------


def free(_: str) -> bool:
    return True


def test_another_run_gets_the_next_name(tmp_path):
    def take(uid: str, journal: str = "j") -> str:
        return take_folder(tmp_path, "p/e/run001", Owner(uid, journal), free)

    assert take("a") == "p/e/run001"
    assert take("b") == "p/e/run001-2"
    assert take("c") == "p/e/run001-3"
    assert [take(uid) for uid in "cab"] == [
        "p/e/run001-3",
        "p/e/run001",
        "p/e/run001-2",
    ]
    # a replay into the same folder uses the uid of the run that was recorded
    assert take("a", "other journal") == "p/e/run001-4"
    assert (tmp_path / "p/e/run001" / OWNER).read_text() == "a\nj\n"


def test_what_the_journal_has_for_another_run_is_left_out(tmp_path):
    taken = {"p/run001", "p/run001-2"}
    assert (
        take_folder(tmp_path, "p/run001", Owner("a", "j"), lambda p: p not in taken)
        == "p/run001-3"
    )


@pytest.mark.parametrize("planted", ["link", "file", "folder"])
def test_what_stands_there_is_left_alone(tmp_path, planted):
    place = tmp_path / "run001"
    if planted == "link":
        place.symlink_to(tmp_path)
    elif planted == "file":
        place.touch()
    else:
        place.mkdir()
        (place / "report.json").touch()
    assert take_folder(tmp_path, "run001", Owner("a", "j"), free) == "run001-2"


def test_many_at_once_get_one_each(tmp_path):
    """No two of 40 runs, taken at the same moment, have the same folder."""
    many, together = 40, threading.Barrier(8)

    def take(number: int) -> str:
        if number < 8:
            together.wait()
        return take_folder(tmp_path, "p/e/run001", Owner(f"u{number}", "j"), free)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(take, range(many)))
    assert len(set(found)) == many
    for number, folder in enumerate(found):
        assert (tmp_path / folder / OWNER).read_text() == f"u{number}\nj\n"


def test_two_recorders_in_one_results_folder(written, tmp_path):
    """Another journal has runs of the same names and uids: nothing is overwritten."""
    assert write(written) == {}
    before = contents(written.results)
    other = plain_settings(tmp_path / "other", results_directory=written.results)
    copy_journal(other)
    with closing(Journal(other.journal_path)) as journal:
        with journal._transaction() as db:
            db.execute("UPDATE meta SET value='another' WHERE key='id'")
    refused = write(other)
    assert set(refused) == {"recorded-1", "recorded-2"}
    assert "spool retry" in refused["recorded-1"]
    assert contents(written.results) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_of_an_earlier_recorder_is_marked(written):
    assert write(written) == {}
    mark = written.results / RUN / OWNER
    mark.unlink()
    assert write(written) == {}
    assert mark.read_text().startswith("recorded-1\n")
    mark.unlink()
    told = written.results / RUN / "timeline.json"
    told.write_text(json.dumps({"uid": 'some "other" run'}))
    assert set(write(written)) == {"recorded-1"}
    assert not mark.exists()


@pytest.mark.parametrize("path", ["", "/etc", "../x", "a/../../x"])
def test_a_stored_folder_cannot_lead_out(tmp_path, path):
    with pytest.raises(SinkError, match="outside the results"):
        with own_folder(tmp_path, path, Owner("a", "j")):
            raise AssertionError("not reached")


# -- lists -----------------------------------------------------------------------------


def test_lists_of_an_earlier_revision_go_and_only_ours(written):
    folder = written.results / RUN
    assert write(written) == {}
    kept = ["delay_0.5s-good.lst", "my.lst", "delay_.lst.txt"]
    for name in (*kept, "delay_0.5s.lst", "delay_1e-06s.lst", "delay_-2s-2.lst"):
        (folder / name).write_text("")
    assert write(written) == {}
    assert {path.name for path in folder.iterdir()} == {*WRITTEN, OWNER, *kept}


@given(
    st.lists(
        st.integers(-(10**12), 10**12).map(float), min_size=1, max_size=5, unique=True
    )
)
def test_each_delay_has_its_list(delays):
    names = delay_names(delays)
    assert len(set(names)) == len(delays)
    assert all(name.startswith("delay_") and "/" not in name for name in names)


def test_delays_that_differ_little():
    assert delay_names([6e8]) == ["delay_0.6s"]
    assert delay_names([1_000_010_000, 1_000_040_000]) == [
        "delay_1.00001s",
        "delay_1.00004s",
    ]
    assert delay_names([5.0, 5.0]) == ["delay_5e-09s-1", "delay_5e-09s-2"]
