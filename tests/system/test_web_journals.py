"""Whatever the journal is: the web process says so clearly, and recovers by itself."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from recorder.journal import Journal
from recorder.journal.schema import FORMAT
from tests.busy import in_time
from tests.web import write_run

JOURNALS = Path(__file__).parents[1] / "journals"
PATHS = ("/api/v1/runs", "/api/v1/runs/1", "/api/v1/spool", "/readyz")


def problem(web, path: str = "/readyz", words: str = "") -> str:
    """What an answer complains of, once it does of this."""
    answer = web.until(path, lambda a: a.status == 503 and words in a.json["detail"])
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json["detail"])


def test_one_that_is_missing_appears(start_web, state):
    web = start_web()
    for path in PATHS:
        said = "no journal yet" if path != "/readyz" else "the recorder's log says why"
        assert said in problem(web, path)
    assert web.get("/healthz").status == 200
    assert web.get("/").status == 200
    assert web.get("/api/v1/now").json["daemon"] == "none"
    assert "no journal yet" in web.get("/api/v1/slow").json["problem"]
    journal = Journal(state / "journal.sqlite", owner=True)
    write_run(journal, 1)
    assert web.until("/readyz", lambda a: a.status == 200)
    assert web.get("/api/v1/runs/1").json["run"] == 1
    slow = web.until("/api/v1/slow", lambda a: a.json["experiments"]).json
    assert slow["problem"] is None and slow["run"]["run"] == 1
    journal.close()


@pytest.mark.parametrize("kind", ["zeros", "text", "torn", "folder", "empty"])
def test_one_that_is_damaged_is_said_and_then_mended(start_web, state, kind):
    path = state / "journal.sqlite"
    journal = Journal(path)
    for n in range(1, 30):
        write_run(journal, n)
    journal.close()
    whole = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    else:
        torn = whole[:4096] + b"\xff" * (len(whole) - 4096)
        bodies = {"zeros": bytes(8192), "text": b"x" * 9000, "torn": torn, "empty": b""}
        path.write_bytes(bodies[kind])
    web = start_web()
    detail = problem(web, "/api/v1/runs")
    assert str(path) in detail
    assert "move" in detail or "start" in detail or "malformed" in detail
    assert web.get("/healthz").status == 200
    problem(web)
    if kind == "folder":
        path.rmdir()
    else:
        path.rename(path.with_name("kept"))
    path.write_bytes(whole)
    web.until("/readyz", lambda a: a.status == 200)
    assert web.get("/api/v1/runs/29").status == 200


def test_a_record_that_is_damaged_harms_its_run_only(start_web, journal, state):
    for n in (1, 2, 3):
        write_run(journal, n)
    other = sqlite3.connect(state / "journal.sqlite")
    with other:
        other.execute(
            'UPDATE records SET body = \'{"report": {"run": "x"}}\' '
            "WHERE run = 'uid-00002' AND kind = 'run_sealed'"
        )
        other.execute(  # and its images are gone: nothing can be worked out
            "INSERT INTO records (run, kind, time_ns, body) "
            "VALUES ('uid-00002', 'run_pruned', 0, '{}')"
        )
    other.close()
    web = start_web()
    cards = web.get("/api/v1/runs").json["runs"]
    assert [card["run"] for card in cards] == [3, 2, 1]
    assert [card["problem"] is None for card in cards] == [True, False, True]
    assert "cannot be read" in cards[1]["problem"]
    bad = web.get("/api/v1/runs/2")
    assert bad.status == 500 and "cannot be read" in bad.json["detail"]
    assert web.get("/api/v1/runs/1").status == 200


@pytest.mark.parametrize("name", ["format-1", "format-2", "format-3"])
def test_one_of_an_older_format_waits_for_its_recorder(start_web, state, name):
    """A migration is the daemon's: until then it is said, afterwards it is shown."""
    path = state / "journal.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.decompress((JOURNALS / f"{name}.sqlite.gz").read_bytes()))
    web = start_web()
    if name != f"format-{FORMAT}":
        assert "recorder run" in problem(web, "/api/v1/runs", "journal format")
    Journal(path, owner=True).close()
    web.until("/readyz", lambda a: a.status == 200)
    runs = web.get("/api/v1/runs").json["runs"]
    assert runs and all(run["problem"] is None for run in runs)


def test_one_of_a_newer_format_is_said(start_web, state):
    path = state / "journal.sqlite"
    journal = Journal(path)
    journal.mark("format", "99")
    journal.close()
    web = start_web()
    assert "journal format 99" in problem(web, "/api/v1/runs")


def test_another_journal_in_its_place_is_shown(start_web, state, tmp_path):
    path = state / "journal.sqlite"
    first = Journal(path)
    write_run(first, 1)
    first.close()
    web = start_web()
    web.until("/api/v1/slow", lambda a: a.json["run"]["run"] == 1)
    second = Journal(tmp_path / "other" / "journal.sqlite")
    write_run(second, 2)
    second.close()
    os.replace(tmp_path / "other" / "journal.sqlite", path)  # noqa: PTH105
    slow = web.until("/api/v1/slow", lambda a: a.json["run"]["run"] == 2).json
    assert slow["experiments"][0]["cumulative"]["runs"] == 1


def test_that_of_last_week_is_shown_without_a_daemon(start_web, tmp_path):
    old = tmp_path / "last-week"
    journal = Journal(old / "journal.sqlite")
    write_run(journal, 7)
    journal.close()
    web = start_web("--journal", str(old))
    assert web.get("/api/v1/runs").json["runs"][0]["run"] == 7
    assert web.get("/api/v1/now").json["live"] is None


def test_a_run_that_nobody_goes_on_with_is_worked_out(start_web, state):
    """A daemon that died left a report that does not count its last images."""
    journal = Journal(state / "journal.sqlite", owner=True)
    run = write_run(journal, 1, images=3, sealed=False)
    from tests.builders import outcome

    web = start_web()
    web.until("/api/v1/slow", lambda a: a.json["run"] is not None)
    journal.write((), [(run.uid, outcome(k)) for k in range(3, 8)])
    journal.close()
    (entry,) = web.until(
        "/api/v1/slow",
        lambda a: a.json["experiments"][0]["cumulative"]["images"] == 8,
    ).json["experiments"]
    assert entry["runs"][0]["images"]["received"] == 8


def test_nothing_keeps_the_log_of_the_journal_from_being_cut_back(start_web, journal):
    """An open read transaction would: the write-ahead log would grow for ever."""
    run = write_run(journal, 1)
    web = start_web()
    wal = journal.path.with_name("journal.sqlite-wal")
    from tests.builders import outcome

    with web.live() as events:
        for n in range(40):
            rows = [(run.uid, outcome(100 + n * 500 + k)) for k in range(500)]
            journal.write((), rows)
            next(events)
    assert wal.stat().st_size < 8 << 20


def test_a_thousand_runs_are_there_within_a_second(start_web, state):
    journal = Journal(state / "journal.sqlite")
    for n in range(1, 1001):
        write_run(journal, n, images=1, experiment={"name": f"e{n % 4}"})
    journal.close()
    web = start_web()
    for path in ("/", "/api/v1/now", "/api/v1/slow", "/api/v1/runs"):
        with in_time(1.0):
            answer = web.get(path)
        assert answer.status == 200
    assert web.get("/api/v1/slow").json["run"]["run"] == 1000
    slow = web.until("/api/v1/slow", lambda a: a.json["complete"]).json
    assert sum(e["cumulative"]["runs"] for e in slow["experiments"]) == 1000
    assert sum(len(e["runs"]) for e in slow["experiments"]) == 1000


OTHER_USER = """
import os, sys
from pathlib import Path
from recorder.journal import Journal
os.setgid(65534); os.setuid(65534)
journal = Journal(Path(sys.argv[1]), read_only=True)
print(journal.run_uids(), journal.is_outdated)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user: run as root")
def test_who_may_only_read_reads_a_journal_that_nobody_has_open():
    """SQLite would make its shared files beside it, which such a reader may not."""
    folder = Path(tempfile.mkdtemp(prefix="recorder-other-user-"))
    try:
        path = folder / "journal.sqlite"
        journal = Journal(path)
        write_run(journal, 1)
        journal.close()
        folder.chmod(0o755)
        path.chmod(0o644)
        assert os.listdir(folder) == [path.name]  # noqa: PTH208
        done = subprocess.run(
            [sys.executable, "-c", OTHER_USER, str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == "['uid-00001'] False", done.stderr
    finally:
        shutil.rmtree(folder)


def test_what_was_read_at_rest_is_outdated_once_somebody_writes(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    write_run(journal, 1)
    journal.close()
    reader = Journal(tmp_path / "journal.sqlite", read_only=True)
    assert not reader.is_outdated
    reader._open_at_rest()  # as for who may not write into the folder
    assert reader.run_uids() == ["uid-00001"]
    assert not reader.is_outdated
    writer = Journal(tmp_path / "journal.sqlite", owner=True)
    write_run(writer, 2)
    assert reader.is_outdated
    writer.close()
    reader.close()
