"""`recorder top`, `recorder tail` and the pages of a real daemon and its run."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from tests.system.beamline import Beamline, make_beamline, small_series, wait_sealed

WAIT_S = 120.0


def ours(beamline: Beamline, *arguments: str, **environment: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "recorder", *arguments]
    known = {**os.environ, "COLUMNS": "120", **environment}
    config = [] if arguments[0] == "tail" else ["-c", str(beamline.config)]
    done = subprocess.run(
        [*command, *config], capture_output=True, text=True, env=known, check=True
    )
    return done.stdout


def wait_for(beamline: Beamline, pattern: str) -> str:
    """The first picture that says so."""
    end = time.monotonic() + WAIT_S
    while True:
        found = ours(beamline, "top", "--once")
        if re.search(pattern, found):
            return found
        assert time.monotonic() < end, found


@pytest.fixture(scope="module")
def series():
    return small_series(200)


def test_one_picture_equals_the_report_and_the_pages_are_there(
    config_file, mosquitto, recorder_daemon, series
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    truth = beamline.simulate(series)
    wait_sealed(daemon, beamline, truth["uid"])
    found = wait_for(beamline, r"accounted, .*results written")
    said = json.loads(ours(beamline, "report", "--json"))
    (entry,) = said["experiments"]
    (run,) = entry["runs"]
    images, classes = run["images"], run["classes"]
    assert "daemon running" in found
    assert f"{images['received']}/{images['expected']}  lost {images['lost']}" in found
    hits = classes["indexed"] + classes["non_indexed_hits"]
    numbers = rf"#1 .*\b{classes['indexed']} indexed .* {classes['non_indexed_hits']} "
    assert re.search(
        rf"{numbers}non-indexed hits .* {images['received'] - hits} ", found
    )
    low, high = (100 * bound for bound in run["rates"]["hit_ci95"])
    shown = rf"run +{images['received']} +{100 * run['rates']['hit']:.1f} % +{low:.1f}"
    assert re.search(rf"{shown}.{high:.1f}", found)
    assert f"light {run['pump']['light']}   dark {run['pump']['dark']}" in found
    assert "\x1b" not in found

    folder = next(beamline.settings.results.rglob("run001"))
    text = re.sub(r"<[^>]*>", " ", (folder / "report.html").read_text())
    for number in (images["received"], classes["indexed"], run["pump"]["light"]):
        assert re.search(rf"\b{number}\b", text)
    assert (folder / "summary.png").read_bytes().startswith(b"\x89PNG")
    assert 'href="./run001/report.html"' in (folder.parent / "report.html").read_text()

    page, picture = folder.parent / "all.html", folder.parent / "1.png"
    ours(beamline, "report", "--run", "1", "--html", str(page), "--png", str(picture))
    assert f"DC {run['data_collection_id']}" in page.read_text()
    assert picture.stat().st_size > 1000

    log = folder.parent / "daemon.log"
    log.write_text("\n".join(line.rstrip() for line in daemon.lines))
    lines = ours(beamline, "tail", "--run", "1", "--event", "run_*", str(log))
    assert re.search(rf"info +run_sealed +run 1  uid={run['uid']}", lines)

    assert daemon.terminate() == 0
    found = ours(beamline, "top", "--once")
    assert (
        "NO DAEMON" in found and f"{images['received']}/{images['expected']}" in found
    )


def test_a_daemon_that_hangs_is_seen(config_file, mosquitto, recorder_daemon):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    wait_for(beamline, "daemon running")
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        wait_for(beamline, "NO NEW STATE for")
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    wait_for(beamline, "daemon running")


class Terminal:
    """A terminal in which a command runs."""

    def __init__(self, columns: int, lines: int, *command: str) -> None:
        self.pid, self.place = pty.fork()
        if self.pid == 0:
            # not by execv: readline put COLUMNS and LINES where os.environ is blind
            known = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
            for name in ("COLUMNS", "LINES", "NO_COLOR"):
                known.pop(name, None)
            arguments = [sys.executable, "-m", "recorder", *command]
            os.execve(sys.executable, arguments, known)
        self.resize(columns, lines)
        self.text = ""

    def resize(self, columns: int, lines: int) -> None:
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.place, termios.TIOCSWINSZ, size)

    def read_until(self, pattern: str) -> None:
        end = time.monotonic() + WAIT_S
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, self.text[-3000:]
            if not select.select([self.place], [], [], 1.0)[0]:
                continue
            try:
                self.text += os.read(self.place, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                assert re.search(pattern, self.text), self.text[-3000:]


def test_it_follows_the_size_of_its_terminal_and_gives_it_back(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto)
    recorder_daemon(beamline.config)
    wait_for(beamline, "daemon running")
    terminal = Terminal(80, 24, "top", "-c", str(beamline.config))
    terminal.read_until(r"\x1b\[\?1049h(.|\n)*running")
    terminal.resize(200, 50)
    terminal.text = ""
    terminal.read_until("─{200}")
    os.write(terminal.place, b"\x03")
    terminal.read_until(r"\x1b\[\?1049l")
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    os.close(terminal.place)
