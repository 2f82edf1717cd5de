"""`recorder sync`: on a terminal it shows, elsewhere it writes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.portal import body, write_json
from tests.servers import recorder_environment

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_it_writes_where_nobody_watches(
    run_recorder: Run, config_file: Callable[..., Path], tmp_path: Path
) -> None:
    config = config_file(timezone="Europe/Paris")
    file = write_json(tmp_path / "all.json", [body(1), body(2)])
    dry = run_recorder("sync", "--dry-run", file, config=config)
    assert dry.returncode == 0 and "mx2601 to be written" in dry.stdout
    assert "proposals: 2 to be written in" in dry.stdout
    assert dry.stdout.endswith("nothing was written\n")
    assert not (tmp_path / "state" / "ispyb.sqlite").exists()
    done = run_recorder("sync", "--json", file, config=config)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["applied"]
    assert report["proposals"] == {"written": 2}
    again = run_recorder("sync", file, config=config)
    assert "2 unchanged" in again.stdout


def test_on_a_terminal_it_only_shows(
    config_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Also if its output goes to a pager: stderr is the terminal's still."""
    config = config_file()
    file = write_json(tmp_path / "all.json", body())
    for more, written in (((), False), (("--yes",), True)):
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "recorder", "sync", *more, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            check=True,
            env=recorder_environment(config),
        )
        os.set_blocking(ours, False)
        with contextlib.suppress(OSError):
            assert b"portal_changed" not in os.read(ours, 10_000), "said on stdout"
        os.close(theirs)
        os.close(ours)
        assert ("--yes writes it" in done.stdout) != written
        assert (tmp_path / "state" / "ispyb.sqlite").exists() == written


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("missing.json",), 2, "No such file"),
        (("--portal", "duo"), 2, "no such portal: duo"),
        ((), 2, "name a FILE"),
        (("--yes", "--dry-run", "x"), 2, "only one of them"),
        (("--portal", "duo", "x"), 2, "only one of them"),
        (("/proc/self/mem",), 2, "mem"),
    ],
)
def test_what_cannot_be_done(
    run_recorder: Run,
    config_file: Callable[..., Path],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    done = run_recorder("sync", *arguments, config=config_file())
    assert done.returncode == code and said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_portal_and_what_is_wrong_with_it(
    run_recorder: Run, config_file: Callable[..., Path], tmp_path: Path
) -> None:
    place = tmp_path / "duo"
    sections = [
        {"kind": "folder", "name": "gone", "path": str(tmp_path / "nowhere")},
        {"kind": "folder", "name": "duo", "path": str(place)},
    ]
    place.mkdir()
    write_json(place / "1.json", body())
    config = config_file(sync={"portal": sections})
    done = run_recorder("sync", config=config)
    assert done.returncode == 1 and "portal gone" in done.stderr
    assert "1 written" in done.stdout  # the other one is asked all the same
    only = run_recorder("sync", "--portal", "duo", config=config)
    assert only.returncode == 0 and not only.stdout
    write_json(place / "2.json", {"proposal": {}})
    wrong = run_recorder("sync", "--portal", "duo", config=config)
    assert wrong.returncode == 1 and "proposalCode: is needed" in wrong.stdout
