"""`recorder tail`: files that grow, rotate, hold anything; journald; choices."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from recorder.commands.tail import command
from recorder.errors import LogError, ServerMissingError, UsageError
from recorder.terminal import log_file
from recorder.terminal.journald import read_entry
from recorder.terminal.log_file import LogFile
from recorder.terminal.log_lines import Choice, Entry, read_line, shown
from recorder.terminal.since import moment_of
from tests.unit.test_top import harmless

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def event(name: str = "run_sealed", level: str = "info", **fields: object) -> bytes:
    body = {"event": name, "level": level, "timestamp": NOON.isoformat(), **fields}
    return json.dumps(body).encode()


def tail(*arguments: str | Path) -> list[str]:
    found = CliRunner().invoke(command, [str(item) for item in arguments])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.stdout.splitlines()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "recorder.log"
    lines = [
        event("run_started", run=1, uid="abcdef-1", part="runs"),
        event("sink_refused", "warning", run=1, error="a\x1b[31mb\nc"),
        b"\xff\xfe\x00 garbage \x1b[2J",
        event("run_started", run=12, uid="abcdef-12"),
        event("step_failed", "error", exception=[{"exc_type": "E", "exc_value": "v"}]),
        event("run_sealed", run=1, hit_rate=0.2),
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


# -- what is chosen --------------------------------------------------------------------


def names(lines: list[str]) -> list[str]:
    return [line.split()[3] for line in lines]


def test_each_event_is_one_line_with_its_fields(log):
    found = tail(log)
    assert len(found) == 6
    assert all(harmless(line) for line in found)
    assert found[0].endswith("run_started              run 1  uid=abcdef-1  (runs)")
    assert "error=a\\x1b[31mb\\x0ac" in found[1]
    assert found[2].startswith("?")
    assert "exception=E: v (--json has the trace)" in found[4]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--run", "1"], ["run_started", "sink_refused", "run_sealed"]),
        (["--run", "abcdef-12"], ["run_started"]),
        (["--run", "abc"], []),
        (["--level", "warning"], ["sink_refused", "step_failed"]),
        (["--event", "run_*"], ["run_started", "run_started", "run_sealed"]),
        (["--event", "*sealed", "--event", "step_*"], ["step_failed", "run_sealed"]),
        (["--run", "1", "-n", "1"], ["run_sealed"]),
        (["--level", "error", "--since", "2026-11-28T11:00+00:00"], ["step_failed"]),
        (["--since", "2026-11-28T13:00+00:00"], []),
        (["-n", "0"], []),
    ],
)
def test_filters(log, options, wanted):
    assert names(tail(log, *options)) == wanted


def test_json_lines_pass_through_and_garbage_does_not(log):
    found = [json.loads(line) for line in tail(log, "--json")]
    assert [item["event"] for item in found][:2] == ["run_started", "sink_refused"]
    assert found[1]["error"] == "a\x1b[31mb\nc"
    assert len(found) == 5


def test_times_are_of_this_host(log, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    command_line = [sys.executable, "-m", "recorder", "tail", "-n", "1", str(log)]
    found = subprocess.run(command_line, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("2026-11-28 21:00:00")


# -- files -----------------------------------------------------------------------------


LINES = st.lists(
    st.one_of(
        st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")),
        st.integers(0, 99).map(lambda n: event(f"e{n}")),
    ),
    max_size=20,
)


@given(LINES, st.booleans(), st.integers(1, 25), st.integers(1, 300))
def test_law_read_backwards_is_read_forwards(tmp_path_factory, lines, torn, n, block):
    path = tmp_path_factory.getbasetemp() / "law.log"
    path.write_bytes(b"\n".join(lines) + (b"" if torn else b"\n"))
    before, log_file.BLOCK = log_file.BLOCK, block
    try:
        both = []
        for most in (None, n):
            found = LogFile(path, Choice())
            both.append([item.raw for item in (*found.last(most), *found.rest())])
            found.close()
    finally:
        log_file.BLOCK = before
    whole, few = both
    assert few == whole[len(whole) - len(few) :]
    assert len(few) >= min(n, len(whole))


@given(st.binary(max_size=200))
def test_law_no_bytes_whatever_reach_the_terminal_as_a_command(body):
    assert harmless(shown(read_line(body)).plain)
    assert harmless(shown(read_entry(body)).plain)


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_law_no_field_whatever_makes_a_line_of_its_own(text):
    body = json.dumps({"event": text, text: text, "x": [text], "level": text}).encode()
    found = shown(read_line(body)).plain
    assert harmless(found) and "\n" not in found


def written(log: LogFile) -> list[str]:
    """What came, up to the moment when there is nothing."""
    found: list[str] = []
    for entry in log.follow():
        if entry is None:
            return found
        found.append(entry.event or entry.raw)
    raise AssertionError("unreachable: it has no end")


def test_a_file_is_followed_through_torn_lines_rotation_and_cutting(log):
    followed = LogFile(log, Choice())
    assert len(followed.last(50)) == 6
    whole = event("torn_line")
    with log.open("ab") as file:
        file.write(whole[:20])
        file.flush()
        assert written(followed) == []
        file.write(whole[20:] + b"\n")
    assert written(followed) == ["torn_line"]
    with log.open("ab") as file:  # written after the rename, by who had it open
        log.rename(log.with_suffix(".1"))
        file.write(event("last_of_the_old") + b"\n")
    assert written(followed) == ["last_of_the_old"]
    log.write_bytes(event("first_of_the_new") + b"\n")
    assert written(followed) == ["first_of_the_new"]
    with log.open("r+b") as file:  # copytruncate
        file.truncate(0)
    assert written(followed) == []
    log.write_bytes(event("after_the_cut") + b"\n")
    assert written(followed) == ["after_the_cut"]
    followed.close()


def test_a_line_without_end_is_not_kept_whole_in_memory(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"x" * (3 * log_file.MAX_LINE) + b"\n" + event() + b"\n")
    for most in (None, 50):
        found = LogFile(path, Choice())
        entries = found.last(most)
        assert entries[-1].event == "run_sealed"
        assert max(len(e.raw) for e in entries) <= log_file.MAX_LINE + log_file.BLOCK
        found.close()


def test_a_pipe_is_read_forwards(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(
        [sys.executable, "-m", "recorder", "tail", "-n", "1", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        path.write_bytes(event("one") + b"\n" + event("two") + b"\n")
        out, _ = process.communicate(timeout=120)
    assert names(out.splitlines()) == ["two"]


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LogError, match=r"no\.log: cannot be read: No such file"):
        LogFile(tmp_path / "no.log", Choice())
    with pytest.raises(LogError):
        LogFile(tmp_path, Choice())


# -- journald --------------------------------------------------------------------------


def test_an_entry_of_journald():
    body = {
        "__CURSOR": "s=1",
        "MESSAGE": "run_sealed",
        "PRIORITY": "4",
        "SSX_RUN": "3",
        "SSX_ERROR": [97, 27, 98],
        "SSX_HINT": None,
        "__REALTIME_TIMESTAMP": str(int(NOON.timestamp() * 1e6)),
        "_PID": "1",
    }
    entry = read_entry(json.dumps(body).encode())
    assert entry.cursor == "s=1"
    assert (entry.event, entry.level, entry.time) == ("run_sealed", "warning", NOON)
    assert entry.fields["error"] == "a\x1bb"
    assert Choice(run="3").takes(entry)
    assert "_pid" not in entry.fields


def test_lines_of_systemd_are_shown_as_they_are():
    entry = read_entry(b'{"MESSAGE": "Started recorder.service", "PRIORITY": "6"}')
    assert entry.raw == "Started recorder.service"
    assert Choice().takes(entry)
    assert not Choice(level="warning").takes(entry)


def test_without_journalctl_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissingError, match="name a log file"):
        tail()


@pytest.fixture
def journalctl(monkeypatch, tmp_path):
    """A `journalctl` that tells what it was asked, and answers what it is told."""

    def make(script: str) -> Path:
        program = tmp_path / "journalctl"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{script}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return tmp_path / "asked"

    return make


def test_journald_is_asked_for_what_it_can_choose(journalctl):
    entry = {"MESSAGE": "run_sealed", "SSX_RUN": "3", "SSX_LEVEL": "warning"}
    asked = journalctl(f"echo '{json.dumps(entry)}'")
    found = tail("--run", "3", "--level", "warning", "--unit", "recorder@id29")
    assert names_of(found) == ["run_sealed"]
    words = asked.read_text().split()
    assert words[:4] == ["-u", "recorder@id29", "-o", "json"]
    assert "SSX_RUN=3" in words and "--priority=4" in words
    assert "-n" not in words  # of those that are chosen here


def names_of(lines: list[str]) -> list[str]:
    return [word for line in lines for word in line.split() if word == "run_sealed"]


def test_that_journald_refuses_is_told(journalctl):
    journalctl("echo 'not \033[31m allowed' >&2; exit 1")
    with pytest.raises(LogError, match=r"not \\x1b\[31m allowed.*systemd-journal"):
        tail()


def test_that_journald_has_nothing_is_told(journalctl):
    journalctl("exit 0")
    found = CliRunner().invoke(command, [])
    assert found.exit_code == 0
    assert "no such event of unit recorder" in found.stderr


# -- moments ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", NOON - timedelta(seconds=30)),
        ("10m", NOON - timedelta(minutes=10)),
        ("10 min", NOON - timedelta(minutes=10)),
        ("2h", NOON - timedelta(hours=2)),
        ("3d", NOON - timedelta(days=3)),
        ("03:30", NOON.replace(hour=3, minute=30)),
        ("2026-11-27 03:00", datetime(2026, 11, 27, 3, tzinfo=UTC)),
        ("2026-11-27T03:00+01:00", datetime(2026, 11, 27, 2, tzinfo=UTC)),
        ("2026-11-27", datetime(2026, 11, 27, tzinfo=UTC)),
    ],
)
def test_moments_as_people_say_them(text, moment):
    assert moment_of(text, NOON) == moment


@pytest.mark.parametrize(
    "text", ["", "x", "25:00", "999999999d", "-1s", "\u0661\u0660m", "\x1b"]
)
def test_what_is_no_moment_is_told(text):
    with pytest.raises(UsageError, match="give 10m"):
        moment_of(text, NOON)


def test_an_event_without_time_or_level_is_shown():
    assert "(no time)" in shown(Entry("", {"event": "x", "level": 5})).plain
