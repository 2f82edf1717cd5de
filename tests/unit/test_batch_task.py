"""A task's process ends with what it is for, and says what became of it."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from recorder.config import Settings, load_settings
from recorder.journal import Journal
from recorder.pool import batch_task
from recorder.pool.batch_task import END, STOP, BatchEnd, BatchTask, run_task
from recorder.service.batch.finding import Found
from recorder.service.batch.pieces import (
    HARMLESS,
    MATTER,
    Piece,
    make_pieces,
    settings_that_matter,
)
from recorder.service.batch.tasks import Manner, task_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task").mkdir()
    (tmp_path / "home").touch()
    return tmp_path


def done(folder: Path, *arguments: str, **more: object) -> BatchEnd:
    task = BatchTask("x", arguments, str(folder / "task"), str(folder / "home"), **more)
    return BatchEnd.from_json(run_task(json.loads(json.dumps(task.to_json()))))


@pytest.mark.slow
def test_a_process_that_fails_says_why(folder):
    end = done(folder, "replay", "/no/such/file.h5")
    assert (end.code, end.problem) == (2, "")
    assert "/no/such/file.h5: no such file" in end.output
    kept = json.loads((Path(end.folder) / END).read_bytes())
    assert BatchEnd.from_json(kept) == end


@pytest.mark.slow
def test_settings_of_the_host_do_not_count(folder, monkeypatch):
    monkeypatch.setenv("RECORDER_BEAMLINE", "?!")
    end = done(folder, "config", "show", environment={"RECORDER_TIMEZONE": "Mars"})
    assert end.code == 2
    assert "timezone" in end.output
    assert "beamline" not in end.output


def test_a_folder_that_is_not_there_is_a_problem(tmp_path):
    end = done(tmp_path, "--help")
    assert (end.code, end.folder) == (None, "")
    assert "must be on a file system that all hosts share" in end.problem


@pytest.mark.slow
@pytest.mark.parametrize("why", ["stop", "silent", "gone"])
def test_it_ends_when_nobody_wants_it_any_more(folder, monkeypatch, make_writer, why):
    make_writer().write(1)
    monkeypatch.setattr(batch_task, "BEAT_S", 0.1)
    if why == "stop":
        (folder / "task" / STOP).touch()
    elif why == "silent":
        os.utime(folder / "home", (0, 0))
    else:
        (folder / "home").unlink()
    end = done(folder, "replay", "--follow", "--quiet=600", str(folder / "x.h5"))
    assert end.code is None
    assert ("told to stop" if why == "stop" else "was silent") in end.problem


def test_every_section_matters_or_is_harmless():
    assert set(MATTER) | set(HARMLESS) == set(Settings.model_fields)
    assert not set(MATTER) & set(HARMLESS)


def test_a_task_has_the_settings_that_matter_and_no_secret(
    settings, tmp_path, monkeypatch
):
    mine = settings(
        ispyb={"url": "mysql+pymysql://me@host/db", "password": "secret"},
        mqtt={"password": "secret", "username": "me"},
        classify={"min_snr": 5.5, "gain": 2.0},
        replay={"mask_file": "mask.npy", "distance": 0.2},
        unannounced={"unit_cell": (79, 79, 38, 90, 90, 90), "space_group": "P43212"},
        pool={"second_look_mb": 3, "workers": 2},
        alarms={"off": ["disk"]},
    )
    found = Found(tmp_path / "a.h5", (tmp_path / "a.h5",), 3)
    piece = Piece(found, (), "f", (), "uid", "experiment", 1)
    task = task_of(piece, mine, Manner(tmp_path, 1))
    assert "secret" not in json.dumps(task.to_json())
    for name, value in task.environment.items():
        monkeypatch.setenv(name, value)
    theirs = load_settings(None)
    assert settings_that_matter(theirs) | {"replay": None} == (
        settings_that_matter(mine) | {"replay": None}
    )
    assert theirs.replay.mask_file == Path("mask.npy").absolute()
    assert theirs.pool.workers == 1
    assert (theirs.ispyb.enabled, theirs.mqtt.enabled) == (False, False)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"log": {"level": "error"}}, True),
        ({"pool": {"workers": 3}}, True),
        ({"pool": {"second_look_mb": 3}}, False),
        ({"classify": {"min_snr": 4.5}}, False),
        ({"replay": {"into_production": True}}, True),
        ({"replay": {"distance": 0.1}}, False),
        ({"unannounced": {"sample": "other"}}, False),
    ],
)
def test_a_fingerprint_follows_what_rows_depend_on(settings, tmp_path, change, same):
    path = tmp_path / "a.h5"
    path.write_bytes(b"x")

    def fingerprint(**more: dict[str, object]) -> str:
        found = Found(path, (path,), 3)
        with closing(Journal(tmp_path / "journal.sqlite")) as journal:
            (piece,) = make_pieces([found], settings(**more), journal, {}, [])
        return piece.fingerprint

    before = fingerprint()
    assert (fingerprint(**change) == before) is same
    path.write_bytes(b"xy")
    assert fingerprint() != before
